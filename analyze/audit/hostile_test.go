package audit

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record/exchange"
)

// small is a sound series of a few checkpoints at the steps 0, 10, 20 ...
func small(n int) []checkpoint {
	steps := make([]int64, n)
	for i := range steps {
		steps[i] = int64(10 * i)
	}
	return simulate(walk{seed: 1, steps: steps, pull: 0.001})
}

// written is the folder of a series.
func written(t testing.TB, series []checkpoint) string {
	t.Helper()
	dir := t.TempDir()
	writeSeries(t, dir, series, nil)
	return dir
}

// auditFolder audits a folder.
func auditFolder(t testing.TB, dir string) *Result {
	t.Helper()
	c, err := exchange.OpenCatalog([]string{dir}, exchange.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// only checks that exactly this finding is an error or a warning, and returns it.
func only(t *testing.T, r *Result, check Check, step int64) Finding {
	t.Helper()
	if r.Faults+r.Warnings != 1 || r.List[0].Check != check || r.List[0].Step != step {
		t.Fatalf("findings, want only %s at step %d:%s", check, step, texts(r.List))
	}
	return r.List[0]
}

// What cannot be opened is a finding with its path, and the other checkpoints are audited.
func TestUnreadable(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"a link to nothing":  func(p string) error { return os.Symlink("nothing", p) },
		"a link to itself":   func(p string) error { return os.Symlink(filepath.Base(p), p) },
		"an empty file":      func(p string) error { return os.WriteFile(p, nil, 0o666) },
		"a web page":         func(p string) error { return os.WriteFile(p, []byte("<html>404</html>"), 0o666) },
		"a long header":      func(p string) error { return os.WriteFile(p, binary.LittleEndian.AppendUint64(nil, 1<<60), 0o666) },
		"an archive cut off": func(p string) error { return os.WriteFile(p, []byte("PK\x03\x04 and no more"), 0o666) },
		"a closed file":      func(p string) error { return os.WriteFile(p, []byte("secret"), 0) },
		"a pointer of Git": func(p string) error {
			return os.WriteFile(p, []byte("version https://git-lfs.github.com/spec/v1\n"), 0o666)
		},
		"a header of no JSON": func(p string) error { return os.WriteFile(p, []byte("\x02\x00\x00\x00\x00\x00\x00\x00{x"), 0o666) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t, small(12))
			path := filepath.Join(dir, "step50", "model.safetensors")
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := spoil(path); err != nil {
				t.Skipf("%s cannot be made here: %v", name, err)
			}
			r := auditFolder(t, dir)
			f := only(t, r, Unreadable, 50)
			if f.File != path || !strings.Contains(f.Text, path) || strings.Contains(f.Text, "\n") || r.Checkpoints != 12 {
				t.Errorf("%d checkpoints, %s: %s", r.Checkpoints, f.File, f.Text)
			}
		})
	}
}

// A folder that links to its parent is left out.
func TestLinkToParent(t *testing.T) {
	dir := written(t, small(12))
	if err := os.Symlink(dir, filepath.Join(dir, "step999")); err != nil {
		t.Skipf("no symbolic link can be made here: %v", err)
	}
	if r := auditFolder(t, dir); r.Faults+r.Warnings > 0 || r.Checkpoints != 12 {
		t.Errorf("%d checkpoints with a link to the parent:%s", r.Checkpoints, texts(r.List))
	}
}

// A folder that cannot be read is a finding.
func TestClosedFolder(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("no folder is closed to root")
	}
	dir := written(t, small(12))
	if err := os.Chmod(filepath.Join(dir, "step50"), 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(filepath.Join(dir, "step50"), 0o777)
	only(t, auditFolder(t, dir), Unreadable, 50)
}

