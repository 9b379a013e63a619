package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// kind is what a JSON value is.
type kind int

const (
	absent kind = iota // not there, or null
	object
	array
	text
	number
	truth
)

func (k kind) String() string {
	return [...]string{"nothing", "an object", "an array", "a text", "a number", "a truth value"}[k]
}

// value is a JSON value with its keys in the order of the file, so that tables
// show numbers in the order in which the analysis wrote them.
type value struct {
	kind  kind
	keys  []string // of an object
	items []value  // of an object or an array
	text  string   // of a text; of a number as it stands in the file; "true" or "false"
}

// parse reads one JSON value.
func parse(raw []byte) (value, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return parseNext(d)
}

func parseNext(d *json.Decoder) (value, error) {
	t, err := d.Token()
	if err != nil {
		return value{}, err
	}
	switch t := t.(type) {
	case json.Delim:
		v := value{kind: array}
		if t == '{' {
			v.kind = object
		}
		for d.More() {
			if v.kind == object {
				key, err := d.Token()
				if err != nil {
					return value{}, err
				}
				v.keys = append(v.keys, key.(string)) // a decoder gives nothing else in front of a colon
			}
			item, err := parseNext(d)
			if err != nil {
				return value{}, err
			}
			v.items = append(v.items, item)
		}
		_, err := d.Token()
		return v, err
	case string:
		return value{kind: text, text: t}, nil
	case json.Number:
		return value{kind: number, text: t.String()}, nil
	case bool:
		return value{kind: truth, text: strconv.FormatBool(t)}, nil
	default:
		return value{}, nil
	}
}

// fromAny makes a value of what encoding/json decodes into an interface; keys are
// sorted.
func fromAny(x any) value {
	switch x := x.(type) {
	case map[string]any:
		v := value{kind: object, keys: slices.Sorted(maps.Keys(x))}
		for _, k := range v.keys {
			v.items = append(v.items, fromAny(x[k]))
		}
		return v
	case []any:
		v := value{kind: array}
		for _, item := range x {
			v.items = append(v.items, fromAny(item))
		}
		return v
	case string:
		return value{kind: text, text: x}
	case float64:
		return value{kind: number, text: strconv.FormatFloat(x, 'g', -1, 64)}
	case bool:
		return value{kind: truth, text: strconv.FormatBool(x)}
	default:
		return value{}
	}
}

// get follows the keys; what is not there is absent.
func (v value) get(keys ...string) value {
	for _, k := range keys {
		i := slices.Index(v.keys, k)
		if v.kind != object || i < 0 {
			return value{}
		}
		v = v.items[i]
	}
	return v
}

// float returns a number; NaN and the infinities are texts in JSON.
func (v value) float() (float64, bool) {
	switch {
	case v.kind == number:
		x, err := strconv.ParseFloat(v.text, 64)
		return x, err == nil
	case v.kind == text && (v.text == "NaN" || v.text == "+Inf" || v.text == "-Inf"):
		x, err := strconv.ParseFloat(v.text, 64)
		return x, err == nil
	default:
		return math.NaN(), false
	}
}

// facts looks values up in a summary and remembers the first one that is not of
// the type that it must have.
type facts struct {
	value
	err error
}

func (f *facts) wrong(v value, keys []string, want kind) {
	if f.err == nil {
		f.err = fmt.Errorf("%s is %s; it must be %s", strings.Join(append([]string{"summary"}, keys...), "."), v.kind, want)
	}
}

// num returns a number, which is not ok when it is absent.
func (f *facts) num(keys ...string) (x float64, ok bool) {
	v := f.get(keys...)
	if v.kind == absent {
		return math.NaN(), false
	}
	if x, ok = v.float(); !ok {
		f.wrong(v, keys, number)
	}
	return x, ok
}

// nums returns the numbers of an array; NaN where one is absent.
func (f *facts) nums(keys ...string) []float64 {
	v := f.get(keys...)
	if v.kind != array && v.kind != absent {
		f.wrong(v, keys, array)
		return nil
	}
	var out []float64
	for _, item := range v.items {
		x, ok := item.float()
		if !ok && item.kind != absent {
			f.wrong(item, keys, number)
		}
		out = append(out, x)
	}
	return out
}

// str returns a text, "" when it is absent.
func (f *facts) str(keys ...string) string {
	v := f.get(keys...)
	if v.kind != text && v.kind != absent {
		f.wrong(v, keys, text)
	}
	return v.text
}
