package record

import (
	"errors"
	"fmt"
)

// ErrReduced is wrapped by Header.CheckEvaluable: theta lacks parameters of the model.
var ErrReduced = errors.New("a loss cannot be evaluated on it")

// Sketch says how the rows of a recording were reduced before they were written.
// A header that has one describes the reduced rows in its Layout; what theta and
// grad were before is described here.
type Sketch struct {
	Spec       string `json:"spec"`       // text form of what was done, for example "subset:conv*+project:256"; see record/sketch
	Seed       uint64 `json:"seed"`       // of the random projection; 0 where there is none
	Parameters int    `json:"parameters"` // length of theta before
	Layout     Layout `json:"layout"`     // of theta and grad before
}

func (s *Sketch) clone() *Sketch {
	if s == nil {
		return nil
	}
	c := *s
	c.Layout = cloneLayout(s.Layout)
	return &c
}

func (s *Sketch) validate() error {
	switch {
	case s == nil:
		return nil
	case s.Spec == "":
		return errors.New("record: header: sketch has no spec; it must say what was done")
	case len(s.Layout) == 0:
		return errors.New("record: header: sketch has no layout of the parameters before")
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
// subset it returns an error that wraps ErrReduced and says what was done.
// Analyses that need inner products only do not ask.
func (h *Header) CheckEvaluable() error {
	if h.Sketch == nil || h.Layout.Equal(h.Sketch.Layout) {
		return nil
	}
	return fmt.Errorf("record: theta was reduced by %q from %d parameters to %d: %w", h.Sketch.Spec, h.Sketch.Parameters, h.Layout.Len(), ErrReduced)
}
