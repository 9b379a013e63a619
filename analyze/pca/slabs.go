package pca

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// The Gram matrix is the sum of the Gram matrices of slabs: ranges of coordinates that
// are the units of this job. A slab is summed from zero over its columns, and then added
// to the sum of the slabs before it. So the result has the same bits for any division of
// the slabs among workers.
//
// The values of a unit are the lower triangle of its matrix, n(n+1)/2 numbers row by row,
// followed by n checksums: one for the slab's part of every row. The reason for the
// checksums is that a row on disk has one checksum over all of its elements. A worker
// that verified whole rows would read the whole run for every slab: 64 workers would read
// it 64 times. Instead, every worker computes the checksum of exactly the elements that
// it uses. The checksums of all parts combine to the checksum of the row (record.Pieces),
// which is verified before a result is made. Runs that are kept in two bytes an element,
// and runs in memory, are verified when they are opened.

const (
	// fewRows is the number of rows up to which slabs are narrow: the values of a slab,
	// rows squared, are then few compared with its elements.
	fewRows     = 256
	narrowSlabs = 1 << 16 // columns
	// wideSlabs is the number of columns of all other slabs. A slab of ten thousand rows
	// takes minutes, and a worker that stops in the middle of a slab loses it.
	wideSlabs = 1 << 18
	// mostSlabs bounds the number of slabs, and so the size of all their values, for any
	// number of parameters.
	mostSlabs = 512
)

// slabs cuts the blocks of p coordinates into slabs. Their width is a whole number
// of blocks and depends on the numbers of rows and of coordinates alone.
func slabs(rows, p, width int) []span {
	columns := wideSlabs
	if rows <= fewRows {
		columns = narrowSlabs
	}
	for columns < (p+mostSlabs-1)/mostSlabs {
		columns *= 2
	}
	return cutSlabs((p+width-1)/width, (columns+width-1)/width)
}

func cutSlabs(blocks, of int) []span {
	var l []span
	for first := 0; first < blocks; first += of {
		l = append(l, span{first, min(first+of, blocks)})
	}
	return l
}

// Job is a fit divided into the slabs of its Gram matrix. Unit "slab k" has n(n+3)/2 values
// for n rows, and reads and costs what its columns are of the first pass of the fit. A fit
// whose store has all slabs does not read the run for them.
type Job struct {
	s          *source
	o          *Options
	surrogates bool // were chosen, and are not the default

	adder  adder
	square []float64 // the matrix of the slab that is made; nil before the first
	made   int       // the slab that was made last, -1 for none
	total  []float64 // lower triangle of the sum so far
	sums   [][]uint32
}

var _ job.Job[*Result] = (*Job)(nil)

// NewJob returns the job that FitJoint runs, with the same arguments. Store of the options
// is not used: it is the driver's.
func NewJob(runs []record.Trajectory, opts Options) (*Job, error) {
	if len(runs) == 0 {
		return nil, fmt.Errorf("pca: no run is given; at least one is needed")
	}
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	o := opts.Effective()
	s, err := open(runs, &o)
	if err != nil {
		return nil, err
	}
	return &Job{s: s, o: &o, surrogates: opts.Surrogates != 0, made: -1, sums: make([][]uint32, len(s.slabs))}, nil
}

// Units returns the slabs.
func (j *Job) Units() []job.Unit {
	units := make([]job.Unit, len(j.s.slabs))
	for k := range units {
		units[k] = job.Unit{Name: fmt.Sprintf("slab %d", k), Index: k}
	}
	return units
}

// Fits reports whether there is a value for every entry of the matrix and every row.
func (j *Job) Fits(_ job.Unit, values []float64) bool {
	n := len(j.s.rows)
	return len(values) == triangle(n)+n
}

// triangle is the number of entries in n rows of a lower triangle.
func triangle(n int) int { return n * (n + 1) / 2 }

// columns returns how many columns slab k has.
func (j *Job) columns(k int) int {
	slab := j.s.slabs[k]
	return j.s.blocks[slab.end-1].end - j.s.blocks[slab.first].first
}

