package exchange

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nlpodyssey/safetensors"

	"sgdwalk/record"
)

// A folder as PyTorch leaves it: names sorted, statistics beside parameters, a
// counter among them, files in no useful order.
func TestImportFolder(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []int{100, 2, 10} {
		x := float32(step)
		save(t, dir, fmt.Sprintf("ckpt-%d.safetensors", step), safetensorsOf(t, nil,
			f32("conv1.weight", []float32{x, 1, 2, 3}, 2, 1, 1, 2),
			f32("fc.bias", []float32{-x}, 1),
			f32("fc.weight", []float32{5, x}, 1, 2),
			f32("n.0.weight", []float32{7, 8}, 2), f32("n.0.bias", []float32{9, 10}, 2),
			f32("n.0.running_mean", []float32{x, x}, 2), f32("n.0.running_var", []float32{1, x}, 2),
			tensor{"n.0.num_batches_tracked", safetensors.I64, nil, longs(3)}))
	}
	save(t, dir, "notes.txt", []byte("not a checkpoint"))
	m, warnings := mustLoad(t, ImportOptions{Comment: "from elsewhere"}, dir)
	layout := record.Pack(
		record.Tensor{Name: "conv1.weight", Kind: record.Filter, Shape: []int{2, 1, 1, 2}},
		record.Tensor{Name: "fc.bias", Kind: record.Bias, Shape: []int{1}},
		record.Tensor{Name: "fc.weight", Kind: record.Weight, Shape: []int{1, 2}},
		record.Tensor{Name: "n.0.bias", Kind: record.NormShift, Shape: []int{2}},
		record.Tensor{Name: "n.0.weight", Kind: record.NormScale, Shape: []int{2}})
	state := record.Pack(
		record.Tensor{Name: "n.0.running_mean", Kind: record.RunningMean, Shape: []int{2}},
		record.Tensor{Name: "n.0.running_var", Kind: record.RunningVariance, Shape: []int{2}})
	want := &record.Header{
		Format: record.FormatVersion, Software: software, DType: "float32", Model: "imported",
		Comment: "from elsewhere", Steps: 100,
		Columns: record.Columns{Theta: true, State: true}, Layout: layout, State: state,
	}
	if d := cmp.Diff(want, m.Header(), cmp.Comparer(record.Schedule.Equal)); d != "" {
		t.Error(d)
	}
	var rows []record.Step
	for _, x := range []float32{2, 10, 100} {
		rows = append(rows, record.Step{
			Step:  int64(x),
			Theta: []float32{x, 1, 2, 3, -x, 5, x, 9, 10, 7, 8}, State: []float32{x, x, 1, x},
		})
	}
	compareRows(t, m, rows)
	if d := cmp.Diff([]string{
		"left out of the folders: notes.txt",
		`array "n.0.num_batches_tracked" of type int64 is left out: parameters are floating-point numbers`,
		`the steps, 2 to 100, come from the number after "ckpt" in the file's name (` +
			filepath.Join(dir, "ckpt-2.safetensors") + " is step 2)",
		"2 tensors have the same values in all rows, bit for bit, while others change: n.0.bias, n.0.weight",
	}, warnings); d != "" {
		t.Error(d)
	}
}

// halves writes 1, 0.1 (rounded) and an infinity in a 16-bit type.
func halves(bits ...uint16) (b []byte) {
	for _, h := range bits {
		b = append(b, byte(h), byte(h>>8))
	}
	return b
}

