package analyze

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxRangePoints is the largest number of points of a Range.
const MaxRangePoints = 1_000_000

// Range describes N evenly spaced points from Min to Max, both included. Its text form is
// min:max:n, for example "-0.5:2:26". Bounds may be zero or negative. The zero value means
// "not given": an operation that takes a Range documents its default.
type Range struct {
	Min, Max float64
	N        int
}

// ParseRange reads the text form and validates it.
func ParseRange(text string) (Range, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return Range{}, fmt.Errorf("analyze: range %q: it must be min:max:n, for example 0:1:11", text)
	}
	var r Range
	var err error
	if r.Min, err = strconv.ParseFloat(parts[0], 64); err != nil {
		return Range{}, fmt.Errorf("analyze: range %q: min is %q; it must be a finite number", text, parts[0])
	}
	if r.Max, err = strconv.ParseFloat(parts[1], 64); err != nil {
		return Range{}, fmt.Errorf("analyze: range %q: max is %q; it must be a finite number", text, parts[1])
	}
	if r.N, err = strconv.Atoi(parts[2]); err != nil {
		return Range{}, fmt.Errorf("analyze: range %q: n is %q; it must be a whole number of 2 to %d", text, parts[2],
			MaxRangePoints)
	}
	if err := r.Validate(); err != nil {
		return Range{}, err
	}
	return r, nil
}

// IsZero reports whether the range was not given.
func (r Range) IsZero() bool { return r == Range{} }

// Validate returns an error unless the bounds are finite, Min is less than Max, N is 2 to
// MaxRangePoints, and the points are different numbers. The zero value is not valid: apply
// the operation's default first.
func (r Range) Validate() error {
	switch {
	case !finite(r.Min) || !finite(r.Max):
		return fmt.Errorf("analyze: range %s: both bounds must be finite numbers", r)
	case r.Min >= r.Max:
		return fmt.Errorf("analyze: range %s: min is %v and max is %v; min must be less than max", r, r.Min, r.Max)
	case r.N < 2 || r.N > MaxRangePoints:
		return fmt.Errorf("analyze: range %s: n is %d; it must be 2 to %d", r, r.N, MaxRangePoints)
	}
	for i := 1; i < r.N; i++ {
		if r.At(i-1) >= r.At(i) {
			return fmt.Errorf("analyze: range %s: the bounds are too close together for %d different float64 numbers",
				r, r.N)
		}
	}
	return nil
}

// At returns point i, 0 <= i < N. Each point is computed from the ends and not from its
// neighbour, so errors do not add up: At(0) is exactly Min, At(N-1) is exactly Max, and the
// points of a range that is symmetric around zero are exactly symmetric. It panics when i is
// out of range, which is a caller's bug.
func (r Range) At(i int) float64 {
	last := r.N - 1
	switch {
	case i < 0 || i > last:
		panic(fmt.Sprintf("analyze: point %d of a range of %d", i, r.N))
	case i == 0:
		return r.Min
	case i == last:
		return r.Max
	}
	// One weighted sum and one division give, for 0:1:11, the float64 numbers nearest to
	// 0.1, 0.2, ...; min + i*step does not. The conversions keep a compiler from fusing
	// multiplication and addition, so the bits are the same on every processor.
	a, b := float64(last-i), float64(i)
	v := (float64(r.Min*a) + float64(r.Max*b)) / float64(last)
	if !finite(v) {
		v = float64(r.Min*(a/float64(last))) + float64(r.Max*(b/float64(last)))
	}
	return v
}

// Values returns all N points in ascending order, in a new slice.
func (r Range) Values() []float64 {
	v := make([]float64, r.N)
	for i := range v {
		v[i] = r.At(i)
	}
	return v
}

// String returns the text form; the empty string when the range was not given.
func (r Range) String() string {
	if r.IsZero() {
		return ""
	}
	return strconv.FormatFloat(r.Min, 'g', -1, 64) + ":" + strconv.FormatFloat(r.Max, 'g', -1, 64) + ":" +
		strconv.Itoa(r.N)
}

// MarshalText returns the text form.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the text form; the empty text is the zero value.
func (r *Range) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*r = Range{}
		return nil
	}
	*r, err = ParseRange(string(text))
	return err
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
