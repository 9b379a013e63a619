package report

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
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

// item returns the value of a key; what is missing is absent.
func (v value) item(key string) value {
	if i := slices.Index(v.keys, key); i >= 0 {
		return v.items[i]
	}
	return value{}
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
