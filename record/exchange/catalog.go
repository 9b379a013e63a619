package exchange

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"sgdwalk/record"
)

// Catalog lists the checkpoints of a series, also those that cannot be read or that have
// other tensors than the first one. Open and OpenSeries refuse such a series; an audit
// needs to see it.
type Catalog struct {
	// Entries are in the order of their steps.
	Entries []Entry
	// Repeated are checkpoints with the step of an entry before them. The audit of values
	// leaves them out.
	Repeated  []Entry
	StepsFrom string   // where the steps come from, with an example
	Notes     []string // decisions about files and tensors, for the user

	options ImportOptions
	names   *checkpoints // renames tensors as the import does
}

// Entry is one checkpoint of a catalog.
type Entry struct {
	Path string
	Step int64
	// MetadataStep is the step in the file's metadata when it contradicts the step of the
	// name, which then counts; -1 otherwise.
	MetadataStep int64
	Problem      error // why the checkpoint cannot be read; nil otherwise
	// Tensors are the floating-point tensors, in the order of the file. Their names are
	// those of the import.
	Tensors []TensorEntry

	index int // of the file in names.files
}

// TensorEntry is one tensor of an entry.
type TensorEntry struct {
	Name    string
	Type    string // element type in the file, for example "bfloat16"
	Shape   []int
	Path    string // of the file, which is a shard when the checkpoint has several
	TiedTo  string // name of an earlier tensor with the same memory; "" for none
	IsState bool   // a running statistic, not a parameter

	array int // index among the arrays of the file
}

// Len returns the number of elements.
func (t *TensorEntry) Len() int { return record.Tensor{Shape: t.Shape}.Len() }

// OpenCatalog lists the checkpoints of the paths. It reads the list of tensors of every
// file, and no values. It returns an error only when there is no series to list: no
// checkpoint, or no rule for the steps.
func OpenCatalog(paths []string, o ImportOptions) (*Catalog, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	members, notes, err := collect(paths, true)
	if err != nil {
		return nil, err
	}
	members, copies := dropCopies(members)
	c := &Catalog{Notes: slices.Concat(notes, copies), options: o, names: newCheckpoints(members, o)}
	if err := c.names.readLayout(); err != nil {
		return nil, err
	}
	numbers := newNumbering(pathsOf(members), areNamed(members))
	readable := 0
	for i := range members {
		e := Entry{Path: members[i].path, MetadataStep: -1, index: i}
		metadata, err := c.list(&e)
		if e.Problem = err; err == nil {
			readable++
		}
		numbers.metadata[i] = metadata
		c.Entries = append(c.Entries, e)
	}
	if readable == 0 {
		return nil, c.Entries[0].Problem
	}
	c.Notes = append(c.Notes, c.names.Warnings...)
	return c, c.number(numbers)
}

// list reads the list of tensors of an entry, and returns the step in its metadata.
func (c *Catalog) list(e *Entry) (metadata string, err error) {
	file, err := c.names.open(e.index)
	if err != nil {
		return "", err
	}
	defer file.Close()
	if c.names.header == nil {
		c.names.firstPath = file.path
		if err := c.names.makeHeader(file); err != nil {
			c.names.header = nil
			return "", err
		}
	}
	c.names.warnAboutArrays(file)
	isTaken := map[string]bool{}
	for _, a := range c.names.tensorsOf(file) {
		isTaken[a.name] = true
	}
	names := map[string]bool{} // a lookup would be too slow in a file with thousands of tensors
	for i := range file.arrays {
		names[file.arrays[i].name] = true
	}
	hasTensor := func(name string) bool { return names[name] }
	for i := range file.arrays {
		a := &file.arrays[i]
		if !c.names.isTensor(a) {
			continue
		}
		t := TensorEntry{Name: a.name, Type: a.element.name, Shape: a.shape, Path: a.path, array: i}
		t.IsState = isState(guessKind(a.name, a.shape, hasTensor))
		if t.TiedTo = a.tiedTo; t.TiedTo == "" && !isTaken[a.name] {
			t.TiedTo = firstName(a)
		}
		e.Tensors = append(e.Tensors, t)
	}
	return file.metadata[metaStep], nil
}

