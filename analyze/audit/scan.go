package audit

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"unsafe"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"sgdwalk/analyze"
	"sgdwalk/record"
	"sgdwalk/record/exchange"
)

// content is what the pass keeps of one tensor of one checkpoint. The zero value is a tensor
// that the checkpoint does not have.
type content struct {
	isPresent  bool
	tensor     *exchange.TensorEntry
	hash       xxh3.Uint128 // of the values as float32
	problem    error        // why the values cannot be read; nil otherwise
	nan, inf   int          // elements that are NaN and infinite
	isZero     bool
	isConstant bool    // all elements are equal
	precision  string  // see Sketch.precision
	first      float32 // the value of all elements of a constant tensor
}

// isUsable reports whether the values can be compared with others.
func (c *content) isUsable() bool { return c.isPresent && c.problem == nil && c.nan+c.inf == 0 }

// track is one tensor through all checkpoints.
type track struct {
	name     string
	shape    []int
	n        int // elements
	k        int // numbers of a sketch; n when the sketch is the tensor itself
	isState  bool
	contents []content // one for each checkpoint
	sketches []float64 // the numbers of checkpoint i are from i*k on
	// distances are the squared distances between all checkpoints; nil when they are computed on
	// demand
	distances []float64
}

// isExact reports whether distances have no error of a projection.
func (t *track) isExact() bool { return t.k == t.n }

// series is what the pass keeps of all checkpoints.
type series struct {
	catalog  *exchange.Catalog
	steps    []int64
	tracks   []*track
	byName   map[string]int // index of each track
	problems []error        // why a checkpoint cannot be read; nil otherwise
	rare     []string       // tensors that are left out; see withoutRare
	k        int            // numbers of the sketch of a large tensor
}

// partLen is the number of elements that are read at a time: they stay in the cache of one
// core while they are hashed and added to the sketch.
const partLen = 1 << 16

// scan reads every value once. The memory is that of the sketches, and of one part for each
// worker.
func scan(ctx context.Context, c *exchange.Catalog, o Options) (*series, error) {
	s := newSeries(c, o)
	var progress analyze.Progress = analyze.NoProgress{}
	if o.Progress != nil {
		progress = o.Progress
	}
	progress.Begin("audit", len(s.steps))
	workers := o.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	g, ctx := errgroup.WithContext(ctx)
	rows := make(chan int) // without capacity: a row is handed over when a worker is free
	g.Go(func() error {
		defer close(rows)
		for i := range s.steps {
			select {
			case rows <- i:
				progress.Add(1)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range workers {
		g.Go(func() error {
			r := newReader()
			for i := range rows {
				if err := s.read(ctx, i, o.Seed, r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	s.keepDistances()
	return s, nil
}

// newSeries makes the tracks of all tensors that some checkpoint has, in the order of their
// first appearance.
func newSeries(c *exchange.Catalog, o Options) *series {
	n := len(c.Entries)
	c, rare := withoutRare(c, mostContents)
	s := &series{catalog: c, problems: make([]error, n), byName: map[string]int{}, rare: rare}
	for i := range c.Entries {
		e := &c.Entries[i]
		s.steps = append(s.steps, e.Step)
		s.problems[i] = e.Problem
		for j := range e.Tensors {
			t := &e.Tensors[j]
			if _, isKnown := s.byName[t.Name]; isKnown {
				continue
			}
			s.byName[t.Name] = len(s.tracks)
			s.tracks = append(s.tracks, &track{
				name: t.Name, shape: t.Shape, n: t.Len(), isState: t.IsState, contents: make([]content, n),
			})
		}
	}
	s.useUsualShapes()
	s.k = o.dimensions(len(s.tracks) * len(s.steps))
	for _, t := range s.tracks {
		t.k = min(t.n, s.k)
		t.sketches = make([]float64, t.k*len(s.steps))
	}
	return s
}

// useUsualShapes gives every track the shape that most checkpoints have.
func (s *series) useUsualShapes() {
	counts := make([]map[string]int, len(s.tracks))
	shapes := map[string][]int{}
	for i := range s.catalog.Entries {
		for _, t := range s.catalog.Entries[i].Tensors {
			at := s.byName[t.Name]
			if counts[at] == nil {
				counts[at] = map[string]int{}
			}
			key := fmt.Sprint(t.Shape)
			counts[at][key]++
			shapes[key] = t.Shape
		}
	}
	for at, t := range s.tracks {
		t.shape = shapes[mostFrequent(counts[at])]
		t.n = record.Tensor{Shape: t.shape}.Len()
	}
}

// reader has the memory of one worker.
type reader struct {
	part   []float32
	whole  []float64 // a tensor that is kept whole
	sketch Sketch
	hash   *xxh3.Hasher
}

func newReader() *reader { return &reader{part: make([]float32, partLen), hash: xxh3.New()} }

// read reads the tensors of checkpoint i. A checkpoint that cannot be read is no error, but a
// problem.
func (s *series) read(ctx context.Context, i int, seed uint64, r *reader) error {
	if s.problems[i] != nil {
		return ctx.Err()
	}
	file, err := s.catalog.Open(i)
	if err != nil {
		s.problems[i] = err
		return ctx.Err()
	}
	defer file.Close()
	tensors := s.catalog.Entries[i].Tensors
	for j := range tensors {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.tracks[s.byName[tensors[j].Name]].read(file, i, j, &tensors[j], seed, r)
	}
	return nil
}

// read reads tensor j of an open checkpoint as content i of the track.
func (t *track) read(file *exchange.Opened, i, j int, entry *exchange.TensorEntry, seed uint64, r *reader) {
	c := &t.contents[i]
	c.isPresent, c.tensor = true, entry
	// The key depends on the tensor's name, so that the sketches of two series are comparable and
	// those of two tensors are independent.
	r.sketch.reset(wholeRows(t.k), mix(seed+xxh3.HashString(t.name)))
	r.hash.Reset()
	isWhole := entry.Len() == t.n && t.isExact()
	r.whole = r.whole[:0]
	c.problem = file.Values(j, r.part, func(part []float32) error {
		bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(part))), 4*len(part))
		if _, err := r.hash.Write(bytes); err != nil {
			return err
		}
		r.sketch.add(part)
		if !r.sketch.isFinite() {
			c.countNonfinite(part)
		}
		if isWhole {
			for _, v := range part {
				r.whole = append(r.whole, float64(v))
			}
		}
		return nil
	})
	if c.problem != nil {
		return
	}
	c.hash = r.hash.Sum128()
	c.isZero, c.isConstant, c.precision = r.sketch.isZero(), r.sketch.isConstant(), r.sketch.precision()
	c.first = math.Float32frombits(r.sketch.and)
	values := r.sketch.table[:t.k]
	if isWhole {
		values = r.whole
	}
	if !c.isUsable() || entry.Len() != t.n {
		return
	}
	copy(t.sketches[i*t.k:(i+1)*t.k], values)
}

// wholeRows rounds a dimension up to whole rows of the table.
func wholeRows(k int) int { return (k + lanes - 1) / lanes * lanes }

// countNonfinite counts the elements that are not finite.
func (c *content) countNonfinite(part []float32) {
	for _, v := range part {
		switch {
		case v != v:
			c.nan++
		case v-v != 0:
			c.inf++
		}
	}
}
