package record

import (
	"fmt"
	"slices"
)

// Kind is the role of a tensor in the model. It decides filter normalization, the
// default parameter set of a PCA and weight decay masks; a tensor's name never does,
// because names differ between frameworks.
type Kind string

// The kinds of tensors. Filter and Weight are what Li et al. (2018) normalize;
// the others have one number per unit and are left out by default.
const (
	// convolution kernels, shape (co, ci, kh, kw); one filter is one index of the first axis
	Filter          Kind = "filter"
	Weight          Kind = "weight"           // linear weights, shape (out, in); one row is the weights into one unit
	Bias            Kind = "bias"             // one number per unit
	NormScale       Kind = "norm_scale"       // gamma of a normalization layer
	NormShift       Kind = "norm_shift"       // beta of a normalization layer
	RunningMean     Kind = "running_mean"     // state only
	RunningVariance Kind = "running_variance" // state only
	Other           Kind = "other"            // any other tensor of an imported model
)

var kinds = []Kind{Filter, Weight, Bias, NormScale, NormShift, RunningMean, RunningVariance, Other}

// Kinds returns the kinds that a layout may name, in the order of their
// declaration. The caller owns the slice.
func Kinds() []Kind { return slices.Clone(kinds) }

// Tensor describes one parameter tensor as a contiguous, row-major piece of a
// flat vector.
type Tensor struct {
	Name   string `json:"name"`   // unique in its layout, for example "linear1.weight"
	Kind   Kind   `json:"kind"`   // see the constants
	Shape  []int  `json:"shape"`  // every extent at least 1
	Offset int    `json:"offset"` // index of the first element in the flat vector
	// Axes names the units of every axis, so that a program can permute the hidden units of
	// a network; see package analyze/align. Empty means that nobody named them. It is a
	// description and does not decide whether two layouts are equal.
	Axes []string `json:"axes,omitempty"`
}

// Len returns the number of elements, the product of the extents.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// View returns the tensor's elements of the flat vector v: a view, not a copy,
// whose capacity ends with the tensor. It panics when v is too short.
func (t Tensor) View(v []float32) []float32 {
	end := t.Offset + t.Len()
	return v[t.Offset:end:end]
}

// Layout lists the tensors of a flat vector in the order of their offsets,
// without gaps. The zero value describes the empty vector.
type Layout []Tensor

// Len returns the length of the flat vector: P for parameters, S for state.
func (l Layout) Len() int {
	if len(l) == 0 {
		return 0
	}
	last := l[len(l)-1]
	return last.Offset + last.Len()
}

// Lookup returns the tensor with this name.
func (l Layout) Lookup(name string) (Tensor, bool) {
	for _, t := range l {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

// Equal reports whether both layouts describe the same tensors at the same places. The
// names of axes may differ.
func (l Layout) Equal(o Layout) bool {
	return slices.EqualFunc(l, o, func(a, b Tensor) bool {
		return a.Name == b.Name && a.Kind == b.Kind && a.Offset == b.Offset && slices.Equal(a.Shape, b.Shape)
	})
}

// maxElements bounds the length of a flat vector, because the Arrow format stores
// the size of a list in 32 bits. It also keeps the products below from overflowing.
const maxElements = 1<<31 - 1

// Validate checks that names are unique and not empty, kinds known, extents
// positive, either all or no axes of a tensor named, and that the tensors follow each
// other without gaps from offset 0.
// The error names the tensor, the value and what is allowed.
func (l Layout) Validate() error {
	seen := make(map[string]bool, len(l))
	next := 0
	for i, t := range l {
		switch {
		case t.Name == "":
			return fmt.Errorf("record: layout: tensor %d has no name", i)
		case seen[t.Name]:
			return fmt.Errorf("record: layout: two tensors are named %q", t.Name)
		case !slices.Contains(kinds, t.Kind):
			return fmt.Errorf("record: layout: tensor %q has kind %q; allowed are %q", t.Name, t.Kind, kinds)
		case t.Offset != next:
			return fmt.Errorf("record: layout: tensor %q starts at offset %d, but the tensors before it end at %d",
				t.Name, t.Offset, next)
		}
		if len(t.Axes) > 0 && len(t.Axes) != len(t.Shape) {
			return fmt.Errorf("record: layout: tensor %q names %d axes %q, but its shape %v has %d", t.Name, len(t.Axes),
				t.Axes, t.Shape, len(t.Shape))
		}
		seen[t.Name] = true
		n := 1
		for _, d := range t.Shape {
			if d < 1 || d > maxElements || n > maxElements/d {
				return fmt.Errorf("record: layout: tensor %q has shape %v; every extent must be at least 1 and all "+
					"elements at most %d", t.Name, t.Shape, maxElements)
			}
			n *= d
		}
		if next > maxElements-n {
			return fmt.Errorf("record: layout: the tensors up to %q have more than %d elements", t.Name, maxElements)
		}
		next += n
	}
	return nil
}

// Pack returns the layout of these tensors in this order, with the offsets that
// Validate requires. It ignores the tensors' own offsets. Shapes are shared, not
// copied.
func Pack(tensors ...Tensor) Layout {
	l := make(Layout, len(tensors))
	next := 0
	for i, t := range tensors {
		t.Offset = next
		l[i] = t
		next += t.Len()
	}
	return l
}

// WithOffsets returns the layout with offsets assigned as Pack does, when all of
// its offsets are 0: files may leave them out. Otherwise it returns the layout
// unchanged, and Validate checks the offsets.
func (l Layout) WithOffsets() Layout {
	for _, t := range l {
		if t.Offset != 0 {
			return l
		}
	}
	return Pack(l...)
}
