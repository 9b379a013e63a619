package report

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
)

// kind is the kind of a JSON value.
type kind int

const (
	absent kind = iota // a missing key or null
	object
	array
	text
	number
	truth
)

// value is a JSON value with its keys in the order of the file, so that tables show numbers
// in the order in which the analysis wrote them.
type value struct {
	kind  kind
	keys  []string // the keys of an object
	items []value  // the values of an object or an array
	text  string   // a text; a number as it is written in the file; "true" or "false"
}

// parse reads one JSON value.
func parse(raw []byte) (value, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return parseNext(d)
}

// parseNext reads the next value of the decoder, including the values inside of it.
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
				v.keys = append(v.keys, key.(string)) // the decoder returns only strings as keys
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

// item returns the value of a key, or an absent value when the key is missing.
func (v value) item(key string) value {
	if i := slices.Index(v.keys, key); i >= 0 {
		return v.items[i]
	}
	return value{}
}

// without returns the object without a key.
func (v value) without(key string) value {
	out := value{kind: v.kind}
	for i, k := range v.keys {
		if k != key {
			out.keys, out.items = append(out.keys, k), append(out.items, v.items[i])
		}
	}
	return out
}

// float returns the value as a number. JSON has no NaN and no infinities, so the analyses
// write them as the texts NaN, +Inf and -Inf.
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
