package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recordtest"
)

// pythonRun is a run whose rows Python reads and compares.
type pythonRun struct {
	name     string
	rows     int
	options  arrowfile.Options
	header   func(*record.Header)
	change   func(k int, s *record.Step) // of the values that randomRow draws
	isKilled bool                        // the writer never closes the run
}

var pythonRuns = []pythonRun{
	{name: "plain", rows: 5000},
	{
		name: "everything", rows: 300, options: arrowfile.Options{SegmentBytes: 20_000},
		header: func(h *record.Header) { h.Columns.Grad, h.Columns.State, h.Columns.Substep = true, true, true },
		change: func(k int, s *record.Step) { s.Step, s.Substep = int64(k/3), int32(k%3) },
	},
	{name: "float16", rows: 40, header: func(h *record.Header) { h.DType, h.Columns.Grad = record.Float16, true }},
	{
		name: "bfloat16", rows: 40, options: arrowfile.Options{SegmentBytes: 10_000},
		header: func(h *record.Header) { h.DType, h.Columns.State = record.BFloat16, true },
	},
	{
		name: "sketch", rows: 30,
		header: func(h *record.Header) {
			full := record.Layout{{Name: "w", Kind: record.Weight, Shape: []int{500, 4}}}
			h.Sketch = &record.Sketch{Spec: "project:37", Seed: 3, Parameters: 2000, Layout: full}
		},
	},
	{
		name: "sparse", rows: 60,
		header: func(h *record.Header) { h.Columns.Grad = true },
		change: func(k int, s *record.Step) {
			if k%3 > 0 {
				s.Theta = nil
			}
			if k%4 > 0 {
				s.Grad = nil
			}
		},
	},
	{name: "unfinished", rows: 7, change: func(_ int, s *record.Step) { s.BatchLoss = record.Some(1) }},
	{
		name: "killed", rows: 9, isKilled: true,
		header: func(h *record.Header) { h.Columns.Grad, h.Columns.State = true, true },
	},
}

// randomRow draws a row: absent numbers, NaN with payloads, infinities and subnormal numbers.
func randomRow(rng *rand.Rand, h *record.Header, k, rows int) record.Step {
	vector := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64())
			if rng.IntN(8) == 0 {
				v[i] = math.Float32frombits(rng.Uint32())
			}
		}
		return v
	}
	s := record.Step{
		Step: int64(k), Epoch: int32(1 + k/10), Examples: 4, Evaluations: int64(k),
		WallTime: time.Unix(1_700_000_000, int64(k)), Theta: vector(h.Layout.Len()),
	}
	if h.Columns.State {
		s.State = vector(h.State.Len())
	}
	if k < rows-1 {
		s.BatchLoss, s.LearningRate = record.Some(math.Float64frombits(rng.Uint64())), record.Some(0.1)
		if h.Columns.Grad {
			s.Grad = vector(h.Layout.Len())
		}
	}
	if k%7 == 0 {
		s.FullLoss = record.Some(rng.NormFloat64())
	}
	return s
}

// write records the run in dir, and returns the header.
func (p *pythonRun) write(t *testing.T, dir string) {
	t.Helper()
	h := record.NewHeader(record.Layout{
		{Name: "conv.weight", Kind: record.Filter, Shape: []int{2, 3, 3}},
		{Name: "fc.weight", Kind: record.Weight, Shape: []int{4, 4}, Offset: 18},
		{Name: "fc.bias", Kind: record.Bias, Shape: []int{3}, Offset: 34},
	})
	h.State = record.Layout{{Name: "norm.running_mean", Kind: record.RunningMean, Shape: []int{5}}}
	h.Steps, h.Schedule = int64(p.rows-1), must(record.ParseSchedule("every:1"))
	if p.header != nil {
		p.header(h)
	}
	if !h.Columns.State {
		h.State = nil
	}
	rng := rand.New(rand.NewPCG(1, uint64(p.rows)))
	w := must(arrowfile.Create(dir, h, p.options))
	if !p.isKilled {
		defer func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}()
	} else {
		t.Cleanup(func() { w.Close() })
	}
	for k := range p.rows {
		s := randomRow(rng, h, k, p.rows)
		if p.change != nil {
			p.change(k, &s)
		}
		if err := w.Append(&s); err != nil {
			t.Fatalf("%s, row %d: %v", p.name, k, err)
		}
	}
}

// dumpRows writes every number that the Go reader has of a run: testdata/opened.py reads it.
func dumpRows(t *testing.T, dir, path string) {
	t.Helper()
	r := must(arrowfile.Open(dir))
	defer r.Close()
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(int64(r.Len()), r.Finished())
	for i := range r.Len() {
		s := must(r.Read(i, record.AllParts))
		wall := int64(0)
		if !s.WallTime.IsZero() {
			wall = s.WallTime.UnixNano()
		}
		put(s.Step, s.Substep, s.Epoch, s.Examples, s.Evaluations, wall)
		for _, o := range s.Optionals() {
			put(o.Valid, o.Value)
		}
		for _, v := range s.Vectors() {
			put(int64(len(*v)), *v)
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestPythonOpen: sgdwalk.open has every number of a run that the Go reader has, bit for
// bit, in every format; it reads the rows of a run that is being written; and it refuses
// every damage of what it reads.
func TestPythonOpen(t *testing.T) {
	interpreter := recordtest.Python(t, "numpy")
	work := t.TempDir()
	for _, p := range pythonRuns {
		p.write(t, filepath.Join(work, p.name))
	}
	const fixtures = "../../record/arrowfile/testdata/"
	for _, name := range []string{"format1", "format2", "format2-float16", "format2-bfloat16", "format3"} {
		if err := os.CopyFS(filepath.Join(work, name), os.DirFS(fixtures+name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range must(os.ReadDir(work)) {
		dumpRows(t, filepath.Join(work, e.Name()), filepath.Join(work, e.Name()+".rows"))
	}
	out, err := runPackage(t, interpreter, "../../notebooks/python/testdata/opened.py", work)
	if err != nil || out != fmt.Sprintf("%d runs agree\n", len(pythonRuns)+5) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestPythonLoad: parameters and statistics of every row return into torch modules, and
// gradients have the shapes of their tensors.
func TestPythonLoad(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	out, err := runPython(t, interpreter, "-W", "ignore", "../../notebooks/python/testdata/loaded.py", t.TempDir())
	if err != nil || out != "ok\n" {
		t.Errorf("%v: %s", err, out)
	}
}
