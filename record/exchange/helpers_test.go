package exchange

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
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

// load imports files into memory. It panics when the same files, opened as a series, do not
// make the same run.
func load(paths []string, o ImportOptions) (*record.Memory, []string, error) {
	m, warnings, err := loadCopy(paths, o)
	if err := compareSeries(m, warnings, err, paths, o); err != nil {
		panic(err)
	}
	if err != nil && len(paths) == 1 {
		if err := catalogAmong(paths[0], o); err != nil {
			panic(err)
		}
	}
	return m, warnings, err
}

// openBoth opens files for the import and as a series, which must return the same error.
func openBoth(paths []string, o ImportOptions) (*Import, error) {
	im, err := Open(paths, o)
	s, seriesErr := OpenSeries(paths, o)
	if seriesErr == nil {
		defer s.Close()
	}
	if (err == nil) != (seriesErr == nil) || err != nil && err.Error() != seriesErr.Error() {
		if seriesErr == nil || !strings.Contains(seriesErr.Error(), "it is a whole run in one file") {
			panic(fmt.Sprintf("%q: the import returns the error %v, the series %v", paths, err, seriesErr))
		}
	}
	if err != nil && len(paths) == 1 {
		if err := catalogAmong(paths[0], o); err != nil {
			panic(err)
		}
	}
	return im, err
}

// catalogAmong lists a file that cannot be imported between two good checkpoints, and reads the values of
// all three. It returns an error when a good checkpoint suffers, or when the file
// looks like a good one.
func catalogAmong(path string, o ImportOptions) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil // a folder
	}
	dir, err := os.MkdirTemp("", "catalog")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	good := rawSafetensors(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4)
	bad := filepath.Join(dir, "step2"+filepath.Ext(path))
	err = errors.Join(os.WriteFile(filepath.Join(dir, "step1.safetensors"), good, 0o666), os.WriteFile(bad, b, 0o666),
		os.WriteFile(filepath.Join(dir, "step3.safetensors"), good, 0o666))
	if err != nil {
		return err
	}
	c, err := OpenCatalog([]string{dir}, ImportOptions{Key: o.Key, Steps: ByName})
	if err != nil {
		return fmt.Errorf("%s between two good checkpoints: %w", path, err)
	}
	isBad := len(c.Entries) < 3 // left out with a note
	for i, e := range c.Entries {
		err := e.Problem
		if err == nil {
			err = readAll(c, i)
		}
		switch isGood := e.Path != bad; {
		case isGood && (err != nil || len(e.Tensors) != 1):
			return fmt.Errorf("%s: its neighbour %s has %d tensors and the error %w", path, e.Path, len(e.Tensors), err)
		case !isGood:
			isBad = err != nil || len(e.Tensors) != 1 || e.Tensors[0].Name != "a" || len(e.Tensors[0].Shape) != 1
			if err != nil && !strings.Contains(err.Error(), bad) {
				return fmt.Errorf("%s: the error does not name the file: %w", path, err)
			}
		}
	}
	if !isBad {
		return fmt.Errorf("%s: the import refuses it, and the catalog reads it", path)
	}
	return nil
}

// readAll reads all values of entry i.
func readAll(c *Catalog, i int) error {
	file, err := c.Open(i)
	if err != nil {
		return err
	}
	defer file.Close()
	for j := range c.Entries[i].Tensors {
		if err := file.Values(j, make([]float32, 100), func([]float32) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// compareSeries returns an error when a series differs from the run that the import made of
// the same files, or when only one of the two has an error.
func compareSeries(want *record.Memory, warnings []string, wantErr error, paths []string, o ImportOptions) error {
	s, err := OpenSeries(paths, o)
	if err != nil {
		if wantErr == nil && !strings.Contains(err.Error(), "it is a whole run in one file") {
			return fmt.Errorf("OpenSeries(%q): %w", paths, err)
		}
		return nil
	}
	defer s.Close()
	if wantErr != nil {
		for i := range s.Len() {
			if _, err := s.Read(i, record.AllParts); err != nil {
				return nil
			}
		}
		return fmt.Errorf("OpenSeries(%q): no error; the import returns %w", paths, wantErr)
	}
	h1, h2 := must(s.Header().Encode()), must(want.Header().Encode())
	switch {
	case string(h1) != string(h2):
		return fmt.Errorf("OpenSeries(%q): header %s, want %s", paths, h1, h2)
	case s.Len() != want.Len():
		return fmt.Errorf("OpenSeries(%q): %d rows, want %d", paths, s.Len(), want.Len())
	case len(s.Warnings) > len(warnings) || !slices.Equal(s.Warnings, warnings[:len(s.Warnings)]):
		return fmt.Errorf("OpenSeries(%q): warnings %q, want the first of %q", paths, s.Warnings, warnings)
	}
	for i := range s.Len() {
		row, err := s.Read(i, record.AllParts)
		if err != nil {
			return err
		}
		wanted := must(want.Read(i, record.AllParts))
		if d := recordtest.Diff(&row, &wanted); d != "" {
			return fmt.Errorf("OpenSeries(%q): row %d: %s", paths, i, d)
		}
		theta, err := s.ThetaPieces(i)
		if err != nil {
			return err
		}
		if !sameBits(theta.Values(), wanted.Theta) || theta.Len() != len(wanted.Theta) {
			return fmt.Errorf("OpenSeries(%q): row %d: other values", paths, i)
		}
		for size := 1; size <= theta.Len(); size = 2*size + 1 {
			got := make([]float32, theta.Len())
			theta.Prefetch(0, len(got))
			for first := 0; first < len(got); first += size {
				if _, err := theta.ReadSum(got[first:min(first+size, len(got))], first, 0); err != nil {
					return err
				}
			}
			if !sameBits(got, wanted.Theta) {
				return fmt.Errorf("OpenSeries(%q): row %d: other values in pieces of %d", paths, i, size)
			}
		}
		if err := errors.Join(theta.CheckSums(nil), theta.Verify()); err != nil {
			return err
		}
		s.Release()
		if !sameBits(row.Theta, wanted.Theta) {
			return fmt.Errorf("OpenSeries(%q): row %d: other values after the release", paths, i)
		}
	}
	_, err = s.Fingerprint()
	return err
}

func loadCopy(paths []string, o ImportOptions) (*record.Memory, []string, error) {
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
