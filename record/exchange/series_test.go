package exchange

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nlpodyssey/safetensors"

	"sgdwalk/record"
	"sgdwalk/record/half"
	"sgdwalk/record/internal/mapped"
)

func openSeries(t *testing.T, paths ...string) *Series {
	t.Helper()
	s, err := OpenSeries(paths, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestSeriesViews: theta of a plain float32 file is a view of the map, and other values are
// converted.
func TestSeriesViews(t *testing.T) {
	values := []float32{1, -2.5, 3e-5, 4}
	narrow := func(width int, bits func(float32) uint16) (b []byte) {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint16(b, bits(v))
		}
		return b
	}
	f8 := []byte{0x38, 0x40, 0x01, 0x7e} // 1, 2, 2^-9 and 448 in E4M3
	for name, test := range map[string]struct {
		file   []byte
		isView bool
		want   []float32
	}{
		"float32": {safetensorsOf(t, nil, f32("a", values[:2], 2), f32("b", values[2:], 1, 2)), true, values},
		"bfloat16": {
			safetensorsOf(t, nil, tensor{"a", safetensors.BF16, []uint64{4}, narrow(2, half.ToBFloat16)}), false,
			[]float32{1, -2.5, half.FromBFloat16(half.ToBFloat16(3e-5)), 4},
		},
		"float16": {
			safetensorsOf(t, nil, tensor{"a", safetensors.F16, []uint64{4}, narrow(2, half.ToFloat16)}), false,
			[]float32{1, -2.5, half.FromFloat16(half.ToFloat16(3e-5)), 4},
		},
		"float8": {
			rawSafetensors(`{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}`, 0), false,
			[]float32{1, 2, 1.0 / 512, 448},
		},
		"state between": {
			safetensorsOf(t, nil, f32("a.running_mean", []float32{9, 9}, 2), f32("a.weight", values[:2], 2),
				f32("b", values[2:], 1, 2)), true, values,
		},
		"unaligned": {append(rawSafetensors(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}   `, 0),
			appendFloats(nil, values)...), false, values},
	} {
		if name == "float8" {
			test.file = append(test.file, f8...)
		}
		s := openSeries(t, save(t, t.TempDir(), "step1.safetensors", test.file))
		first, second := must(s.Read(0, record.AllParts)), must(s.Read(0, record.ThetaPart))
		if !slices.Equal(first.Theta, test.want) || !slices.Equal(second.Theta, test.want) {
			t.Errorf("%s: theta %v", name, first.Theta)
		}
		if isView := &first.Theta[0] == &second.Theta[0]; isView != test.isView {
			t.Errorf("%s: view %t, want %t", name, isView, test.isView)
		}
		if s := must(s.Read(0, record.ScalarsOnly)); s.Theta != nil || s.State != nil || s.Step != 1 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestSeriesChanged: a file that changes after the series was opened is an error with its name,
// also when it becomes shorter while it is mapped.
func TestSeriesChanged(t *testing.T) {
	const n = 1 << 16
	file := func(x float32) []byte {
		v := make([]float32, n)
		v[n-1] = x
		return safetensorsOf(t, nil, f32("w", v, n))
	}
	for name, change := range map[string]func(path string) error{
		"replaced": func(path string) error {
			if err := os.Rename(path, path+".old"); err != nil {
				return err
			}
			return os.WriteFile(path, append(file(2), 0), 0o666)
		},
		"truncated": func(path string) error { return os.Truncate(path, 1000) },
		"touched":   func(path string) error { return os.Chtimes(path, time.Time{}, time.Unix(1, 0)) },
		"removed":   os.Remove,
		"a folder": func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o777))
		},
	} {
		for _, isMapped := range []bool{true, false} {
			dir := t.TempDir()
			save(t, dir, "step1.safetensors", file(1))
			path := save(t, dir, "step2.safetensors", file(1))
			s := openSeries(t, dir)
			before := must(s.Fingerprint())
			if isMapped {
				must(s.Read(1, record.ThetaPart))
			}
			pieces := must(s.ThetaPieces(1))
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			_, err := s.Read(1, record.ThetaPart)
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%s, mapped %t: Read returns %v", name, isMapped, err)
			}
			for _, err := range []error{pieces.CheckSums(nil), pieces.Verify()} {
				if err == nil || !strings.Contains(err.Error(), path) {
					t.Errorf("%s, mapped %t: %v", name, isMapped, err)
				}
			}
			if name == "truncated" {
				if err := pieces.Read(make([]float32, 1), n-1); err == nil || !strings.Contains(err.Error(), path) ||
					isMapped && !errors.Is(err, mapped.ErrFault) {
					t.Errorf("reading beyond the end: %v", err)
				}
			}
			if _, err := s.Read(0, record.ThetaPart); err != nil {
				t.Errorf("the other file: %v", err)
			}
			again, err := OpenSeries([]string{dir}, ImportOptions{})
			if err == nil {
				if name != "truncated" && must(again.Fingerprint()) == before {
					t.Errorf("%s: the fingerprint is the same", name)
				}
				again.Close()
			}
		}
	}
}

// TestSeriesWithoutMaps: above the limit of maps, files are read instead, with the same values.
func TestSeriesWithoutMaps(t *testing.T) {
	openMaps.Add(maxMaps)
	defer openMaps.Add(-maxMaps)
	dir := folder(t, "net", "float16", "mixed")
	mustLoad(t, ImportOptions{}, dir) // which compares it with the series
	s := openSeries(t, dir)
	if r := must(s.Read(0, record.AllParts)); !slices.Equal(r.Theta, netTheta()) {
		t.Errorf("%v", r.Theta)
	}
	if openMaps.Load() != maxMaps {
		t.Error("a file is mapped")
	}
}

// TestSeriesMaps: Close ends all maps, and the copy of the import ends them row by row.
func TestSeriesMaps(t *testing.T) {
	before := openMaps.Load()
	dir := folder(t, "net", "net", "net")
	s := openSeries(t, dir)
	for i := range s.Len() {
		must(s.Read(i, record.AllParts))
	}
	if n := openMaps.Load() - before; n != 3 {
		t.Errorf("%d maps, want 3", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(0, record.ThetaPart); !errors.Is(err, errSeriesClosed) {
		t.Errorf("%v", err)
	}
	mustLoad(t, ImportOptions{}, dir)
	if n := openMaps.Load(); n != before {
		t.Errorf("%d maps are left", n-before)
	}
}

// TestSeriesHub: the folder of a hub cache, whose files are links to blobs.
func TestSeriesHub(t *testing.T) {
	model := filepath.Join(t.TempDir(), "models--org--name")
	blobs := filepath.Join(model, "blobs")
	for i, step := range []string{"step1000", "step20"} {
		hash := strings.Repeat(fmt.Sprintf("%da", i+1), 20)
		snapshot := filepath.Join(model, "snapshots", hash)
		for _, dir := range []string{blobs, snapshot, filepath.Join(model, "refs")} {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		save(t, filepath.Join(model, "refs"), step, []byte(hash))
		blob := fmt.Sprintf("%064d", i)
		save(t, blobs, blob, safetensorsOf(t, nil, f32("w", []float32{float32(i), 1}, 2)))
		if err := os.Symlink(filepath.Join("..", "..", "blobs", blob),
			filepath.Join(snapshot, "model.safetensors")); err != nil {
			t.Skipf("no symbolic link can be made here: %v", err)
		}
	}
	m, notes := mustLoad(t, ImportOptions{}, model)
	if len(notes) != 1 {
		t.Errorf("notes %q; want the source of the steps only", notes)
	}
	if first, last := must(m.Read(0, record.AllParts)), must(m.Read(1, record.AllParts)); first.Step != 20 ||
		first.Theta[0] != 1 || last.Step != 1000 || last.Theta[0] != 0 {
		t.Errorf("%+v, %+v", first, last)
	}
}

// TestSeriesCompressed: rows that can only be read as a whole are kept in memory, up to a limit.
func TestSeriesCompressed(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		save(t, dir, fmt.Sprintf("%d.npz", i), archiveOf(t, 8, entry{"w", npy("<f4", make([]byte, 4000), 10, 100)}))
	}
	s := openSeries(t, dir)
	s.bytes = maxUnpacked - 2*4000
	for range 2 { // the second time costs nothing
		for i := range 2 {
			if _, err := s.ThetaPieces(i); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := s.ThetaPieces(2); err == nil || !strings.Contains(err.Error(), "2.npz is compressed") {
		t.Errorf("%v", err)
	}
}

// TestSeriesOfAWholeRun: a whole run in one file is named as such.
func TestSeriesOfAWholeRun(t *testing.T) {
	path := save(t, t.TempDir(), "a.npz", archiveOf(t, 8, entry{"theta", npy("<f4", make([]byte, 24), 2, 3)}))
	if _, err := OpenSeries([]string{path}, ImportOptions{}); err == nil ||
		!strings.Contains(err.Error(), "it is a whole run in one file; make a run of it first: sgdwalk import "+path) {
		t.Errorf("%v", err)
	}
}
