package exchange

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/record"
)

// software stands in the header of a run that was made from files without one.
const software = "sgdwalk import"

// MismatchError says that a checkpoint does not have the tensors of the first
// one.
type MismatchError struct {
	Path, First string // the file and the one it is compared with
	Tensor      string
	Have, Want  []int // shapes in Path and in First; nil where there is no such tensor
}

// Error names the file, the tensor and both shapes.
func (e *MismatchError) Error() string {
	switch {
	case e.Have == nil:
		return fmt.Sprintf("exchange: %s has no tensor %q, which has shape %v in %s", e.Path, e.Tensor, e.Want, e.First)
	case e.Want == nil:
		return fmt.Sprintf("exchange: %s has a tensor %q of shape %v, and %s has none", e.Path, e.Tensor, e.Have, e.First)
	}
	return fmt.Sprintf("exchange: %s has tensor %q with shape %v, and %s with shape %v", e.Path, e.Tensor, e.Have, e.First, e.Want)
}

// checkpoints is a list of files that become a row each.
type checkpoints struct {
	*Import
	options ImportOptions
	files   []string
	steps   []int64
	epochs  []int32

	converted   map[string]int // tensors in all files by their type, other than float32
	conversions []string       // those types in the order in which they were met
	left        map[string]bool
	scalars     *scalarLog // nil where nothing is known but the tensors
}

func openCheckpoints(files []string, o ImportOptions) (*Import, error) {
	s := &checkpoints{Import: new(Import), options: o, files: files, converted: map[string]int{}, left: map[string]bool{}}
	first, err := s.open(0)
	if err != nil {
		return nil, err
	}
	err = s.makeHeader(first)
	var n numbers
	n.add(first)
	s.notice(first)
	first.Close()
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(files); i++ {
		c, err := s.open(i)
		if err != nil {
			return nil, err
		}
		n.add(c)
		s.notice(c)
		err = s.compare(c)
		c.Close()
		if err != nil {
			return nil, err
		}
	}
	for _, t := range s.conversions {
		s.warn("%s", conversion(t, fmt.Sprintf("tensors of all files: %d", s.converted[t])))
	}
	if err := s.number(&n); err != nil {
		return nil, err
	}
	if err := s.addScalars(); err != nil {
		return nil, err
	}
	if n.headers > 1 {
		s.warn("the files were exported from %d different runs; the header is that of %s", n.headers, files[0])
	}
	s.rows, s.copyTo = len(files), s.copyRows
	s.header.Steps = max(s.header.Steps, s.steps[len(files)-1])
	if err := s.header.Validate(); err != nil {
		return nil, err
	}
	return s.Import, nil
}

func (s *checkpoints) open(i int) (*container, error) {
	c, err := openContainer(s.files[i])
	if err == nil && c.lookup(headerName) != nil && c.lookup(headerName).element.class == text {
		c.Close()
		return nil, c.errorf("it holds a whole run, which is imported alone")
	}
	return c, err
}

// taken returns the arrays of a file that are tensors of the run.
func (s *checkpoints) taken(c *container) []*array {
	var out []*array
	for i := range c.arrays {
		a := &c.arrays[i]
		if a.element.isFloat() && !slices.Contains(a.shape, 0) && !s.excluded(a) {
			out = append(out, a)
		}
	}
	return out
}

func (s *checkpoints) excluded(a *array) bool {
	return slices.ContainsFunc(s.options.Exclude, func(p string) bool { return record.MatchName(p, a.name) })
}

// notice counts what is converted and warns of what is left out, once for each
// array however many files have it.
func (s *checkpoints) notice(c *container) {
	for _, a := range s.taken(c) {
		if t := a.element.name; t != "float32" {
			if s.converted[t]++; s.converted[t] == 1 {
				s.conversions = append(s.conversions, t)
			}
		}
	}
	for i := range c.arrays {
		a := &c.arrays[i]
		if s.excluded(a) || s.left[a.name] || a.element.isFloat() && !slices.Contains(a.shape, 0) {
			continue
		}
		s.left[a.name] = true
		if a.element.isFloat() {
			s.warn("tensor %q of shape %v is left out: it has no elements", a.name, a.shape)
		} else {
			s.warn("array %q of type %s is left out: parameters are floating-point numbers", a.name, a.element.name)
		}
	}
}

