package sketch

import (
	"errors"

	"sgdwalk/record"
)

// projectionName is the one tensor of a projected theta.
const projectionName = "projection"

// reducer applies a Spec to the vectors of one layout. It is immutable.
type reducer struct {
	spec       Spec
	before     *record.Header
	after      *record.Header
	taken      []record.Tensor // the tensors of the subset, with their offsets in the full vector; nil means all
	length     int             // of a vector after the subset, before the projection
	projection *Projection
}

// newReducer checks the spec against the header.
func newReducer(h *record.Header, spec Spec) (*reducer, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if err := h.Validate(); err != nil {
		return nil, err
	}
	if h.Sketch != nil && !spec.IsZero() {
		return nil, errors.New("sketch: the rows are already reduced by " + h.Sketch.Spec +
			"; a sketch cannot be reduced again")
	}
	r := &reducer{spec: spec, before: h.Clone(), after: h.Clone(), length: h.Layout.Len()}
	if spec.IsZero() {
		return r, nil
	}
	r.after.Sketch = &record.Sketch{Spec: spec.String(), Seed: spec.Seed, Parameters: r.length, Layout: r.before.Layout}
	if h.Format > 1 && spec.Precision != Float32 {
		r.after.DType = spec.Precision.String()
	}
	if spec.Subset != nil {
		indices, err := r.before.Layout.Select(spec.Subset...)
		if err != nil {
			return nil, err
		}
		for _, i := range indices {
			r.taken = append(r.taken, r.before.Layout[i])
		}
		r.after.Layout = record.Pack(r.taken...)
		r.length = r.after.Layout.Len()
	}
	if spec.Project != 0 {
		var err error
		if r.projection, err = NewProjection(r.length, spec.Project, spec.Seed); err != nil {
			return nil, err
		}
		r.after.Layout = record.Pack(record.Tensor{
			Name: projectionName, Kind: record.Other,
			Shape: []int{spec.Project},
		})
	}
	r.after = r.after.Clone() // so that it shares no slices with before
	return r, r.after.Validate()
}

// buffers has the memory for reducing one vector. It is reused for the next row.
type buffers struct{ subset, out []float32 }

// vector reduces one vector; nil stays nil. The result is v itself, or memory of b.
func (r *reducer) vector(v []float32, b *buffers) []float32 {
	if v == nil || r.spec.IsZero() {
		return v
	}
	if r.taken != nil {
		b.subset = b.subset[:0]
		for _, t := range r.taken {
			b.subset = append(b.subset, t.View(v)...)
		}
		v = b.subset
	}
	n := r.after.Layout.Len()
	if cap(b.out) < n {
		b.out = make([]float32, n)
	}
	out := b.out[:n]
	if r.projection != nil {
		r.projection.To(out, v, r.spec.Workers)
		v = out
	}
	if r.spec.Precision != Float32 {
		r.spec.Precision.RoundTo(out, v)
		v = out
	}
	return v
}
