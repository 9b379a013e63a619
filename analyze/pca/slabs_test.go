package pca

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// slabStore has the slabs of some workers.
type slabStore map[string][]float64

func (s slabStore) Lookup(unit string) ([]float64, bool) { v, ok := s[unit]; return v, ok }

func (s slabStore) Save(unit string, v []float64) error {
	if _, ok := s[unit]; ok {
		return fmt.Errorf("%s is saved twice", unit)
	}
	s[unit] = slices.Clone(v) // the buffer is used again
	return nil
}

// makeSlabs makes every shards-th slab of a fit, from the given one, and returns how many
// the fit has.
func makeSlabs(t *testing.T, runs []record.Trajectory, o Options, store analyze.Store, shard, shards int) int {
	t.Helper()
	j, err := NewJob(runs, o)
	if err != nil {
		t.Fatal(err)
	}
	var mine []string
	for i, u := range j.Units() {
		if i%shards == shard {
			mine = append(mine, u.Name)
		}
	}
	d := job.Driver{Store: store, Mine: func(unit string) bool { return slices.Contains(mine, unit) }}
	if err := job.Evaluate(t.Context(), j, d); err != nil {
		t.Fatal(err)
	}
	return len(j.Units())
}

// slabRun is a walk in memory with some coordinates that take no part.
func slabRun(seed uint64, n, p int) record.Trajectory {
	rng := rand.New(rand.NewPCG(seed, 1))
	m, err := record.NewMemory(&record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true},
		Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, p - p/10}},
			record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{p / 10}}),
	})
	if err != nil {
		panic(err)
	}
	theta := make([]float32, p)
	for i := range n {
		if err := m.Append(&record.Step{Step: int64(i), Epoch: 1, Theta: theta}); err != nil {
			panic(err)
		}
		for j := range theta {
			theta[j] += rng.Float32() - 0.5
		}
	}
	return m
}

// shared fits with any number of workers, each of which makes its slabs.
func shared(t *testing.T, runs []record.Trajectory, o Options, shards int) (r *Result, units int) {
	t.Helper()
	merged := slabStore{}
	for shard := shards - 1; shard >= 0; shard-- {
		o.Workers = 1 + shard%3
		units = makeSlabs(t, runs, o, merged, shard, shards)
	}
	if len(merged) != units {
		t.Errorf("%d slabs were made, the plan has %d", len(merged), units)
	}
	o.Store = merged
	r, err := FitJoint(t.Context(), runs, o)
	if err != nil {
		t.Fatal(err)
	}
	withoutNaN(r)
	return r, units
}

// withoutNaN takes out what is absent and NaN, which equals nothing.
func withoutNaN(r *Result) {
	r.nulls = nullResults{} // what comes of them is in the summary
	for i := range r.Summary.LissajousCorrelation {
		if c := &r.Summary.LissajousCorrelation[i]; !c.Valid {
			c.Value = 0
		}
	}
}

// TestSlabsShared: the result has the same bits for any number of workers, whatever
// the arithmetic of the Gram matrix, of one run and of several.
func TestSlabsShared(t *testing.T) {
	few, more := slabRun(1, 12, 7*narrowSlabs-1000), slabRun(2, 5, 7*narrowSlabs-1000)
	for _, c := range []struct {
		name  string
		runs  []record.Trajectory
		opts  Options
		slabs int
	}{
		{"exact", []record.Trajectory{few}, Options{Components: 3, Surrogates: 3}, 7},
		{"scores", []record.Trajectory{few}, Options{Components: 3, ScoresOnly: true, Center: Final}, 7},
		{"several runs", []record.Trajectory{few, more}, Options{Center: Init}, 7},
		{"of equal weight", []record.Trajectory{few, more}, Options{EqualRuns: true, ScoresOnly: true}, 7},
		{"biases", []record.Trajectory{few}, Options{Kinds: "bias"}, 7}, // of which most slabs have none
		{"panels", []record.Trajectory{slabRun(3, exactRows+10, 5*maxBlockColumns-300)}, Options{
			Surrogates: -1,
			slabBlocks: 2,
		}, 3},
		{"one slab", []record.Trajectory{slabRun(4, 20, 500)}, Options{Surrogates: -1}, 1},
		{"one slab of panels", []record.Trajectory{slabRun(5, exactRows+10, 500)}, Options{Surrogates: -1}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, err := FitJoint(t.Context(), c.runs, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			withoutNaN(want)
			for _, shards := range []int{1, 2, 7, 64} {
				got, units := shared(t, c.runs, c.opts, shards)
				if units != c.slabs {
					t.Fatalf("%d slabs, want %d", units, c.slabs)
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%d shards: another result", shards)
				}
			}
		})
	}
}

