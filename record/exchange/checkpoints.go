package exchange

import (
	"archive/zip"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"sgdwalk/record"
)

// software is the header's Software for a run made from files without a header.
const software = "sgdwalk import"

// MismatchError reports that a checkpoint does not have the tensors of the first
// checkpoint, or of the layout file.
type MismatchError struct {
	Path, First string // the file, and the checkpoint or layout file that it is compared with
	Tensor      string
	Have, Want  []int  // shapes in Path and in First; nil where the tensor is missing
	Type        string // element type of an array in Path that has this name and is not a tensor; else ""
}

// Error names the file, the tensor and both shapes.
func (e *MismatchError) Error() string {
	switch {
	case e.Type != "":
		return fmt.Sprintf("exchange: %s has %q with elements of type %s; in %s it is a tensor of floating-point "+
			"numbers of shape %v",
			e.Path, e.Tensor, e.Type, e.First, e.Want)
	case e.Have == nil:
		return fmt.Sprintf("exchange: %s has no tensor %q, which has shape %v in %s", e.Path, e.Tensor, e.Want, e.First)
	case e.Want == nil:
		return fmt.Sprintf("exchange: %s has a tensor %q of shape %v, and %s has none", e.Path, e.Tensor, e.Have,
			e.First)
	}
	return fmt.Sprintf("exchange: %s has tensor %q with shape %v, and %s with shape %v", e.Path, e.Tensor, e.Have,
		e.First, e.Want)
}

// checkpoints is a series of checkpoints, each of which becomes one row.
type checkpoints struct {
	*Import
	options ImportOptions
	files   []checkpointFile
	places  []*placed
	steps   []int64
	epochs  []int32
	opening sync.Mutex // held by open after the examination

	firstPath    string          // path of the checkpoint that decides the layout
	tensorNames  map[string]bool // names of the tensors of the run
	layout       *layoutFile     // nil when the first checkpoint decides the layout
	converted    map[string]int  // number of tensors in all files by their type, without float32
	conversions  []string        // those types in the order in which they were found
	warnedArrays map[string]bool
	seenNotes    map[string]bool // notes of files that are already among the warnings
	ties         ties
	headers      map[string]bool // distinct headers of the runs that the files were exported from
	scalars      *scalarLog      // nil when the options name no file with scalars
}

