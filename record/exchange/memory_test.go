package exchange

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"sgdwalk/record"
)

// lazy is a long run that is not in memory.
type lazy struct {
	record.Trajectory
	header *record.Header
	rows   int
	theta  []float32
}

func (l *lazy) Header() *record.Header { return l.header }
func (l *lazy) Len() int               { return l.rows }

func (l *lazy) Read(i int, _ record.Parts) (record.Step, error) {
	l.theta[0] = float32(i)
	return record.Step{Step: int64(i), Theta: l.theta}, nil
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A run of 40 MB goes out and in through a few rows of memory.
func TestStreaming(t *testing.T) {
	const p, rows, most = 100_000, 100, 4 << 20
	l := &lazy{header: &record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true},
		Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{100, p / 100}}),
	}, rows: rows, theta: make([]float32, p)}
	path := filepath.Join(t.TempDir(), "run.npz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := allocated(func() { err = WriteNPZ(f, l, NPZOptions{}) }); err != nil || n > most {
		t.Errorf("writing allocated %d bytes, want at most %d; %v", n, most, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var im *Import
	var sum counting
	n := allocated(func() {
		if im, err = Open([]string{path}, ImportOptions{}); err == nil {
			err = im.CopyTo(context.Background(), &sum)
		}
	})
	if err != nil || n > most {
		t.Errorf("reading allocated %d bytes, want at most %d; %v", n, most, err)
	}
	if sum.rows != rows || sum.first != rows*(rows-1)/2 {
		t.Errorf("%d rows, whose first elements sum to %v", sum.rows, sum.first)
	}
}

// counting is a sink that keeps two numbers.
type counting struct {
	rows  int
	first float32
}

func (c *counting) Append(s *record.Step) error {
	c.rows++
	c.first += s.Theta[0]
	return nil
}

func (c *counting) Close() error { return io.ErrClosedPipe }

// Files of different runs are told apart.
func TestImportDifferentRuns(t *testing.T) {
	dir := t.TempDir()
	l := &lazy{header: &record.Header{
		Format: record.FormatVersion, DType: "float32", Model: "a", Columns: record.Columns{Theta: true},
		Layout: record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{2, 2}}),
	}, rows: 3, theta: make([]float32, 4)}
	save(t, dir, "0.safetensors", safetensorsFile(t, l, 0))
	l.header.Model = "b"
	last := save(t, dir, "1.safetensors", safetensorsFile(t, l, 2))
	m, warnings := mustLoad(t, ImportOptions{}, dir)
	want := "the files were exported from 2 different runs; the header of " +
		filepath.Join(dir, "0.safetensors") + " is used"
	if len(warnings) != 3 || warnings[2] != want || m.Header().Model != "a" {
		t.Errorf("model %s, %q", m.Header().Model, warnings)
	}
	// A header that describes other tensors than are taken is not used.
	m, warnings = mustLoad(t, ImportOptions{Kinds: []KindRule{{"w", record.Other}}, Model: "c"}, last)
	if m.Header().Model != "c" || m.Header().Layout[0].Kind != record.Other || len(warnings) != 2 {
		t.Errorf("%+v, %q", m.Header(), warnings)
	}
}