// conversion says in words what becomes of values of a type.
func conversion(from, of string) string {
	if from == "float64" {
		return fmt.Sprintf("float64 is rounded to float32 (%s)", of)
	}
	return fmt.Sprintf("%s is widened to float32, exactly (%s)", from, of)
}

// makeHeader decides the layout by the first file.
func (s *checkpoints) makeHeader(c *container) error {
	arrays := s.taken(c)
	if len(arrays) == 0 {
		return c.errorf("it has no tensor of floating-point numbers")
	}
	names := map[string]bool{}
	for _, a := range arrays {
		names[a.name] = true
	}
	var params, state []record.Tensor
	total := 0
	for _, a := range arrays {
		if total += a.length(); total > math.MaxInt32 {
			return c.errorf("it has more than %d elements up to tensor %q", math.MaxInt32, a.name)
		}
		t := record.Tensor{Name: a.name, Shape: a.shape, Kind: guessKind(a.name, a.shape, func(n string) bool { return names[n] })}
		for _, r := range s.options.Kinds {
			if record.MatchName(r.Pattern, a.name) {
				t.Kind = r.Kind
				break
			}
		}
		if isState(t.Kind) {
			state = append(state, t)
		} else {
			params = append(params, t)
		}
	}
	if len(params) == 0 {
		return c.errorf("it has running statistics only, and no parameters")
	}
	s.header = &record.Header{
		Format: record.FormatVersion, Software: software, DType: "float32", Model: s.options.Model, Comment: s.options.Comment,
		Columns: record.Columns{Theta: true, State: len(state) > 0},
		Layout:  record.Pack(params...), State: record.Pack(state...),
	}
	if s.header.Model == "" {
		s.header.Model = record.ImportedModel
	}
	s.adopt(c)
	return nil
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
	if len(s.options.Kinds)+len(s.options.Exclude) > 0 || !same(h.Layout, s.header.Layout) || s.header.Columns.State && !same(h.State, s.header.State) {
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

// tensors lists parameters and state in the order of the header.
func (s *checkpoints) tensors() []record.Tensor {
	if !s.header.Columns.State {
		return s.header.Layout
	}
	return slices.Concat(s.header.Layout, s.header.State)
}

// compare checks that a file has the tensors of the first.
func (s *checkpoints) compare(c *container) error {
	known := map[string]bool{}
	mismatch := func(tensor string, have, want []int) error {
		return &MismatchError{Path: c.path, First: s.files[0], Tensor: tensor, Have: have, Want: want}
	}
	have := map[string]*array{}
	taken := s.taken(c)
	for _, a := range taken {
		have[a.name] = a
	}
	for _, t := range s.tensors() {
		known[t.Name] = true
		want := append([]int{}, t.Shape...) // a scalar's shape is empty, not nil
		a := have[t.Name]
		switch {
		case a == nil:
			return mismatch(t.Name, nil, want)
		case !slices.Equal(a.shape, t.Shape):
			return mismatch(t.Name, append([]int{}, a.shape...), want)
		}
	}
	for _, a := range taken {
		if !known[a.name] {
			return mismatch(a.name, append([]int{}, a.shape...), nil)
		}
	}
	return nil
}

func (s *checkpoints) copyRows(ctx context.Context, appendRow func(*record.Step) error) error {
	theta := make([]float32, s.header.Layout.Len())
	var state []float32
	if s.header.Columns.State {
		state = make([]float32, s.header.State.Len())
	}
	for i := range s.files {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("exchange: stopped after %d of %d files: %w", i, len(s.files), err)
		}
		row := s.rowOf(i)
		row.Theta, row.State = theta, state
		if err := s.read(i, &row); err != nil {
			return err
		}
		if err := appendRow(&row); err != nil {
			return fmt.Errorf("exchange: row %d (%s): %w", i, s.files[i], err)
		}
	}
	return nil
}

// read fills the vectors of row i. The file is compared once more: it may have
// changed.
func (s *checkpoints) read(i int, row *record.Step) error {
	c, err := s.open(i)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := s.compare(c); err != nil {
		return err
	}
	for _, part := range []struct {
		layout record.Layout
		vector []float32
	}{{s.header.Layout, row.Theta}, {s.header.State, row.State}} {
		if part.vector == nil {
			continue
		}
		for _, t := range part.layout {
			if err := c.floats(c.lookup(t.Name), t.View(part.vector)); err != nil {
				return err
			}
		}
	}
	return nil
}
