package exchange

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// stateDictKeys are the usual keys of the state dict in a checkpoint with other content.
var stateDictKeys = []string{"state_dict", "model_state_dict", "model", "net", "network", "module"}

// topKey is the path of the outermost dict.
const topKey = "."

// maxKeyDepth is how deep a state dict is searched: under one key or two.
const maxKeyDepth = 2

// foundDict is a dict and its path: keys joined by dots.
type foundDict struct {
	path   string
	dict   *dict
	parent *dict // nil for the outermost dict
}

// last returns the last key of the path.
func (f foundDict) last() string { return f.path[strings.LastIndexByte(f.path, '.')+1:] }

// findStateDict finds the dict of tensors in a checkpoint: the one under the given key;
// without a key, one under a usual key; otherwise the only one at the smallest depth.
func findStateDict(value any, key string) (foundDict, error) {
	if key != "" && key != topKey {
		return dictAt(value, key)
	}
	top, ok := value.(*dict)
	if !ok {
		return foundDict{}, fmt.Errorf("it holds %s; only a state dict can be read, as "+
			"torch.save(model.state_dict(), FILE) writes it", describeValue(value))
	}
	if key == topKey {
		return requireTensor(foundDict{topKey, top, nil})
	}
	level := []foundDict{{topKey, top, nil}}
	seen := map[*dict]bool{top: true}
	for depth := range maxKeyDepth {
		level = innerDicts(level, seen)
		found := slices.DeleteFunc(slices.Clone(level), func(f foundDict) bool { return !hasTensor(f.dict) })
		if known := slices.DeleteFunc(slices.Clone(found),
			func(f foundDict) bool { return !slices.Contains(stateDictKeys, f.last()) }); len(known) > 0 {
			found = known // a usual key wins over tensors of the outermost dict, such as a loss
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
		return foundDict{}, fmt.Errorf("it has several dicts of tensors; choose that of the model with --key: %s",
			quoteList(paths))
	}
	return foundDict{}, fmt.Errorf("its dict has no tensor, alone or under a key; it has %s", keysOf(top))
}

// innerDicts returns the dicts in the dicts of a level, also those in lists, each once.
func innerDicts(level []foundDict, seen map[*dict]bool) (next []foundDict) {
	for _, f := range level {
		add := func(path string, value any) {
			if d, ok := value.(*dict); ok && !seen[d] {
				seen[d] = true
				next = append(next, foundDict{path, d, f.dict})
			}
		}
		for _, it := range f.dict.items {
			path := joinKey(f.path, it.key)
			add(path, it.value)
			if l, ok := it.value.(*list); ok {
				for i, value := range l.items {
					add(joinKey(path, strconv.Itoa(i)), value)
				}
			}
		}
	}
	return next
}

// joinKey returns the path of a key in the dict at path.
func joinKey(path, key string) string {
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
		return foundDict{}, fmt.Errorf("it has no dict of tensors under the key %q; it has %s", key,
			describeContents(value))
	case !isDict:
		return foundDict{}, fmt.Errorf("it has no dict of tensors under the key %q, but %s", key, describeValue(inner))
	}
	return requireTensor(foundDict{key, d, parent})
}

// requireTensor returns an error when a dict has no tensor.
func requireTensor(f foundDict) (foundDict, error) {
	if !hasTensor(f.dict) {
		return f, fmt.Errorf("it has no dict of tensors under the key %q: that dict has %s", f.path, keysOf(f.dict))
	}
	return f, nil
}

// describeContents lists the content of a file for an error.
func describeContents(value any) string {
	switch v := value.(type) {
	case *dict:
		return keysOf(v)
	case *list:
		return fmt.Sprintf("a %s of %d values", v.class, len(v.items))
	}
	return describeValue(value)
}

// resolve follows a path of keys and of indexes in lists, joined by dots. Keys may contain
// dots too, so resolve tries the longest key that begins the path first. parent is the
// last dict on the path.
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

// hasTensor reports whether a value of the dict is a tensor.
func hasTensor(d *dict) bool {
	return slices.ContainsFunc(d.items, func(it item) bool { _, ok := it.value.(*ptTensor); return ok })
}

// describeValue names the kind of a value for an error.
func describeValue(value any) string {
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
		return "a string"
	}
	return "a value of another kind"
}

// keysOf lists the keys of a dict, with the classes of opaque values.
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
		keys = append(keys[:min(len(keys), maxListed-1)], fmt.Sprintf("%d keys that are not strings", d.other))
	}
	return joinFirst(keys)
}

// quoteList lists the first names, in quotation marks.
func quoteList(names []string) string {
	var out []string
	for _, name := range names[:min(len(names), maxListed+1)] {
		out = append(out, fmt.Sprintf("%.100q", name))
	}
	return joinFirst(out)
}

const maxListed = 8

// joinFirst joins the first maxListed words.
func joinFirst(words []string) string {
	switch {
	case len(words) == 0:
		return "nothing"
	case len(words) > maxListed:
		words = append(words[:maxListed:maxListed], "...")
	}
	return strings.Join(words, ", ")
}