// openCheckpoints examines all files of a series, and decides layout, steps and scalars. Nothing
// is written before all files were compared.
func openCheckpoints(members []checkpointFile, notes []string, o ImportOptions) (*checkpoints, error) {
	members, copies := dropCopies(members)
	s := newCheckpoints(members, o)
	s.Warnings = slices.Concat(notes, copies)
	if err := s.readLayout(); err != nil {
		return nil, err
	}
	numbers := newNumbering(pathsOf(members), areNamed(members))
	for i := range members {
		err := s.examine(i, numbers)
		if mismatch := new(MismatchError); errors.As(err, &mismatch) && o.Steps == ByAnything &&
			numbers.rule.name != "" && numbers.nameErr != nil {
			// Probably a file of another kind among the checkpoints. Its missing step explains
			// more than its tensors do.
			return nil, numbers.nameErr
		}
		if err != nil {
			return nil, err
		}
	}
	s.warnAboutConversions()
	if err := s.number(numbers); err != nil {
		return nil, err
	}
	if err := s.addScalars(); err != nil {
		return nil, err
	}
	if n := len(s.headers); n > 1 {
		s.warn("the files were exported from %d different runs; the header of %s is used", n, s.firstPath)
	}
	s.rows, s.copyTo = len(members), s.copyRows
	s.header.Steps = max(s.header.Steps, s.steps[len(members)-1])
	if err := s.header.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

// newCheckpoints returns a series of which no file was examined yet.
func newCheckpoints(members []checkpointFile, o ImportOptions) *checkpoints {
	return &checkpoints{
		Import: new(Import), options: o, files: members,
		tensorNames: map[string]bool{}, converted: map[string]int{}, warnedArrays: map[string]bool{},
		seenNotes: map[string]bool{}, headers: map[string]bool{}, ties: ties{},
	}
}

// readLayout reads the layout file, if the options name one.
func (s *checkpoints) readLayout() (err error) {
	if s.options.Layout == "" {
		return nil
	}
	if s.layout, err = readLayoutFile(s.options.Layout); err != nil {
		return err
	}
	for _, t := range slices.Concat(s.layout.theta, s.layout.state) {
		if s.excluded(t.Name) {
			return fmt.Errorf("exchange: layout file %s has tensor %q, which exclude leaves out; remove it from one "+
				"of them", s.options.Layout, t.Name)
		}
	}
	return nil
}

// examine opens checkpoint i and checks its tensors. The first checkpoint decides the
// header.
func (s *checkpoints) examine(i int, n *numbering) error {
	c, err := s.open(i)
	if err != nil {
		return err
	}
	defer c.Close()
	if i == 0 {
		s.firstPath = c.path
		err = s.makeHeader(c)
	}
	s.warnAboutArrays(c)
	n.metadata[i] = c.metadata[metaStep]
	epoch, parseErr := strconv.ParseInt(c.metadata[metaEpoch], 10, 32)
	if parseErr != nil || epoch < 0 {
		epoch = 0
	}
	s.epochs = append(s.epochs, int32(epoch))
	if h, ok := c.metadata[metaHeader]; ok && json.Valid([]byte(h)) {
		s.headers[h] = true
	}
	if err != nil {
		return err
	}
	have, err := s.compare(c)
	if err != nil {
		return err
	}
	var before *placed
	if i > 0 {
		before = s.places[i-1]
	}
	p, err := place(c, s.header.Layout, s.stateLayout(), have, before)
	s.places = append(s.places, p)
	return err
}

// number decides the steps, and sorts the checkpoints by them.
func (s *checkpoints) number(n *numbering) error {
	d, err := n.decide(s.options.Steps)
	if err != nil {
		return err
	}
	s.Warnings = append(s.Warnings, d.notes...)
	order := allRows(len(d.steps))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(d.steps[a], d.steps[b]) })
	files, places, epochs := s.files, s.places, s.epochs
	s.steps, s.files, s.places, s.epochs = nil, nil, nil, nil
	for _, i := range order {
		s.steps, s.files = append(s.steps, d.steps[i]), append(s.files, files[i])
		s.places, s.epochs = append(s.places, places[i]), append(s.epochs, epochs[i])
	}
	if n.isListed && !slices.IsSorted(d.steps) {
		s.warn("the rows are in the order of their steps, and the files were given in another order")
	}
	s.StepsFrom = d.origin
	s.warn("the steps, %d to %d, come from %s", s.steps[0], s.steps[len(s.steps)-1], d.origin)
	return nil
}

// open opens checkpoint i, and renames its arrays as the run names them.
func (s *checkpoints) open(i int) (*container, error) {
	c, err := s.files[i].open(s.options.Key)
	if err != nil {
		return nil, err
	}
	if c.lookup(headerName) != nil && c.lookup(headerName).element.class == text {
		err = c.errorf("it is a whole run, which must be imported alone")
	} else {
		err = s.removeWrapperParts(c)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	s.ties.add(c)
	if s.header != nil {
		s.ties.rename(c, s.tensors())
	}
	return c, nil
}

// tensors returns parameters and state in the order of the header.
func (s *checkpoints) tensors() []record.Tensor {
	return slices.Concat(s.header.Layout, s.stateLayout())
}

// stateLayout returns the layout of the state; nil for a run without state.
func (s *checkpoints) stateLayout() record.Layout {
	if !s.header.Columns.State {
		return nil
	}
	return s.header.State
}

// compare checks that a file has the tensors of the run, and returns its arrays by name.
func (s *checkpoints) compare(c *container) (map[string]*array, error) {
	first := s.firstPath
	if s.layout != nil {
		first = s.layout.path
	}
	known, have := map[string]bool{}, map[string]*array{}
	taken := s.tensorsOf(c)
	for _, a := range taken {
		have[a.name] = a
	}
	for _, t := range s.tensors() {
		known[t.Name] = true
		// the shape of a scalar is empty, not nil
		e := &MismatchError{Path: c.path, First: first, Tensor: t.Name, Want: append([]int{}, t.Shape...)}
		a := have[t.Name]
		switch {
		case a == nil:
			if other := c.lookup(t.Name); other != nil && !other.element.isFloat() {
				e.Type = other.element.name
			}
			return nil, e
		case !s.sameShape(a, t):
			e.Have = append([]int{}, a.shape...)
			return nil, e
		}
	}
	for _, a := range taken {
		if !known[a.name] {
			return nil, &MismatchError{Path: c.path, First: first, Tensor: a.name, Have: append([]int{}, a.shape...)}
		}
	}
	return have, nil
}

// sameShape compares shapes. A layout file may declare a scalar as a vector of one
// element, because a recording has no scalars.
func (s *checkpoints) sameShape(a *array, t record.Tensor) bool {
	return slices.Equal(a.shape, t.Shape) || s.layout != nil && len(a.shape)+len(t.Shape) == 1 && a.length() == 1 &&
		t.Len() == 1
}

// copyRows reads one checkpoint after another into the same vectors, so that the memory is that of
// one row.
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
		err := s.places[i].check()
		if err == nil {
			err = s.read(i, theta, state)
		}
		if err := errors.Join(err, s.places[i].unmap()); err != nil {
			return err
		}
		if err := appendRow(&row); err != nil {
			return fmt.Errorf("exchange: row %d (%s): %w", i, s.files[i].path, err)
		}
	}
	return nil
}

