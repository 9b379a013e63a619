package exchange

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// stateDictKeys are where a checkpoint usually has its state dict, when it has more
// than that.
var stateDictKeys = []string{"state_dict", "model_state_dict", "model", "net", "network", "module"}

// topKey, as the key of a state dict, names the dict that the file holds itself.
const topKey = "."

// maxKeyDepth is how deep a state dict is searched for: under one key or two.
const maxKeyDepth = 2

// foundDict is a dict and where it is: keys that are joined by dots.
type foundDict struct {
	path   string
	dict   *dict
	parent *dict // nil for the dict that the file holds itself
}

// last returns the last key of the path.
func (f foundDict) last() string { return f.path[strings.LastIndexByte(f.path, '.')+1:] }

// findStateDict finds the dict of tensors in a checkpoint: the one of that key if it
// is given, else the one under a key that is known for it, else the only one there is
// at the smallest depth.
func findStateDict(value any, key string) (foundDict, error) {
	if key != "" && key != topKey {
		return dictAt(value, key)
	}
	top, ok := value.(*dict)
	if !ok {
		return foundDict{}, fmt.Errorf("it holds %s; what is read is a state dict, as torch.save(model.state_dict(), FILE) writes it", described(value))
	}
	if key == topKey {
		return checked(foundDict{topKey, top, nil})
	}
	level := []foundDict{{topKey, top, nil}}
	seen := map[*dict]bool{top: true}
	for depth := range maxKeyDepth {
		level = inside(level, seen)
		found := slices.DeleteFunc(slices.Clone(level), func(f foundDict) bool { return !hasTensor(f.dict) })
		if known := slices.DeleteFunc(slices.Clone(found), func(f foundDict) bool { return !slices.Contains(stateDictKeys, f.last()) }); len(known) > 0 {
			found = known // above tensors beside it, such as a loss
		} else if depth == 0 && hasTensor(top) {
			found = append(found, foundDict{topKey, top, nil})
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], nil
		}
		var paths []string
		for _, f := range found {
			paths = append(paths, f.path)
		}
		return foundDict{}, fmt.Errorf("it has several dicts of tensors; the option key (--key) says which is the model's: %s", quoted(paths))
	}
	return foundDict{}, fmt.Errorf("its dict has no tensor, alone or under a key; it has %s", keysOf(top))
}

// inside returns the dicts that the dicts of a level have, alone or in lists, each
// once.
func inside(level []foundDict, seen map[*dict]bool) (next []foundDict) {
	for _, f := range level {
		add := func(path string, value any) {
			if d, ok := value.(*dict); ok && !seen[d] {
				seen[d] = true
				next = append(next, foundDict{path, d, f.dict})
			}
		}
		for _, it := range f.dict.items {
			path := joined(f.path, it.key)
			add(path, it.value)
			if l, ok := it.value.(*list); ok {
				for i, value := range l.items {
					add(joined(path, strconv.Itoa(i)), value)
				}
			}
		}
	}
	return next
}

func joined(path, key string) string {
	if path == topKey {
		return key
	}
	return path + "." + key
}

// dictAt returns the dict of tensors under a key.
func dictAt(value any, key string) (foundDict, error) {
	parent, inner, ok := resolve(value, nil, key)
	d, isDict := inner.(*dict)
	switch {
	case !ok:
		return foundDict{}, fmt.Errorf("it has no dict of tensors under the key %q; it has %s", key, contents(value))
	case !isDict:
		return foundDict{}, fmt.Errorf("it has no dict of tensors under the key %q, but %s", key, described(inner))
	}
	return checked(foundDict{key, d, parent})
}

func checked(f foundDict) (foundDict, error) {
	if !hasTensor(f.dict) {
		return f, fmt.Errorf("it has no dict of tensors under the key %q: that dict has %s", f.path, keysOf(f.dict))
	}
	return f, nil
}

// contents says what a file holds.
func contents(value any) string {
	switch v := value.(type) {
	case *dict:
		return keysOf(v)
	case *list:
		return fmt.Sprintf("a %s of %d values", v.class, len(v.items))
	}
	return described(value)
}

// resolve follows a path of keys and of places in lists, which are joined by dots.
// Keys may have dots themselves: of the keys that begin the path, the longest one is
// tried first. parent is the last dict on the way.
func resolve(value any, parent *dict, path string) (*dict, any, bool) {
	if path == "" {
		return parent, value, true
	}
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '.') {
		key, rest := path[:end], strings.TrimPrefix(path[end:], ".")
		var inner any
		ok, within := false, parent
		switch v := value.(type) {
		case *dict:
			inner, ok = v.get(key)
			within = v
		case *list:
			if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < min(len(v.items), maxListNumbers) {
				inner, ok = v.items[i], true
			}
		}
		if !ok {
			continue
		}
		if p, found, ok := resolve(inner, within, rest); ok {
			return p, found, true
		}
	}
	return nil, nil, false
}

func hasTensor(d *dict) bool {
	return slices.ContainsFunc(d.items, func(it item) bool { _, ok := it.value.(*ptTensor); return ok })
}

// described says what a value is that is not a dict.
func described(value any) string {
	switch v := value.(type) {
	case *opaque:
		return "an object of the class " + v.class
	case global:
		return "the class or function " + string(v)
	case *list:
		return "a " + v.class
	case *dict:
		return "a dict"
	case *ptTensor:
		return "a single tensor"
	case nil:
		return "None"
	case bool:
		return "a bool"
	case int64, float64:
		return "a number"
	case string, pybytes:
		return "a text"
	}
	return "a value of another kind"
}

// keysOf lists the keys of a dict, and the classes of the values that are not known.
func keysOf(d *dict) string {
	var keys []string
	for _, it := range d.items {
		key := fmt.Sprintf("%.100q", it.key)
		if o, ok := it.value.(*opaque); ok {
			key += fmt.Sprintf(" (of the class %s)", o.class)
		}
		keys = append(keys, key)
	}
	if d.other > 0 {
		keys = append(keys[:min(len(keys), maxListed-1)], fmt.Sprintf("%d keys that are not texts", d.other))
	}
	return listed(keys)
}

// quoted lists the first of some names in quotation marks.
func quoted(names []string) string {
	var out []string
	for _, name := range names[:min(len(names), maxListed+1)] {
		out = append(out, fmt.Sprintf("%.100q", name))
	}
	return listed(out)
}

const maxListed = 8

// listed joins the first of some words.
func listed(words []string) string {
	switch {
	case len(words) == 0:
		return "nothing"
	case len(words) > maxListed:
		words = append(words[:maxListed:maxListed], "...")
	}
	return strings.Join(words, ", ")
}