func TestImportConversions(t *testing.T) {
	inf := float32(math.Inf(1))
	dir := t.TempDir()
	path := save(t, dir, "a.safetensors", safetensorsOf(t, nil,
		tensor{"a", safetensors.F16, []uint64{3}, halves(0x3c00, 0x2e66, 0x7c00)},
		tensor{"b", safetensors.BF16, []uint64{3}, halves(0x3f80, 0x3dcd, 0x7f80)},
		tensor{"c", safetensors.F64, []uint64{3}, doubles(1, 0.1, math.Inf(1))},
		tensor{"d", safetensors.F32, []uint64{0}, nil}))
	m, warnings := mustLoad(t, ImportOptions{}, path)
	// The file has the widest types first.
	compareRows(t, m, []record.Step{{Theta: []float32{1, 0.1, inf, 1, 0.100097656, inf, 1, 0.099975586, inf}}})
	if d := cmp.Diff([]string{
		`tensor "d" of shape [0] is left out: it has no elements`,
		"float64 is rounded to float32 (tensors of all files: 1)",
		"bfloat16 is widened to float32, exactly (tensors of all files: 1)",
		"float16 is widened to float32, exactly (tensors of all files: 1)",
		"the steps, 0 to 0, come from the place of the only file, whose name and metadata have no step",
	}, warnings); d != "" {
		t.Error(d)
	}
}

// A number that float32 cannot hold does not become an infinity.
func TestImportTooLarge(t *testing.T) {
	path := save(t, t.TempDir(), "a.safetensors",
		safetensorsOf(t, nil, tensor{"c", safetensors.F64, []uint64{2}, doubles(1, -1e300)}))
	if _, _, err := load([]string{path}, ImportOptions{}); err == nil ||
		!strings.Contains(err.Error(),
			`a.safetensors: array "c": it has the value -1e+300, which is too large for float32`) {
		t.Errorf("%v", err)
	}
}

func TestImportNPZCheckpoints(t *testing.T) {
	dir := t.TempDir()
	for i, method := range []uint16{zip.Store, zip.Deflate} {
		x := float64(i)
		save(t, dir, fmt.Sprintf("%d.npz", i), archiveOf(t, method,
			entry{"w/1", npy("<f8", doubles(x, 1, 2, 3, 4, 5), 2, 3)},
			entry{"w/2", fortran(npy("<f8", doubles(x, 1, 2, 3, 4, 5), 2, 3))},
			entry{"big", npy(">f4", []byte{0x3f, 0x80, 0, 0}, 1)},
			entry{"scalar", npy("<f4", []byte{0, 0, 0x80, 0x3f})},
			entry{"names", npy("<U2", make([]byte, 16), 2)},
			entry{"table", npyText("{'descr': [('a', '<f4'), ('b', ['<i4', (2,)])], 'shape': (1,), 'fortran_order': "+
				"False}\n", make([]byte, 12))},
			entry{"excluded", npy("<f4", make([]byte, 8), 2)}))
	}
	m, warnings := mustLoad(t, ImportOptions{Exclude: []string{"excl*"}}, dir)
	rows := []record.Step{
		{Step: 0, Theta: []float32{0, 1, 2, 3, 4, 5, 0, 2, 4, 1, 3, 5, 1, 1}},
		{Step: 1, Theta: []float32{1, 1, 2, 3, 4, 5, 1, 2, 4, 1, 3, 5, 1, 1}},
	}
	compareRows(t, m, rows)
	var names []string
	for _, x := range m.Header().Layout {
		names = append(names, x.Name)
	}
	if d := cmp.Diff([]string{"w/1", "w/2", "big", "scalar"}, names); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{
		`array "names" of type <U2 is left out: parameters are floating-point numbers`,
		`array "table" of type [('a', '<f4'), ('b', ['<i4', (2,)])] is left out: parameters are floating-point numbers`,
		"float64 is rounded to float32 (tensors of all files: 4)",
		"the steps, 0 to 1, come from the last whole number in the file's name (" + filepath.Join(dir, "0.npz") +
			" is step 0)",
		"2 tensors have the same values in all rows, bit for bit, while others change: big, scalar",
	}, warnings); d != "" {
		t.Error(d)
	}
}

