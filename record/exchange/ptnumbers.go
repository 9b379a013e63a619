package exchange

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Names of numbers in a checkpoint, in the order of precedence. global_step is first,
// because it never starts again in a new epoch.
var (
	stepNames  = []string{"global_step", "step", "iteration", "iter", "global_steps", "iter_num"}
	epochNames = []string{"epoch"}
)

// stepAndEpoch returns the step and the epoch in a checkpoint, as metadata. It searches the
// dict that has the state dict, then the outermost dict, then the dicts in it, except
// those of settings and optimizers.
func (t *torchArchive) stepAndEpoch(c *container, value any, found foundDict) map[string]string {
	top, ok := value.(*dict)
	if !ok {
		top = &dict{} // a list has no numbers with names
	}
	var dicts []foundDict
	if found.parent != nil && found.parent != top {
		dicts = append(dicts, foundDict{strings.TrimSuffix(found.path, "."+found.last()), found.parent, nil})
	}
	dicts = append(dicts, foundDict{topKey, top, nil})
	for _, f := range innerDicts([]foundDict{{topKey, top, nil}}, map[*dict]bool{found.dict: true}) {
		if !isSettings(f.path) && f.dict != found.parent {
			dicts = append(dicts, f)
		}
	}
	out := map[string]string{}
	for _, number := range []struct {
		name string
		keys []string
	}{{metaStep, stepNames}, {metaEpoch, epochNames}} {
		for _, f := range dicts {
			if v, ok := t.findNumber(c, f, number.name, number.keys); ok {
				out[number.name] = fmt.Sprint(v)
				break
			}
		}
	}
	return out
}

// isSettings reports whether a dict with this name has settings of the script, or the state
// of a part of the training that counts its own steps.
func isSettings(name string) bool {
	name = strings.ToLower(name)
	parts := []string{
		"arg", "config", "cfg", "hparam", "hyper", "option", "setting",
		"optim", "sched", "scaler", "rng", "best", "callback", "loop",
	}
	return name == "opt" || slices.ContainsFunc(parts, func(s string) bool { return strings.Contains(name, s) })
}

// findNumber returns the number under the first key that the dict has. It adds a note for
// other keys with another number.
func (t *torchArchive) findNumber(c *container, f foundDict, name string, keys []string) (number int64, ok bool) {
	from := ""
	for _, key := range keys {
		value, _ := f.dict.get(key)
		v, isNumber := t.wholeNumber(value)
		switch path := joinKey(f.path, key); {
		case !isNumber:
		case !ok:
			number, ok, from = v, true, path
			if f.path != topKey {
				c.note("the %s is the number under the key %q", name, path)
			}
		case v != number:
			c.note("the %s is the number under the key %q; the number under %q differs", name, from, path)
		}
	}
	return number, ok
}

// wholeNumber returns the value of an int, of a float without a fraction, or of a tensor
// with one such number.
func (t *torchArchive) wholeNumber(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
	case *ptTensor:
		a, reason, err := t.array("", v)
		if err != nil || reason != "" || a.length() != 1 || !a.element.isInt() && !a.element.isFloat() {
			return 0, false
		}
		r, err := a.open()
		if err != nil {
			return 0, false
		}
		defer r.Close()
		b := make([]byte, a.element.width)
		if _, err := io.ReadFull(r, b); err != nil || expectEnd(r) != nil {
			return 0, false
		}
		if a.element.isInt() {
			return a.element.int64At(b), true
		}
		return t.wholeNumber(a.element.float64At(b))
	}
	return 0, false
}
