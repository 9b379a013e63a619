package exchange

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Names of numbers in a checkpoint, in order of precedence: a number called
// global_step never counts from 0 again within an epoch.
var (
	stepNames  = []string{"global_step", "step", "iteration", "iter", "global_steps", "iter_num"}
	epochNames = []string{"epoch"}
)

// numbersBeside returns what a checkpoint says of its step and epoch: beside the state
// dict, else in the file's own dict, else in a dict within that which is not of
// settings or of an optimizer.
func (t *torchArchive) numbersBeside(c *container, value any, found foundDict) map[string]string {
	top, ok := value.(*dict)
	if !ok {
		top = &dict{} // a list has no numbers with names
	}
	var dicts []foundDict
	if found.parent != nil && found.parent != top {
		dicts = append(dicts, foundDict{strings.TrimSuffix(found.path, "."+found.last()), found.parent, nil})
	}
	dicts = append(dicts, foundDict{topKey, top, nil})
	for _, f := range inside([]foundDict{{topKey, top, nil}}, map[*dict]bool{found.dict: true}) {
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
			if v, ok := t.numberIn(c, f, number.name, number.keys); ok {
				out[number.name] = fmt.Sprint(v)
				break
			}
		}
	}
	return out
}

// isSettings reports whether a dict of that name has numbers of the script's settings
// or of a part of the training.
func isSettings(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"arg", "config", "cfg", "hparam", "hyper", "option", "setting", "optim", "sched", "scaler", "rng", "best", "callback", "loop"}, func(s string) bool { return strings.Contains(name, s) }) || name == "opt"
}

// numberIn returns the number of the first of some keys that a dict has. Others that
// disagree are noted.
func (t *torchArchive) numberIn(c *container, f foundDict, name string, keys []string) (number int64, ok bool) {
	from := ""
	for _, key := range keys {
		value, _ := f.dict.get(key)
		v, isNumber := t.wholeNumber(value)
		switch path := joined(f.path, key); {
		case !isNumber:
		case !ok:
			number, ok, from = v, true, path
			if f.path != topKey {
				c.note("the %s is the number under the key %q", name, path)
			}
		case v != number:
			c.note("the %s is the number under the key %q; the one under %q is another", name, from, path)
		}
	}
	return number, ok
}

// wholeNumber reads an int, a float without fraction, or a tensor that is one of them.
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
		if _, err := io.ReadFull(r, b); err != nil || atEnd(r) != nil {
			return 0, false
		}
		if a.element.isInt() {
			return a.element.int64At(b), true
		}
		return t.wholeNumber(a.element.float64At(b))
	}
	return 0, false
}
