package analyze_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sgdwalk/analyze"
)

func ExampleParseRange() {
	r, err := analyze.ParseRange("-0.5:2:6")
	fmt.Println(r.Values(), err)
	_, err = analyze.ParseRange("1:0:11")
	fmt.Println(err)
	// Output:
	// [-0.5 0 0.5 1 1.5 2] <nil>
	// analyze: range 1:0:11: min is 1 and max is 0; min must be less than max
}

func TestRangeValues(t *testing.T) {
	for text, want := range map[string][]float64{
		"0:1:11":    {0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1},
		"-1:0:3":    {-1, -0.5, 0},
		"-2:-1:2":   {-2, -1},
		"-1:1:5":    {-1, -0.5, 0, 0.5, 1},
		"1e-3:1:2":  {0.001, 1},
		"0:1e308:3": {0, 5e307, 1e308},
	} {
		r, err := analyze.ParseRange(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, r.Values()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// The grid of Li et al. reaches zero and is symmetric to the last bit: a walk
// that adds a step to a running point does neither.
func TestRangeIsNotAccumulated(t *testing.T) {
	v := analyze.Range{Min: -1, Max: 1, N: 51}.Values()
	for i := range v {
		if v[i] != -v[50-i] {
			t.Errorf("point %d is %v and point %d is %v", i, v[i], 50-i, v[50-i])
		}
	}
	if v[25] != 0 {
		t.Errorf("the middle is %v", v[25])
	}
}

func TestParseRangeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":            `analyze: range "": it must be min:max:n, for example 0:1:11`,
		"0:1":         `analyze: range "0:1": it must be min:max:n, for example 0:1:11`,
		"0:1:2:3":     `analyze: range "0:1:2:3": it must be min:max:n, for example 0:1:11`,
		"a:1:3":       `analyze: range "a:1:3": min is "a"; it must be a finite number`,
		"0::3":        `analyze: range "0::3": max is ""; it must be a finite number`,
		"0:1:x":       `analyze: range "0:1:x": n is "x"; it must be a whole number of 2 to 1000000`,
		"0:1:1":       `analyze: range 0:1:1: n is 1; it must be 2 to 1000000`,
		"0:1:-3":      `analyze: range 0:1:-3: n is -3; it must be 2 to 1000000`,
		"0:1:9999999": `analyze: range 0:1:9999999: n is 9999999; it must be 2 to 1000000`,
		"1:1:3":       `analyze: range 1:1:3: min is 1 and max is 1; min must be less than max`,
		"NaN:1:3":     `analyze: range NaN:1:3: both bounds must be finite numbers`,
		"0:Inf:3":     `analyze: range 0:+Inf:3: both bounds must be finite numbers`,
		"1:1.0000000000000002:100": `analyze: range 1:1.0000000000000002:100: the bounds are too close together for ` +
			`100 different float64 numbers`,
	} {
		if _, err := analyze.ParseRange(text); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestRangeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := analyze.Range{
			Min: rapid.Float64Range(-1e6, 1e6).Draw(t, "min"),
			Max: rapid.Float64Range(-1e6, 1e6).Draw(t, "max"),
			N:   rapid.IntRange(2, 200).Draw(t, "n"),
		}
		if r.Validate() != nil {
			return
		}
		v := r.Values()
		if math.Float64bits(v[0]) != math.Float64bits(r.Min) || v[r.N-1] != r.Max {
			t.Fatalf("the ends are %v and %v", v[0], v[r.N-1])
		}
		h := (r.Max - r.Min) / float64(r.N-1)
		for i := range v {
			// Two rounded products, a sum and a quotient: four roundings of values
			// no larger than the bounds.
			if math.Abs(v[i]-(r.Min+float64(i)*h)) > 8*0x1p-53*math.Max(math.Abs(r.Min), math.Abs(r.Max))*float64(1+i) {
				t.Fatalf("point %d is %v", i, v[i])
			}
		}
		text, err := r.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back analyze.Range
		if err := back.UnmarshalText(text); err != nil || back != r {
			t.Fatalf("%s reads back as %v: %v", text, back, err)
		}
	})
}
