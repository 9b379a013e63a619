package exchange

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nlpodyssey/safetensors"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func memory(t testing.TB, h *record.Header, rows []record.Step) *record.Memory {
	t.Helper()
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := m.Append(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// save writes a file into a new directory, or into dir if one is named.
func save(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func npzOf(t testing.TB, tr record.Trajectory, o NPZOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteNPZ(&b, tr, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// load imports files into memory.
func load(paths []string, o ImportOptions) (*record.Memory, []string, error) {
	im, err := Open(paths, o)
	if err != nil {
		return nil, nil, err
	}
	m, err := record.NewMemory(im.Header())
	if err != nil {
		return nil, nil, err
	}
	if err := im.CopyTo(context.Background(), m); err != nil {
		return nil, nil, err
	}
	return m, im.Warnings, m.Close()
}

func mustLoad(t testing.TB, o ImportOptions, paths ...string) (*record.Memory, []string) {
	t.Helper()
	m, warnings, err := load(paths, o)
	if err != nil {
		t.Fatal(err)
	}
	return m, warnings
}

func compareRows(t testing.TB, got record.Trajectory, want []record.Step) {
	t.Helper()
	if got.Len() != len(want) {
		t.Fatalf("%d rows, want %d", got.Len(), len(want))
	}
	for i := range want {
		s, err := got.Read(i, record.AllParts)
		if err != nil {
			t.Fatal(err)
		}
		if d := recordtest.Diff(&s, &want[i]); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
	}
}

// tensor is one tensor of a test file.
type tensor struct {
	name  string
	dtype safetensors.DType
	shape []uint64
	data  []byte
}

func f32(name string, values []float32, shape ...uint64) tensor {
	return tensor{name, safetensors.F32, shape, appendFloats(nil, values)}
}

// zeros is a float32 tensor of zeros.
func zeros(name string, shape ...uint64) tensor {
	n := uint64(1)
	for _, d := range shape {
		n *= d
	}
	return f32(name, make([]float32, n), shape...)
}

// view makes a tensor what the safetensors module writes.
type view struct{ tensor }

func (v view) DType() safetensors.DType { return v.dtype }
func (v view) Shape() []uint64          { return append([]uint64{}, v.shape...) }
func (v view) Data() []byte             { return v.data }
func (v view) DataLen() uint64          { return uint64(len(v.data)) }

// safetensorsOf writes a file with the module of that name.
func safetensorsOf(t testing.TB, metadata map[string]string, tensors ...tensor) []byte {
	t.Helper()
	views := map[string]view{}
	for _, x := range tensors {
		views[x.name] = view{x}
	}
	b, err := safetensors.Serialize(views, metadata)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// entry is one array of a test archive: a whole .npy file.
type entry struct {
	name string
	npy  []byte
}

func npy(descr string, data []byte, shape ...int) []byte {
	return append(npyHeader(descr, shape...), data...)
}

// npyText is a .npy file with any text for a header.
func npyText(text string, data []byte) []byte {
	b := append([]byte(npyMagic), 2, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	return append(append(b, text...), data...)
}

func fortran(npy []byte) []byte {
	return []byte(strings.Replace(string(npy), "'fortran_order': False", "'fortran_order': True ", 1))
}

func archiveOf(t testing.TB, method uint16, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name + ".npy", Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.npy); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func doubles(values ...float64) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func longs(values ...int64) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}