// TestFlax: running statistics of Flax are state.
func TestFlax(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []float64{1, 2} {
		save(t, dir, fmt.Sprintf("step_%v.npz", step), archiveOf(t, zip.Store,
			entry{"batch_stats/BatchNorm_0/mean", npy("<f8", doubles(step, 0), 2)},
			entry{"batch_stats/BatchNorm_0/var", npy("<f8", doubles(1, step), 2)},
			entry{"batch_stats/Spectral_0/sigma", npy("<f8", doubles(step), 1)},
			entry{"params/BatchNorm_0/scale", npy("<f8", doubles(5, step), 2)},
			entry{"params/Dense_0/kernel", npy("<f8", doubles(step, 6), 1, 2)}))
	}
	m, _ := mustLoad(t, ImportOptions{}, dir)
	h := m.Header()
	var kinds []string
	for _, l := range slices.Concat(h.Layout, h.State) {
		kinds = append(kinds, string(l.Kind))
	}
	if want := "norm_scale other running_mean running_variance other"; strings.Join(kinds, " ") != want {
		t.Errorf("kinds %v; want %s", kinds, want)
	}
	compareRows(t, m, []record.Step{
		{Step: 1, Theta: []float32{5, 1, 1, 6}, State: []float32{1, 0, 1, 1, 1}},
		{Step: 2, Theta: []float32{5, 2, 2, 6}, State: []float32{2, 0, 1, 2, 2}},
	})
}

func TestNaturalOrder(t *testing.T) {
	want := []string{
		"a", "a0", "a00", "a1", "a01", "a2", "a10", "a10b", "a10b2", "a10b10", "a99999999999999999999",
		"a100000000000000000000", "b1/2", "b1/10", "b2/1",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNatural)
	// Names that differ in leading zeros are ordered as text.
	want[3], want[4] = want[4], want[3]
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestImportSteps(t *testing.T) {
	file := func(dir, name string, metadata map[string]string) string {
		return save(t, dir, name, safetensorsOf(t, metadata, zeros("w", 2, 2)))
	}
	step := func(s string) map[string]string { return map[string]string{"step": s, "epoch": "4"} }
	for name, test := range map[string]struct {
		files map[string]map[string]string
		by    Numbering
		want  []int64
		err   string
	}{
		"metadata first": {
			map[string]map[string]string{"a1": step("10"), "a2": step("20")},
			"",
			[]int64{10, 20},
			"",
		},
		"names asked for": {
			map[string]map[string]string{"a1": step("10"), "a2": step("20")},
			ByName,
			[]int64{1, 2},
			"",
		},
		"places asked for": {
			map[string]map[string]string{"a1": step("10"), "a2": step("20")},
			ByPlace,
			[]int64{0, 1},
			"",
		},
		"metadata goes back": {
			map[string]map[string]string{"a1": step("20"), "a2": step("10")},
			"",
			nil, "order the checkpoints differently",
		},
		"rows are sorted": {
			map[string]map[string]string{"a1": step("20"), "a2": step("10")},
			ByMetadata,
			[]int64{10, 20},
			"",
		},
		"metadata missing": {
			map[string]map[string]string{"a1": step("20"), "a2": nil},
			ByMetadata, nil,
			"a2.safetensors has no step in its metadata",
		},
		"metadata is text": {
			map[string]map[string]string{"a1": step("x")},
			ByMetadata, nil,
			`has the step "x" in its metadata`,
		},
		"names repeat": {map[string]map[string]string{"1-a7": nil, "2-a7": nil}, "", []int64{1, 2}, ""},
		"names without": {
			map[string]map[string]string{"a": nil, "b": nil},
			ByName, nil,
			"a.safetensors has no step in its name",
		},
		"one name":           {map[string]map[string]string{"resnet20": nil}, "", []int64{0}, ""},
		"one name asked for": {map[string]map[string]string{"resnet20": nil}, ByName, []int64{20}, ""},
		"too large": {
			map[string]map[string]string{"a99999999999999999999": nil, "b": nil},
			ByName, nil,
			"a99999999999999999999",
		},
	} {
		dir := t.TempDir()
		for f, metadata := range test.files {
			file(dir, f+".safetensors", metadata)
		}
		m, _, err := load([]string{dir}, ImportOptions{Steps: test.by})
		if err != nil || test.err != "" {
			if err == nil || test.err == "" || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v, want %q", name, err, test.err)
			}
			continue
		}
		var got []int64
		for i := range m.Len() {
			s, _ := m.Read(i, record.AllParts)
			got = append(got, s.Step)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: steps %v, want %v", name, got, test.want)
		}
	}
}

