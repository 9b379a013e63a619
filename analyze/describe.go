package analyze

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sgdwalk/record"
)

// Distribution is the short description of a column of numbers. Mean, SD,
// Median, Min and Max are over the finite values only; what is left out is
// counted, and what has no value (the mean of nothing, the SD of one number) is
// absent.
type Distribution struct {
	Count     int             `json:"count"`     // finite values
	Absent    int             `json:"absent"`    // rows without a value
	Nonfinite int             `json:"nonfinite"` // NaN and infinite values
	Mean      record.Optional `json:"mean"`
	SD        record.Optional `json:"sd"` // with n-1 in the denominator
	Median    record.Optional `json:"median"`
	Min       record.Optional `json:"min"`
	Max       record.Optional `json:"max"`
}

// Describe describes a column of floats; nil gives the zero value.
func Describe(c *record.Column) Distribution {
	var d Distribution
	if c == nil {
		return d
	}
	values := make([]float64, 0, len(c.Floats))
	for i, v := range c.Floats {
		switch {
		case c.Valid != nil && !c.Valid[i]:
			d.Absent++
		case !finite(v):
			d.Nonfinite++
		default:
			values = append(values, v)
		}
	}
	d.Count = len(values)
	if d.Count == 0 {
		return d
	}
	// The mean in the order of the rows, then the squares around it: two passes
	// keep the digits of a column whose spread is small beside its mean.
	n, sum, squares := float64(d.Count), 0.0, 0.0
	for _, v := range values {
		sum += v / n
	}
	d.Mean = record.Some(sum)
	for _, v := range values {
		squares += float64((v - sum) * (v - sum))
	}
	if d.Count > 1 {
		d.SD = record.Some(math.Sqrt(squares / (n - 1)))
	}
	slices.Sort(values)
	d.Min, d.Max = record.Some(values[0]), record.Some(values[d.Count-1])
	d.Median = record.Some(values[(d.Count-1)/2]/2 + values[d.Count/2]/2)
	return d
}

// Share returns the share of the present values of a column of truth values
// that are true; absent when there is none.
func Share(c *record.Column) record.Optional {
	if c == nil {
		return record.Optional{}
	}
	yes, all := 0, 0
	for i, v := range c.Bools {
		if c.Valid != nil && !c.Valid[i] {
			continue
		}
		all++
		if v {
			yes++
		}
	}
	if all == 0 {
		return record.Optional{}
	}
	return record.Some(float64(yes) / float64(all))
}

// Percent writes a share for a reader.
func Percent(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") + " %"
}

// Count writes how many of a thing there are: 1 row, 2 rows.
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