// read fills theta and state of checkpoint i; a vector that is nil is not read. It opens the
// checkpoint again when the files have checksums, or when a tensor is compressed.
func (s *checkpoints) read(i int, theta, state []float32) error {
	p := s.places[i]
	if err := s.verify(i); err != nil {
		return err
	}
	var packed []packedTensor
	for _, part := range []struct {
		layout record.Layout
		places []array
		vector []float32
	}{{s.header.Layout, p.theta, theta}, {s.header.State, p.state, state}} {
		if part.vector == nil {
			continue
		}
		for k, t := range part.layout {
			a, dst := &part.places[k], t.View(part.vector)
			if a.isCompressed() {
				packed = append(packed, packedTensor{t.Name, dst})
			} else if err := p.read(a, dst, 0); err != nil {
				return err
			}
		}
	}
	return s.unpack(i, packed)
}

// packedTensor is a compressed tensor, and where its elements go.
type packedTensor struct {
	name string
	dst  []float32
}

// unpack reads compressed tensors of checkpoint i.
func (s *checkpoints) unpack(i int, tensors []packedTensor) error {
	if len(tensors) == 0 {
		return nil
	}
	return s.reopen(i, func(c *container, have map[string]*array) error {
		for _, t := range tensors {
			if err := c.floats(have[t.name], t.dst); err != nil {
				return err
			}
		}
		return nil
	})
}

// reopen opens checkpoint i again, and calls use with its arrays by name.
func (s *checkpoints) reopen(i int, use func(*container, map[string]*array) error) error {
	s.opening.Lock()
	c, err := s.open(i)
	s.opening.Unlock()
	if err != nil {
		return err
	}
	defer c.Close()
	for k := range c.files {
		if c.files[k] != s.places[i].files[k].fileID {
			return fileErrorf(c.files[k].path, "%w", errChanged)
		}
	}
	have, err := s.compare(c)
	if err != nil {
		return err
	}
	return use(c, have)
}

// verify compares the checksums of all plain entries of checkpoint i with its tensors, once.
// A checksum is of a whole entry, so no part of a tensor is used before. The checksums of
// compressed entries are compared when they are read, and safetensors and npy files have
// none.
func (s *checkpoints) verify(i int) error {
	p := s.places[i]
	if !p.hasChecksums {
		return nil
	}
	p.verifying.Lock()
	defer p.verifying.Unlock()
	if p.isVerified {
		return nil
	}
	err := s.reopen(i, func(c *container, have map[string]*array) error {
		seen := map[*zip.File]bool{}
		for _, t := range s.tensors() {
			a := have[t.Name]
			if a.entry == nil || seen[a.entry] || !a.isPlain() {
				continue
			}
			seen[a.entry] = true
			if err := verifyEntry(a.entry); err != nil {
				return arrayError(c.files[a.file].path, a.name, err)
			}
		}
		return nil
	})
	p.isVerified = err == nil
	return err
}
