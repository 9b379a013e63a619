package record

import (
	"errors"
	"fmt"
)

// ErrReduced is wrapped by the error of Header.CheckEvaluable: theta lacks parameters
// of the model.
var ErrReduced = errors.New("a loss cannot be evaluated on it")

// Sketch says how the rows of a recording were reduced before they were written.
// The Layout of its header describes the reduced rows; the Layout of the sketch
// describes theta and grad before the reduction.
type Sketch struct {
	// text form of the reduction, for example "subset:conv*+project:256"; see record/sketch
	Spec       string `json:"spec"`
	Seed       uint64 `json:"seed"`       // of the random projection; 0 without a projection
	Parameters int    `json:"parameters"` // length of theta before the reduction
	Layout     Layout `json:"layout"`     // of theta and grad before the reduction
}

func (s *Sketch) clone() *Sketch {
	if s == nil {
		return nil
	}
	c := *s
	c.Layout = cloneLayout(s.Layout)
	return &c
}

// validate checks the sketch of a header; nil is valid.
func (s *Sketch) validate() error {
	switch {
	case s == nil:
		return nil
	case s.Spec == "":
		return errors.New("record: header: sketch has no spec; it must describe the reduction")
	case len(s.Layout) == 0:
		return errors.New("record: header: sketch has no layout of the parameters before the reduction")
	}
	if err := s.Layout.Validate(); err != nil {
		return fmt.Errorf("%w (sketch)", err)
	}
	if s.Parameters != s.Layout.Len() {
		return fmt.Errorf("record: header: sketch has %d parameters; its layout has %d", s.Parameters, s.Layout.Len())
	}
	return nil
}

// CheckEvaluable returns nil when theta is the full parameter vector of the model,
// perhaps rounded, so that a loss can be evaluated at it. For a projection or a
// subset it returns an error that wraps ErrReduced and describes the reduction.
// Analyses that need only inner products do not call it.
func (h *Header) CheckEvaluable() error {
	if h.Sketch == nil || h.Layout.Equal(h.Sketch.Layout) {
		return nil
	}
	return fmt.Errorf("record: theta was reduced by %q from %d parameters to %d: %w", h.Sketch.Spec,
		h.Sketch.Parameters, h.Layout.Len(), ErrReduced)
}
