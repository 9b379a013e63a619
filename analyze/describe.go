package analyze

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sgdwalk/record"
)

// Distribution summarizes a column of numbers. Mean, SD, Median, Min and Max are over the
// finite values only; Absent and Nonfinite count the other rows. A statistic that is not
// defined (the mean of no values, the SD of one value) is absent.
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

// Describe returns the distribution of a column of floats; nil gives the zero value.
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
	// The first pass sums the mean in the order of the rows, the second one the squared
	// deviations from it. One pass with the sum of squares would lose the digits of a
	// column whose spread is small compared with its mean.
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

// Share returns the fraction of true values among the present values of a column of
// booleans. It is absent when the column has no present value.
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

// Percent formats a fraction as a percentage with one decimal: 0.5 gives "50 %".
func Percent(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") + " %"
}

// Count formats a number with its noun, in the plural unless n is 1: "1 row", "2 rows".
func Count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
