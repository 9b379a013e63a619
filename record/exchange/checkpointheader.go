package exchange

import (
	"fmt"
	"math"
	"slices"

	"sgdwalk/record"
)

// makeHeader makes the header of the run. The layout comes from the layout file, or from
// the first checkpoint c.
func (s *checkpoints) makeHeader(c *container) error {
	arrays := s.tensorsOf(c)
	if len(arrays) == 0 {
		return c.errorf("it has no tensor of floating-point numbers%s", c.listTypes())
	}
	var params, state record.Layout
	if s.layout != nil {
		params, state = s.layout.theta, s.layout.state
	} else {
		var err error
		if params, state, err = s.guessLayouts(c, arrays); err != nil {
			return err
		}
	}
	s.header = &record.Header{
		Format: record.FormatVersion, Software: software, DType: "float32", Model: s.options.Model,
		Comment: s.options.Comment,
		Columns: record.Columns{Theta: true, State: len(state) > 0},
		Layout:  params, State: state,
	}
	if s.header.Model == "" {
		s.header.Model = record.ImportedModel
	}
	for _, t := range s.tensors() {
		s.tensorNames[t.Name] = true
	}
	s.useStoredHeader(c)
	if s.layout != nil {
		_, err := s.compare(c)
		return err
	}
	return nil
}

// guessLayouts returns the layouts of theta and state. The rules of the options and
// guesses decide the kinds of the arrays.
func (s *checkpoints) guessLayouts(c *container, arrays []*array) (record.Layout, record.Layout, error) {
	names := map[string]bool{}
	for _, a := range arrays {
		names[a.name] = true
	}
	var params, state []record.Tensor
	total := 0
	for _, a := range arrays {
		if total += a.length(); total > math.MaxInt32 {
			return nil, nil, c.errorf("it has more than %d elements up to tensor %q", math.MaxInt32, a.name)
		}
		t := record.Tensor{Name: a.name, Shape: a.shape, Kind: guessKind(a.name, a.shape,
			func(n string) bool { return names[n] })}
		for _, r := range s.options.Kinds {
			if record.MatchName(r.Pattern, a.name) {
				t.Kind = r.Kind
				break
			}
		}
		if isState(t.Kind) || slices.Contains(partsOfName(a.name), batchStats) {
			state = append(state, t)
		} else {
			params = append(params, t)
		}
	}
	if len(params) == 0 {
		return nil, nil, c.errorf("it has only running statistics and no parameters")
	}
	return record.Pack(params...), record.Pack(state...), nil
}

// isState reports whether tensors of this kind are state and not parameters.
func isState(k record.Kind) bool { return k == record.RunningMean || k == record.RunningVariance }

// useStoredHeader uses the header that WriteSafetensors put into the file, if it
// describes the same tensors.
func (s *checkpoints) useStoredHeader(c *container) {
	text, ok := c.metadata[metaHeader]
	if !ok {
		return
	}
	h, err := record.DecodeHeader([]byte(text))
	if err != nil {
		s.warn("the header in %s is not used: %v", c.path, err)
		return
	}
	same := func(a, b record.Layout) bool {
		return slices.EqualFunc(a, b, func(x, y record.Tensor) bool {
			return x.Name == y.Name &&
				slices.Equal(x.Shape, y.Shape)
		})
	}
	isOther := s.layout != nil && !h.Layout.Equal(s.layout.theta) || !same(h.Layout, s.header.Layout) ||
		s.header.Columns.State && !same(h.State, s.header.State)
	if len(s.options.Kinds)+len(s.options.Exclude) > 0 || isOther {
		s.warn("the header in %s is not used: it describes other tensors than the run has", c.path)
		return
	}
	s.header.Columns.Substep = h.Columns.Substep
	h.Columns = s.header.Columns
	h.DType = record.Float32 // the other files may have more digits
	if s.layout != nil {     // which may name axes
		h.Layout, h.State = s.header.Layout, s.header.State
	}
	if s.options.Model != "" {
		h.Model = s.options.Model
	}
	if s.options.Comment != "" {
		h.Comment = s.options.Comment
	}
	s.header = h
}

// listTypes lists the types of the arrays, each with the first array of that type.
func (c *container) listTypes() string {
	text, seen := "", map[string]bool{}
	for _, a := range c.arrays {
		if !seen[a.element.name] && len(seen) < 8 {
			text += fmt.Sprintf("; %.100q has the type %s", a.name, a.element.name)
		}
		seen[a.element.name] = true
	}
	return text
}
