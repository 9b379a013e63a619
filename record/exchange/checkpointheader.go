package exchange

import (
	"fmt"
	"math"
	"slices"

	"sgdwalk/record"
)

// makeHeader decides the layout: by the layout file, else by the first checkpoint.
func (s *checkpoints) makeHeader(c *container) error {
	arrays := s.taken(c)
	if len(arrays) == 0 {
		return c.errorf("it has no tensor of floating-point numbers%s", c.typesOf())
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
		Format: record.FormatVersion, Software: software, DType: "float32", Model: s.options.Model, Comment: s.options.Comment,
		Columns: record.Columns{Theta: true, State: len(state) > 0},
		Layout:  params, State: state,
	}
	if s.header.Model == "" {
		s.header.Model = record.ImportedModel
	}
	for _, t := range s.tensors() {
		s.names[t.Name] = true
	}
	s.adopt(c)
	if s.layout != nil {
		_, err := s.compare(c)
		return err
	}
	return nil
}

// guessLayouts makes layouts of the arrays of the first file, by rules and guesses.
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
		t := record.Tensor{Name: a.name, Shape: a.shape, Kind: guessKind(a.name, a.shape, func(n string) bool { return names[n] })}
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
		return nil, nil, c.errorf("it has running statistics only, and no parameters")
	}
	return record.Pack(params...), record.Pack(state...), nil
}

func isState(k record.Kind) bool { return k == record.RunningMean || k == record.RunningVariance }

// adopt takes the header that WriteSafetensors put into the file, if it
// describes the tensors that are there.
func (s *checkpoints) adopt(c *container) {
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
		return slices.EqualFunc(a, b, func(x, y record.Tensor) bool { return x.Name == y.Name && slices.Equal(x.Shape, y.Shape) })
	}
	if len(s.options.Kinds)+len(s.options.Exclude) > 0 || s.layout != nil && !h.Layout.Equal(s.layout.theta) || !same(h.Layout, s.header.Layout) || s.header.Columns.State && !same(h.State, s.header.State) {
		s.warn("the header in %s is not used: it describes other tensors than are taken", c.path)
		return
	}
	s.header.Columns.Substep = h.Columns.Substep
	h.Columns = s.header.Columns
	h.DType = record.Float32 // the other files may not be rounded
	if s.options.Model != "" {
		h.Model = s.options.Model
	}
	if s.options.Comment != "" {
		h.Comment = s.options.Comment
	}
	s.header = h
}

// typesOf lists the types of a file's arrays, each with the first array that has it.
func (c *container) typesOf() string {
	text, seen := "", map[string]bool{}
	for _, a := range c.arrays {
		if !seen[a.element.name] && len(seen) < 8 {
			text += fmt.Sprintf("; %.100q has the type %s", a.name, a.element.name)
		}
		seen[a.element.name] = true
	}
	return text
}
