package runloss

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
	"sgdwalk/record"
	"sgdwalk/record/exchange"
	"sgdwalk/train/nn"
)

// Aligner permutes the hidden units of points of one layout.
type Aligner struct {
	*align.Specification
	IsNative bool // the specification follows from the layers of a model of this module

	layout     record.Layout
	initialize func(seed uint64) ([]float32, error) // nil for a model of another program
}

// Aligner returns the specification of the hidden units of the run's model. The names of axes
// come from the layout file if one is given, else from the header of the run, else from the
// layers of the model.
func (r *Run) Aligner(layoutFile string) (*Aligner, error) {
	h := r.Header()
	if h.Sketch != nil {
		return nil, fmt.Errorf("%s keeps a sketch of theta and not theta: no units can be permuted", r.Dir)
	}
	theta, state := h.Layout, h.State
	if layoutFile != "" && r.Series == nil { // a series has the layout of the file already
		var err error
		if theta, state, err = exchange.ReadLayout(layoutFile); err != nil {
			return nil, err
		}
		for _, part := range []struct{ file, run record.Layout }{{theta, h.Layout}, {state, h.State}} {
			if name := firstDifference(part.file, part.run); name != "" {
				return nil, fmt.Errorf("layout file %s: tensor %q is not the same there and in %s: both need its name, its "+
					"shape and its place", layoutFile, name, r.Dir)
			}
		}
	}
	s, err := align.New(theta, state)
	if err == nil {
		return &Aligner{Specification: s, layout: theta}, nil
	}
	if !errors.Is(err, align.ErrNoAxes) {
		return nil, err
	}
	in := nn.Input{Height: h.Data.Height, Width: h.Data.Width, Channels: h.Data.Channels, Classes: h.Data.Classes}
	theta, state, unknown := nn.Axes(h.Model, in)
	if unknown != nil || !theta.Equal(h.Layout) || !state.Equal(h.State) {
		return nil, fmt.Errorf("%s: %w, and %q is not a model of this program, so which units can be permuted is not known: "+
			"name the axes in a layout file (--layout) or when recording", r.Dir, align.ErrNoAxes, h.Model)
	}
	if s, err = align.New(theta, state); err != nil {
		return nil, err
	}
	return &Aligner{
		Specification: s, IsNative: true, layout: theta,
		initialize: func(seed uint64) ([]float32, error) { return nn.Initialization(h.Model, in, seed) },
	}, nil
}

// firstDifference returns the name of the first tensor that two layouts do not have in common;
// kinds may differ.
func firstDifference(a, b record.Layout) string {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return b[i].Name
		case i >= len(b) || a[i].Name != b[i].Name || !slices.Equal(a[i].Shape, b[i].Shape):
			return a[i].Name
		}
	}
	return ""
}

// Check evaluates the loss at a permuted copy of theta if the names of axes come from a user,
// who may be wrong. See [align.Specification.Check].
func (x *Aligner) Check(ctx context.Context, loss analyze.Loss, theta, state []float32) error {
	if x.IsNative {
		return nil
	}
	return x.Specification.Check(ctx, loss, theta, state)
}

// Null aligns pairs of random points: initializations of the model or, if it is not known how
// the model is initialized, points with normal elements of the same moments as the given
// points.
func (x *Aligner) Null(ctx context.Context, o align.Options, points ...[]float32) (*align.NullSummary, error) {
	n := align.NullOptions{Draw: x.initialize, Points: "two random initializations", Match: o}
	if n.Draw == nil {
		n.Draw = align.DrawNormal(x.layout, points...)
		n.Points = "two random points whose tensors have the mean and the spread of the ends"
	}
	return align.Null(ctx, x.Specification, n)
}

// StateAt returns a copy of the running statistics at a step: those of the last row up to the
// step that has some. It is nil if no such row exists.
func (r *Run) StateAt(step int64) ([]float32, error) {
	if !r.Header().Columns.State {
		return nil, nil
	}
	for i := r.RowOf(step); i >= 0; i-- {
		state, err := record.StateOf(r, i)
		if err != nil || state != nil {
			return slices.Clone(state), err
		}
	}
	return nil, nil
}