func TestImportMismatch(t *testing.T) {
	first := []tensor{zeros("a", 2, 3), zeros("b", 4)}
	for name, test := range map[string]struct {
		second []tensor
		want   MismatchError
		text   string
	}{
		"missing": {
			first[:1],
			MismatchError{Tensor: "b", Want: []int{4}},
			`has no tensor "b", which has shape [4] in `,
		},
		"extra": {
			append(slices.Clone(first), zeros("c", 5)),
			MismatchError{Tensor: "c", Have: []int{5}},
			`has a tensor "c" of shape [5], and `,
		},
		"reshaped": {
			[]tensor{zeros("a", 3, 2), first[1]},
			MismatchError{Tensor: "a", Have: []int{3, 2}, Want: []int{2, 3}},
			`has tensor "a" with shape [3 2], and `,
		},
		"scalar": {
			[]tensor{first[0], zeros("b")},
			MismatchError{Tensor: "b", Have: []int{}, Want: []int{4}},
			`has tensor "b" with shape [], and `,
		},
		"a counter instead": {
			[]tensor{first[0], {"b", safetensors.I32, []uint64{4}, make([]byte, 16)}},
			MismatchError{Tensor: "b", Want: []int{4}, Type: "int32"},
			`has "b" with elements of type int32; in `,
		},
	} {
		dir := t.TempDir()
		a := save(t, dir, "1.safetensors", safetensorsOf(t, nil, first...))
		b := save(t, dir, "2.safetensors", safetensorsOf(t, nil, test.second...))
		_, err := openBoth([]string{dir}, ImportOptions{})
		var e *MismatchError
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		test.want.Path, test.want.First = b, a
		if d := cmp.Diff(test.want, *e); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestImportOptions(t *testing.T) {
	dir := t.TempDir()
	path := save(t, dir, "a.safetensors",
		safetensorsOf(t, nil, zeros("enc.w", 2, 2), zeros("enc.s", 3), zeros("opt.m", 7)))
	rule := func(text string) KindRule {
		r, err := ParseKindRule(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	m, _ := mustLoad(t, ImportOptions{
		Kinds: []KindRule{rule("*.s=running_mean"), rule("enc.*=other")}, Exclude: []string{"opt.*"}, Model: "mine",
	}, path)
	h := m.Header()
	if len(h.Layout) != 1 || h.Layout[0].Kind != record.Other || len(h.State) != 1 || h.State[0].Name != "enc.s" ||
		h.Model != "mine" {
		t.Errorf("%+v, %+v, %s", h.Layout, h.State, h.Model)
	}
	for _, text := range []string{"a", "=bias", "a=weights"} {
		if _, err := ParseKindRule(text); err == nil {
			t.Errorf("rule %q was accepted", text)
		}
	}
	for name, o := range map[string]ImportOptions{
		"steps": {Steps: "epoch"}, "pattern": {Exclude: []string{""}}, "kind": {Kinds: []KindRule{{"a", "b"}}},
		"everything left out": {Exclude: []string{"*"}}, "only state": {Kinds: []KindRule{{"*", record.RunningMean}}},
	} {
		if _, err := openBoth([]string{path}, o); err == nil {
			t.Errorf("%s: %+v was accepted", name, o)
		}
	}
}

func TestImportCancelled(t *testing.T) {
	dir := t.TempDir()
	im, err := openBoth([]string{save(t, dir, "a.safetensors", safetensorsOf(t, nil, zeros("w", 2, 2)))}, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := im.Header()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := im.CopyTo(ctx, memory(t, h, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
	if im.Len() != 1 {
		t.Errorf("%d rows, want 1", im.Len())
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	empty := t.TempDir()
	a := save(t, dir, "a.npz", nil)
	for name, paths := range map[string][]string{
		"nothing": nil, "empty directory": {empty}, "twice": {a, dir}, "not there": {filepath.Join(dir, "b.npz")},
	} {
		if files, _, err := collect(paths, false); err == nil {
			t.Errorf("%s: %v", name, files)
		}
	}
}