// number gives the entries their steps and sorts them. Names decide when metadata contradict them
// or are missing in some files, because the audit reports both.
func (c *Catalog) number(n *numbering) error {
	d, err := n.decide(c.options.Steps)
	byName := err != nil && c.options.Steps == ByAnything && n.nameErr == nil
	switch {
	case byName:
		d = decision{stepsOf(n.names), examples(n.names[:1]), nil}
	case err != nil && d.steps == nil:
		return err
	}
	c.StepsFrom = d.origin
	c.Notes = append(c.Notes, d.notes...)
	for i := range c.Entries {
		e := &c.Entries[i]
		e.Step = d.steps[i]
		meta, err := strconv.ParseInt(n.metadata[i], 10, 64)
		isOther := err == nil && meta != e.Step
		if isOther && (byName || c.options.Steps == ByName) {
			e.MetadataStep = meta
		}
	}
	slices.SortStableFunc(c.Entries, func(a, b Entry) int { return cmp.Compare(a.Step, b.Step) })
	kept := c.Entries[:0]
	for _, e := range c.Entries {
		if n := len(kept); n > 0 && kept[n-1].Step == e.Step {
			c.Repeated = append(c.Repeated, e)
			continue
		}
		kept = append(kept, e)
	}
	c.Entries = kept
	return nil
}

// Hashes returns the known hashes of all tensors, by file and name, and has the index notice the size and
// the time of every file, before values are read.
func (c *Catalog) Hashes(x *Index) map[[2]string]string {
	known := map[[2]string]string{}
	for _, e := range c.Entries {
		for _, t := range e.Tensors {
			if h := x.Hash(t.Path, t.Name); h != "" {
				known[[2]string{t.Path, t.Name}] = h
			}
		}
	}
	return known
}

// Header returns the header that the series has if all its checkpoints are like the first one that
// can be read. The caller owns it.
func (c *Catalog) Header() *record.Header {
	h := c.names.header.Clone()
	for _, e := range c.Entries {
		h.Steps = max(h.Steps, e.Step)
	}
	return h
}

// Opened is an open checkpoint of a catalog. It is not safe for concurrent use.
type Opened struct {
	file    *container
	arrays  []*array
	scratch []byte
}

// Open opens entry i. The caller closes it. It may be called from several goroutines.
func (c *Catalog) Open(i int) (*Opened, error) {
	e := &c.Entries[i]
	file, err := c.names.files[e.index].open(c.options.Key)
	if err != nil {
		return nil, err
	}
	o := &Opened{file: file, scratch: make([]byte, chunkBytes)}
	same := true
	for _, t := range e.Tensors {
		if t.array >= len(file.arrays) {
			same = false
			break
		}
		a := &file.arrays[t.array]
		same = same && a.element.name == t.Type && slices.Equal(a.shape, t.Shape)
		o.arrays = append(o.arrays, a)
	}
	if !same {
		return nil, errors.Join(file.errorf("the file has changed since it was listed"), file.Close())
	}
	return o, nil
}

// Close closes the files.
func (o *Opened) Close() error { return o.file.Close() }

// Values reads tensor j of the entry in row-major order, and calls use with consecutive
// parts of it. A part is in buf, whose length is the largest part, except for a tensor
// whose elements are not consecutive in the file: that one is read whole, into new memory.
// The checksum of a file that has one is compared after the last part, so results are valid
// only if Values returns nil.
func (o *Opened) Values(j int, buf []float32, use func(part []float32) error) error {
	a := o.arrays[j]
	n := a.length()
	if a.strides != nil {
		all := make([]float32, n)
		if err := o.file.floats(a, all); err != nil {
			return err
		}
		return use(all)
	}
	r, err := a.open()
	if err != nil {
		return o.file.errorf("array %.100q: %w", a.name, err)
	}
	defer r.Close()
	for done := 0; done < n && err == nil; {
		part := buf[:min(len(buf), n-done)]
		if err = a.element.readFloats(r, part, o.scratch); err == nil {
			err = use(part)
		}
		done += len(part)
	}
	if err == nil {
		err = expectEnd(r)
	}
	if err != nil {
		return o.file.errorf("array %.100q: %w", a.name, err)
	}
	return nil
}

// Describe returns one line about the series.
func (c *Catalog) Describe() string {
	n := len(c.Entries)
	if n == 0 {
		return "no checkpoint"
	}
	return fmt.Sprintf("%d checkpoints, steps %d to %d", n, c.Entries[0].Step, c.Entries[n-1].Step)
}