// Evaluate makes slabs. Slabs that follow one another are read ahead as one.
func (j *Job) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	s := j.s
	for i, u := range units {
		if i == 0 || u.Index != units[i-1].Index+1 {
			last := i
			for last+1 < len(units) && units[last+1].Index == units[last].Index+1 {
				last++
			}
			s.reach = span{s.slabs[u.Index].first, s.slabs[units[last].Index].end}
		}
		values, err := j.slab(ctx, u.Index)
		if err != nil {
			return err
		}
		j.made = u.Index
		if err := save(u, values); err != nil {
			return fmt.Errorf("pca: %w", err)
		}
	}
	return nil
}

// slab makes a slab. The values are in the buffer that the next slab is made in.
func (j *Job) slab(ctx context.Context, k int) ([]float64, error) {
	s, n := j.s, len(j.s.rows)
	if j.adder == nil {
		j.adder = s.newAdder()
		j.square = make([]float64, max(j.adder.stride()*j.adder.stride(), triangle(n)+n))
	} else {
		clear(j.square)
	}
	sums := make([]uint32, n)
	slab := s.slabs[k]
	for _, b := range s.blocks[slab.first:slab.end] {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("pca: %w", err)
		}
		if err := j.adder.add(j.square, b, sums); err != nil {
			return nil, err
		}
		s.progress.Add(b.len())
	}
	values := j.square[:triangle(n)+n]
	for i := range n { // no row moves behind where it was
		copy(values[triangle(i):triangle(i+1)], j.square[i*j.adder.stride():])
	}
	for i, sum := range sums {
		values[triangle(n)+i] = float64(sum)
	}
	return values, nil
}

// take adds a slab to the sum.
func (j *Job) take(u job.Unit, values []float64) error {
	if u.Index != j.made { // it was in the store
		j.s.progress.Add(j.columns(u.Index))
	}
	n := len(j.s.rows)
	for i, v := range values[:triangle(n)] {
		j.total[i] += v
	}
	sums := make([]uint32, n)
	for i, v := range values[triangle(n):] {
		sums[i] = uint32(v)
	}
	j.sums[u.Index] = sums
	return nil
}

// gram returns the Gram matrix of the rows less the reference, over the coordinates that
// take part: the sum of all slabs, n x n, row-major, symmetric.
func (j *Job) gram(ctx context.Context, values job.Values) ([]float64, error) {
	n := len(j.s.rows)
	j.total = make([]float64, triangle(n))
	j.s.progress.Begin("gram matrix", len(j.s.reference))
	// The blocks report the progress, which is finer than slabs.
	if err := values(ctx, "", j.Units(), j.take); err != nil {
		return nil, err
	}
	missing := 0
	for _, sums := range j.sums {
		if sums == nil {
			missing++
		}
	}
	if missing > 0 {
		return nil, fmt.Errorf("pca: %d of %d slabs of the Gram matrix: %w", missing, len(j.sums), job.ErrIncomplete)
	}
	if err := j.verify(); err != nil {
		return nil, err
	}
	if j.square == nil {
		j.square = make([]float64, n*n)
	}
	g := j.square[: n*n : n*n]
	j.square, j.adder = nil, nil
	for i := range n {
		for k, v := range j.total[triangle(i):triangle(i+1)] {
			g[i*n+k], g[k*n+i] = v, v
		}
	}
	j.total = nil
	for i := range n {
		if v := g[i*n+i]; v-v != 0 {
			return nil, fmt.Errorf("pca: %s is so far from the others that its squared distance overflows; leave it "+
				"out with a choice of rows", j.s.name(i))
		}
	}
	return g, nil
}

// verify checks that the elements of all slabs are the recorded ones.
func (j *Job) verify() error {
	parts := make([]record.PartSum, len(j.s.slabs))
	for i, row := range j.s.rows {
		for k := range parts {
			parts[k] = record.PartSum{Sum: j.sums[k][i], Len: j.columns(k)}
		}
		err := row.CheckSums(parts)
		if errors.Is(err, record.ErrPartSums) {
			return fmt.Errorf("pca: %s: a worker read other values than the recorded ones; compute the slabs again "+
				"in a new plan: %w", j.s.name(i), err)
		}
		if err != nil {
			return j.s.unread(i, err)
		}
	}
	return nil
}
