package exchange

import (
	"errors"
	"slices"
	"sync"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
)

// placement says where the tensors of a checkpoint are in its files. Places count from the
// base of each file, so that most checkpoints of a series share one placement.
type placement struct {
	theta, state []array // in the order of the layouts, without functions; entry is nil
	isPiece      bool    // theta is one piece of float32 in one file, in the order of the layout
	isPacked     bool    // some tensor is compressed: only the whole tensor can be read
	hasChecksums bool    // entries of zip archives have the tensors
}

// placed is a checkpoint whose tensors were found.
type placed struct {
	*placement
	base  []int64 // of each file
	files []*dataFile

	verifying  sync.Mutex
	isVerified bool // the checksums were compared
}

// place finds the tensors of a checkpoint. have has its arrays by name. The result shares the
// placement of the checkpoint before, when that is equal.
func place(c *container, theta, state record.Layout, have map[string]*array, before *placed) (*placed, error) {
	out := &placed{placement: new(placement), base: make([]int64, len(c.files))}
	for i := range c.files {
		out.files = append(out.files, &dataFile{fileID: c.files[i]})
		out.base[i] = -1
	}
	list := func(layout record.Layout) (places []array, err error) {
		for _, t := range layout {
			a := *have[t.Name]
			a.open, a.tiedTo, a.name = nil, "", t.Name
			switch {
			case a.isPlain():
				if a.from, err = a.offset(); err != nil {
					return nil, arrayError(c.path, a.name, err)
				}
				if size := c.files[a.file].size; a.from < 0 || a.span() > size-a.from {
					return nil, c.errorf("array %q has bytes %d to %d; the file has %d", a.name, a.from,
						a.from+a.span(), size)
				}
				if b := &out.base[a.file]; *b < 0 || a.from < *b {
					*b = a.from
				}
			default:
				a.from, out.isPacked = -1, true
			}
			out.hasChecksums = out.hasChecksums || a.entry != nil
			a.entry = nil
			places = append(places, a)
		}
		return places, nil
	}
	var err error
	if out.theta, err = list(theta); err == nil {
		out.state, err = list(state)
	}
	if err != nil {
		return nil, err
	}
	out.isPiece = !out.isPacked
	next := out.theta[0].from
	for i := range out.theta {
		a := &out.theta[i]
		out.isPiece = out.isPiece && a.element.class == floating && a.element.width == 4 && !a.element.big &&
			a.strides == nil && a.file == out.theta[0].file && a.from == next
		next = a.from + a.span()
	}
	for _, list := range [][]array{out.theta, out.state} {
		for i := range list {
			if a := &list[i]; a.from >= 0 {
				a.from -= out.base[a.file]
			}
		}
	}
	if before != nil && before.equal(out.placement) {
		out.placement = before.placement
	}
	return out, nil
}

// equal reports whether two checkpoints have the same tensors at the same places.
func (p *placement) equal(q *placement) bool {
	same := func(a, b array) bool {
		return a.name == b.name && a.element == b.element && a.file == b.file && a.from == b.from &&
			slices.Equal(a.shape, b.shape) && slices.Equal(a.strides, b.strides)
	}
	return p.isPiece == q.isPiece && p.isPacked == q.isPacked && p.hasChecksums == q.hasChecksums &&
		slices.EqualFunc(p.theta, q.theta, same) && slices.EqualFunc(p.state, q.state, same)
}

// isCompressed reports whether only the whole array can be read, from its container.
func (a *array) isCompressed() bool { return a.from < 0 }

// read sets dst to the elements of a plain array from first on, converted to float32.
func (p *placed) read(a *array, dst []float32, first int) error {
	f, width := p.files[a.file], int64(a.element.width)
	offset, n := p.base[a.file]+a.from, a.span()
	if a.strides == nil {
		offset, n = offset+int64(first)*width, int64(len(dst))*width
	}
	b, err := f.bytes(offset, n)
	if err == nil {
		fault := mapped.Catch(func() {
			if a.strides == nil {
				err = a.element.convert(dst, b)
			} else {
				err = a.gather(dst, first, b)
			}
		})
		if fault != nil {
			err = mapped.Explain(f.path, f.size)
		}
	}
	return arrayError(f.path, a.name, err)
}

// piece returns theta as a view of the mapped file; nil when it cannot be one.
func (p *placed) piece(n int) ([]float32, error) {
	if !p.isPiece {
		return nil, nil
	}
	a := &p.theta[0]
	f := p.files[a.file]
	memory, err := f.view()
	if err != nil || memory == nil {
		return nil, arrayError(f.path, a.name, err)
	}
	at := p.base[a.file] + a.from
	v, ok := floatView(memory[at : at+4*int64(n)])
	if !ok {
		return nil, nil
	}
	f.touched.Store(true)
	return v, nil
}

// check returns an error when a file has changed.
func (p *placed) check() error {
	for _, f := range p.files {
		if err := f.check(); err != nil {
			return fileErrorf(f.path, "%w", err)
		}
	}
	return nil
}

// unmap ends the maps of the files.
func (p *placed) unmap() error {
	var err error
	for _, f := range p.files {
		err = errors.Join(err, f.unmap())
	}
	return err
}