// TestSlabsCover: slabs are consecutive, of whole blocks, and not too many.
func TestSlabsCover(t *testing.T) {
	for _, rows := range []int{2, 200, 256, 257, 1000, 5000, MaxRows} {
		for _, p := range []int{1, 1000, narrowSlabs, narrowSlabs + 1, 1e6, 1e8, 2e9} {
			width := blockWidth(rows)
			count := (p + width - 1) / width
			next := 0
			l := slabs(rows, p, width)
			for _, s := range l {
				if s.first != next || s.end <= s.first {
					t.Fatalf("%d rows, %d columns: %v after %d", rows, p, s, next)
				}
				next = s.end
			}
			if next != count || len(l) > mostSlabs {
				t.Errorf("%d rows, %d columns: %d slabs cover %d of %d blocks", rows, p, len(l), next, count)
			}
		}
	}
}

// watched counts what is read of a run on disk.
type watched struct {
	*arrowfile.Reader
	read map[int][]span // by row
}

type watchedPieces struct {
	record.Pieces
	run *watched
	row int
}

func (w *watched) ThetaPieces(i int) (record.Pieces, error) {
	p, err := w.Reader.ThetaPieces(i)
	return &watchedPieces{p, w, i}, err
}

func (p *watchedPieces) Read(dst []float32, first int) error {
	p.run.read[p.row] = append(p.run.read[p.row], span{first, first + len(dst)})
	return p.Pieces.Read(dst, first)
}

func (p *watchedPieces) ReadSum(dst []float32, first int, sum uint32) (uint32, error) {
	p.run.read[p.row] = append(p.run.read[p.row], span{first, first + len(dst)})
	return p.Pieces.ReadSum(dst, first, sum)
}

func (p *watchedPieces) Verify() error {
	p.run.read[p.row] = append(p.run.read[p.row], span{0, len(p.Values())})
	return p.Pieces.Verify()
}

// slabFile records a run of three slabs.
func slabFile(t *testing.T) (dir string, p int) {
	p = 3*narrowSlabs - 10
	run := slabRun(6, 4, p)
	dir = filepath.Join(t.TempDir(), "run")
	w, err := arrowfile.Create(dir, run.Header(), arrowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range run.Len() {
		s, err := run.Read(i, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Append(&s); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, p
}

func openRun(t *testing.T, dir string) *arrowfile.Reader {
	t.Helper()
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// TestSlabReadsItsColumns: a worker reads of every row the columns of its slabs,
// once, and no other; a merge of scores reads none for the Gram matrix.
func TestSlabReadsItsColumns(t *testing.T) {
	dir, p := slabFile(t)
	merged := slabStore{}
	for k, want := range []span{{0, narrowSlabs}, {narrowSlabs, 2 * narrowSlabs}, {2 * narrowSlabs, p}} {
		run := &watched{openRun(t, dir), make(map[int][]span)}
		makeSlabs(t, []record.Trajectory{run}, Options{Workers: 1}, merged, k, 3)
		for row := range run.Len() {
			next := want.first
			for _, s := range run.read[row] {
				if s.first != next {
					t.Fatalf("slab %d, row %d: %v is read after %d", k, row, s, next)
				}
				next = s.end
			}
			if next != want.end {
				t.Errorf("slab %d, row %d: read up to %d, want %d", k, row, next, want.end)
			}
		}
	}
	run := &watched{openRun(t, dir), make(map[int][]span)}
	if _, err := Fit(t.Context(), run, Options{Store: merged, ScoresOnly: true, Kinds: All, Workers: 1}); err != nil ||
		len(run.read) > 0 {
		t.Errorf("a fit of finished slabs: %v; it reads %v", err, run.read)
	}
}

// TestSlabsFindDamage: a flipped bit in a worker's columns is found by the merge,
// which has not read them, and values that a worker read otherwise than they are
// recorded are not taken for damage.
func TestSlabsFindDamage(t *testing.T) {
	dir, _ := slabFile(t)
	path := filepath.Join(dir, "steps-000000.arrow")
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(sound)
	flipped[len(flipped)*5/8] ^= 1 // in the third of four rows, nothing else being long
	made := func() slabStore {
		s := slabStore{}
		makeSlabs(t, []record.Trajectory{openRun(t, dir)}, Options{}, s, 0, 1)
		return s
	}
	fit := func(s slabStore) error {
		_, err := Fit(t.Context(), openRun(t, dir), Options{Store: s, Surrogates: -1})
		return err
	}
	good := made()
	if err := fit(good); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, flipped, 0o666); err != nil {
		t.Fatal(err)
	}
	bad := made()
	var corrupt *arrowfile.CorruptError
	if err := fit(bad); !errors.As(err, &corrupt) || corrupt.Row != 2 {
		t.Errorf("a damaged run: %v", err)
	}
	if err := os.WriteFile(path, sound, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := fit(bad); !errors.Is(err, record.ErrPartSums) || errors.As(err, &corrupt) {
		t.Errorf("a run that was damaged when it was read: %v", err)
	}
}
