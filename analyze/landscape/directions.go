package landscape

import (
	"fmt"
	"math"
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Normalization decides the length of a random direction. Without a normalization a surface
// shows the scale of the weights more than the loss. A network with ReLU computes the same
// function when one layer is scaled up and the next layer down, but its surface is flatter.
type Normalization string

// The normalizations of Li et al. (2018), section 4. In their notation
// d_ij <- d_ij |theta_ij| / (|d_ij| + 1e-10), where ij is filter j of layer i.
const (
	FilterNormalization Normalization = "filter" // every filter gets the norm of its weights; the default
	LayerNormalization  Normalization = "layer"  // every tensor gets the norm of its weights
	NoNormalization     Normalization = "none"   // the direction keeps the length with which it was drawn
)

// OneDimensional decides the direction of tensors without filters: biases, and the scales and
// shifts of normalization layers.
type OneDimensional string

// The rules for tensors without filters.
const (
	Zero OneDimensional = "zero" // they do not move: ignore=biasbn of Li et al., and the default
	Copy OneDimensional = "copy" // the direction is the parameters, as in the code of Li et al. without ignore
)

// filterEpsilon prevents a division by zero for a filter with direction zero.
const filterEpsilon = 1e-10

// DirectionOptions are the options of Directions. The zero value is the filter normalization
// of Li et al. with seed 0.
type DirectionOptions struct {
	Normalization  Normalization  `json:"normalization"`   // (default: FilterNormalization)
	OneDimensional OneDimensional `json:"one_dimensional"` // (default: Zero)
	// Orthogonal makes the second direction orthogonal to the first direction within every
	// filter, which keeps the norms of the filters. Filters of one element stay as drawn. Li
	// et al. do not do it: two Gaussian directions of many parameters are nearly orthogonal,
	// and coordinates are also right for oblique directions.
	Orthogonal bool   `json:"orthogonal"`
	Seed       uint64 `json:"seed"`
}

// Validate checks the options. The error names the first field that is not allowed, its
// value and the allowed values.
func (o *DirectionOptions) Validate() error {
	switch o.Normalization {
	case "", FilterNormalization, LayerNormalization, NoNormalization:
	default:
		return fmt.Errorf("landscape: normalization is %q; allowed are %q, %q and %q",
			o.Normalization, FilterNormalization, LayerNormalization, NoNormalization)
	}
	switch o.OneDimensional {
	case "", Zero, Copy:
	default:
		return fmt.Errorf("landscape: one-dimensional is %q; allowed are %q and %q", o.OneDimensional, Zero, Copy)
	}
	return nil
}

// Effective returns the options with the defaults filled in.
func (o DirectionOptions) Effective() DirectionOptions {
	if o.Normalization == "" {
		o.Normalization = FilterNormalization
	}
	if o.OneDimensional == "" {
		o.OneDimensional = Zero
	}
	return o
}

// Directions draws two independent Gaussian directions of length P at theta, and normalizes
// them. A filter is one slice along the first axis of a tensor: the kernels of one output
// channel, or the weights into one unit. Before normalization the directions depend on the
// seed and the layout only, not on theta. The caller owns u and v.
func Directions(theta []float32, layout record.Layout, opts DirectionOptions) (u, v []float32, err error) {
	rng, o, err := generator(theta, layout, opts)
	if err != nil {
		return nil, nil, err
	}
	first, second := draw(rng, len(theta)), draw(rng, len(theta))
	for _, t := range layout {
		filters(t, func(from, end int) {
			if o.Orthogonal && end-from > 1 {
				orthogonalize(second[from:end], first[from:end])
			}
		})
	}
	return normalize(first, theta, layout, &o), normalize(second, theta, layout, &o), nil
}

// RandomDirections draws n independent directions at theta as [Directions] does. Its first
// direction equals the first direction of Directions with the same options. It ignores
// Orthogonal, because the directions belong to separate lines.
func RandomDirections(theta []float32, layout record.Layout, n int, opts DirectionOptions) ([][]float32, error) {
	opts.Orthogonal = false
	out := make([][]float32, 0, n)
	rng, o, err := generator(theta, layout, opts)
	if err != nil {
		return nil, err
	}
	for range n {
		out = append(out, normalize(draw(rng, len(theta)), theta, layout, &o))
	}
	return out, nil
}

// generator checks the arguments of directions. It returns the generator of their random
// numbers and the effective options.
func generator(theta []float32, layout record.Layout, opts DirectionOptions) (*rand.Rand, DirectionOptions, error) {
	if err := opts.Validate(); err != nil {
		return nil, opts, err
	}
	if err := layout.Validate(); err != nil {
		return nil, opts, fmt.Errorf("landscape: %w", err)
	}
	if layout.Len() != len(theta) || len(theta) == 0 {
		return nil, opts, fmt.Errorf("landscape: theta has %d parameters and the layout has %d; they must be equal and not 0",
			len(theta), layout.Len())
	}
	o := opts.Effective()
	return rand.New(rand.NewPCG(o.Seed, 0x6c616e6473636170)), o, nil
}

// RandomPlane returns the plane through theta along two random directions. The plane shares
// theta.
func RandomPlane(theta []float32, layout record.Layout, opts DirectionOptions) (analyze.Plane, error) {
	u, v, err := Directions(theta, layout, opts)
	if err != nil {
		return analyze.Plane{}, err
	}
	return analyze.NewPlane(theta, u, v)
}

// Normalize returns a normalized copy of the direction d at theta, with the same rules as for
// random directions. d and theta have length P.
func Normalize(d, theta []float32, layout record.Layout, opts DirectionOptions) ([]float32, error) {
	_, o, err := generator(theta, layout, opts)
	if err != nil {
		return nil, err
	}
	if len(d) != len(theta) {
		return nil, fmt.Errorf("landscape: the direction has %d elements and theta has %d; they must be equal", len(d),
			len(theta))
	}
	wide := make([]float64, len(d))
	for i, v := range d {
		wide[i] = float64(v)
	}
	return normalize(wide, theta, layout, &o), nil
}

// draw draws n independent numbers from the standard normal distribution.
func draw(rng *rand.Rand, n int) []float64 {
	d := make([]float64, n)
	for i := range d {
		d[i] = rng.NormFloat64()
	}
	return d
}

// hasFilters reports whether a tensor has filters. The kind of the tensor decides. For kind
// Other the shape decides.
func hasFilters(t record.Tensor) bool {
	switch t.Kind {
	case record.Filter, record.Weight:
		return true
	case record.Other:
		return len(t.Shape) > 1
	}
	return false
}

// filters calls f with the range of every filter of the tensor.
func filters(t record.Tensor, f func(from, end int)) {
	if !hasFilters(t) {
		return
	}
	n, count := t.Len(), 1
	if len(t.Shape) > 0 {
		count = t.Shape[0]
	}
	for i := range count {
		f(t.Offset+i*(n/count), t.Offset+(i+1)*(n/count))
	}
}

// orthogonalize subtracts from v its component along u.
func orthogonalize(v, u []float64) {
	var uu, uv float64
	for i := range u {
		uu += u[i] * u[i]
		uv += u[i] * v[i]
	}
	if uu == 0 {
		return
	}
	for i := range v {
		v[i] -= uv / uu * u[i]
	}
}

// normalize returns d scaled by the rules of the options, rounded once to float32.
func normalize(d []float64, theta []float32, layout record.Layout, o *DirectionOptions) []float32 {
	out := make([]float32, len(d))
	scale := func(from, end int) {
		factor := 1.0
		if o.Normalization != NoNormalization {
			var dd, ww float64
			for i := from; i < end; i++ {
				dd += d[i] * d[i]
				ww += float64(theta[i]) * float64(theta[i])
			}
			factor = math.Sqrt(ww) / (math.Sqrt(dd) + filterEpsilon)
		}
		for i := from; i < end; i++ {
			out[i] = float32(d[i] * factor)
		}
	}
	for _, t := range layout {
		switch {
		case !hasFilters(t):
			if o.OneDimensional == Copy {
				copy(t.View(out), t.View(theta))
			}
		case o.Normalization == FilterNormalization:
			filters(t, scale)
		default:
			scale(t.Offset, t.Offset+t.Len())
		}
	}
	return out
}