// A file that disappears or changes after it was listed is a finding.
func TestChangedAfterListing(t *testing.T) {
	other := small(12)[5].clone()
	other.tensors = other.tensors[1:]
	for name, change := range map[string]func(path string) error{
		"gone":          os.Remove,
		"cut off":       func(p string) error { return os.Truncate(p, 5000) },
		"other tensors": func(p string) error { return os.WriteFile(p, safetensors(t, other.tensors), 0o666) },
		"empty":         func(p string) error { return os.Truncate(p, 0) },
	} {
		dir := written(t, small(12))
		c, err := exchange.OpenCatalog([]string{dir}, exchange.ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "step50", "model.safetensors")
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		r, err := Run(t.Context(), c, Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f := only(t, r, Unreadable, 50); f.File != path {
			t.Errorf("%s: file %s, want %s", name, f.File, path)
		}
	}
}

// Names of tensors are data: a finding is one short line without control characters, whatever they are.
func TestHostileNames(t *testing.T) {
	names := []string{
		"<script>alert(1)</script>", "a\nb\x1b[31mred", "\x00", strings.Repeat("x", 100_000), "../../etc/passwd", "%s%d%!",
		"\u202eevil", "'\"`$(rm)", "=cmd|' /C calc'!A0", "",
	}
	for i, name := range names {
		if name == "" { // the file format allows it, the reader does not
			continue
		}
		series := small(12)
		for k := range series {
			series[k].tensors[0].name = name
		}
		series[5].tensors = series[5].tensors[1:]
		dir := t.TempDir()
		for _, c := range series {
			var text []byte
			at := 0
			for _, x := range c.tensors {
				head, err := json.Marshal(map[string]any{
					x.name: map[string]any{"dtype": "F32", "shape": x.shape, "data_offsets": []int{at, at + 4*len(x.values)}},
				})
				if err != nil {
					t.Fatal(err)
				}
				at += 4 * len(x.values)
				text = append(append(text, ','), head[1:len(head)-1]...)
			}
			text[0] = '{'
			text = append(text, '}')
			b := binary.LittleEndian.AppendUint64(nil, uint64(len(text)))
			values := safetensors(t, c.tensors)
			b = append(append(b, text...), values[len(values)-at:]...)
			writeFile(t, filepath.Join(dir, fmt.Sprintf("step%d.safetensors", c.step)), b)
		}
		f := only(t, auditFolder(t, dir), OtherTensors, 50)
		if !slices.Equal(f.Tensors, []string{name}) || len(f.Text) > 600 ||
			strings.ContainsFunc(f.Text, func(r rune) bool { return r < ' ' || r == '\u202e' }) {
			t.Errorf("name %d: %d bytes of text: %.200q", i, len(f.Text), f.Text)
		}
	}
}

// Tensors without elements, scalars and tensors of one element are no reason for findings.
func TestSmallTensors(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 6))
	series := small(20)
	scale := float32(1)
	for i := range series {
		scale += float32(0.01 * r.NormFloat64())
		series[i].tensors = append(series[i].tensors,
			tensor{"empty", "float32", []int{0, 5}, nil, 0},
			tensor{"scalar", "float32", []int{}, []float32{scale}, 0},
			tensor{"one", "float16", []int{1, 1, 1}, []float32{-scale}, 0})
	}
	if x := auditFolder(t, written(t, series)); x.Faults+x.Warnings > 0 {
		t.Errorf("findings:%s", texts(x.List))
	}
	only := make([]checkpoint, 6) // series of a scalar alone
	for i := range only {
		only[i] = checkpoint{int64(i), []tensor{{"scalar", "float32", []int{}, []float32{float32(i * i)}, 0}}}
	}
	if x := auditFolder(t, written(t, only)); x.Faults+x.Warnings > 0 {
		t.Errorf("a scalar: findings:%s", texts(x.List))
	}
}

// Ten thousand tensors in each file take a few seconds and less than 600 MB.
func TestManyTensors(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	values := make([]float32, 30_000)
	var series []checkpoint
	for step := range int64(8) {
		c := checkpoint{step: step}
		for k := range 10_000 {
			for i := range 3 {
				values[3*k+i] += float32(r.NormFloat64())
			}
			c.tensors = append(c.tensors, tensor{fmt.Sprintf("l%d.weight", k), "float32", []int{3}, slices.Clone(values[3*k : 3*k+3]), 0})
		}
		series = append(series, c)
	}
	dir := written(t, series)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	x := auditFolder(t, dir)
	runtime.ReadMemStats(&after)
	if x.Faults+x.Warnings > 0 {
		t.Errorf("findings:%s", texts(x.List))
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 600<<20 {
		t.Errorf("%d MB were allocated", n>>20)
	}
}

// Tensors with another name in every checkpoint do not multiply the memory.
func TestRareTensors(t *testing.T) {
	series := small(40)
	for i := range series {
		for k := range 5 {
			series[i].tensors = append(series[i].tensors, tensor{
				fmt.Sprintf("extra%d.%d", i, k), "float32", []int{1}, []float32{1}, 0,
			})
		}
	}
	dir := written(t, series)
	c, err := exchange.OpenCatalog([]string{dir}, exchange.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	kept, rare := withoutRare(c, 1000)
	if len(rare) != 200 || len(kept.Entries[3].Tensors) != len(shapes) || len(c.Entries[3].Tensors) != len(shapes)+5 {
		t.Errorf("%d rare tensors, %d are kept of %d", len(rare), len(kept.Entries[3].Tensors), len(c.Entries[3].Tensors))
	}
	if _, rare := withoutRare(c, 10_000); rare != nil {
		t.Errorf("%d rare tensors in a small series", len(rare))
	}
	s := newSeries(kept, Options{})
	s.rare = rare
	r := s.judge()
	if len(r.List) == 0 || r.List[0].Check != OtherTensors || r.List[0].Step != -1 {
		t.Errorf("findings:%s", texts(r.List))
	}
}

// FuzzHeader changes bytes of one file of a series: the audit ends without a panic, and the other
// checkpoints stay without findings.
func FuzzHeader(f *testing.F) {
	series := small(6)
	good := safetensors(f, series[3].tensors)
	dir := f.TempDir()
	writeSeries(f, dir, series, nil)
	f.Add(9, []byte("\x00"))
	f.Add(0, []byte("\xff\xff\xff\xff"))
	f.Add(30, []byte("-1"))
	f.Add(60, []byte("99999999999"))
	f.Add(100, []byte("\"}"))
	f.Add(len(good)-9, []byte("\xff\xff\xff\xff\xff\xff\xff\xff"))
	r := rand.New(rand.NewPCG(1, 8))
	for range 60 {
		const marks = "\x00\xff09-[](){}'\",:eL"
		at := r.IntN(len(marks))
		f.Add(r.IntN(700), []byte(marks[at:at+1]))
	}
	f.Fuzz(func(t *testing.T, at int, change []byte) {
		b := slices.Clone(good)
		if at < 0 || at >= len(b) {
			return
		}
		copy(b[at:], change)
		writeFile(t, filepath.Join(dir, "step30", "model.safetensors"), b)
		for _, x := range auditFolder(t, dir).List {
			if x.Severity != Event && x.Step != 30 && x.Step >= 0 && !slices.Contains(x.Steps, 30) {
				t.Errorf("byte %d, %q: %s", at, change, x.Text)
			}
		}
	})
}
