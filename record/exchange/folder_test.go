package exchange

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
)

// folder copies fixtures of torch.save into a new folder, as ckpt_1.pt, ckpt_2.pt and
// so on, or by a name that stands before a colon.
func folder(t *testing.T, fixtures ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i, fixture := range fixtures {
		name, from, named := strings.Cut(fixture, ":")
		if !named {
			name, from = fmt.Sprintf("ckpt_%d.pt", i+1), fixture
		}
		b, err := os.ReadFile(torchDir + from + ".pt")
		if err != nil {
			t.Fatal(err)
		}
		save(t, dir, name, b)
	}
	return dir
}

// netLayout is the network of the fixtures, by the rules that guess.
var netLayout = record.Pack(
	record.Tensor{Name: "conv.weight", Kind: record.Filter, Shape: []int{2, 1, 3, 3}},
	record.Tensor{Name: "conv.bias", Kind: record.Bias, Shape: []int{2}},
	record.Tensor{Name: "bn.weight", Kind: record.NormScale, Shape: []int{2}},
	record.Tensor{Name: "bn.bias", Kind: record.NormShift, Shape: []int{2}},
	record.Tensor{Name: "fc.weight", Kind: record.Weight, Shape: []int{3, 2}},
	record.Tensor{Name: "fc.bias", Kind: record.Bias, Shape: []int{3}},
)

// netTheta is what make.py put there: the i-th tensor counts up in eighths from i.
func netTheta() (theta []float32) {
	for i, l := range netLayout {
		for j := range l.Len() {
			theta = append(theta, float32(i)+float32(j)/8)
		}
	}
	return theta
}

// TestCheckpointFolders: what real scripts save becomes the same run, and every
// decision is a note.
func TestCheckpointFolders(t *testing.T) {
	counters := `array "bn.num_batches_tracked" of type int64 is left out: parameters are floating-point numbers`
	names := `the steps, 1 to %d, come from the number after "ckpt" in the file's name (ckpt_1.pt is step 1)`
	five := []string{"net", "net", "net", "net", "net"}
	for name, test := range map[string]struct {
		files   []string
		options ImportOptions
		notes   []string
		comment string
	}{
		"plain": {files: five, notes: []string{counters, fmt.Sprintf(names, 5)}},
		"half in the third": {
			files: slices.Replace(slices.Clone(five), 2, 3, "float16"),
			notes: []string{
				counters, "float16 is widened to float32, exactly (tensors of all files: 8)",
				fmt.Sprintf(names, 5),
			}, comment: "float16 is widened to float32, exactly (tensors of all files: 8)",
		},
		"types within a file": {
			files: []string{"mixed", "net"},
			notes: []string{
				counters, "bfloat16 is widened to float32, exactly (tensors of all files: 1)",
				"float64 is rounded to float32 (tensors of all files: 1)", fmt.Sprintf(names, 2),
			},
			options: ImportOptions{Comment: "mine"}, comment: "mine; bfloat16 is widened to float32, exactly " +
				"(tensors of all files: 1); float64 is rounded to float32 (tensors of all files: 1)",
		},
		"wrapped": {
			files: []string{"wrapped", "net"},
			notes: []string{`the tensors come from the key "model"`, counters, fmt.Sprintf(names, 2)},
		},
		"a sparse tensor": {files: []string{"sparse"}, notes: []string{
			`"sparse" is left out: it is made by torch._utils._rebuild_sparse_tensor, which is not ` +
				`supported`, counters,
			fmt.Sprintf(names, 1),
		}},
		"by key": {
			files: []string{"several", "several"}, options: ImportOptions{Key: "student"},
			notes: []string{`the tensors come from the key "student"`, counters, fmt.Sprintf(names, 2)},
		},
		"parallel": {
			files: []string{"parallel", "net", "parallel"},
			notes: []string{
				`the prefix "module." of a wrapper is removed from the names of the tensors`,
				counters, fmt.Sprintf(names, 3),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, test.files...)
			m, notes := mustLoad(t, test.options, dir)
			for i := range notes {
				notes[i] = strings.ReplaceAll(notes[i], dir+string(filepath.Separator), "")
			}
			want := test.notes
			if len(test.files) > 1 {
				want = append(slices.Clone(want), sameSteps(len(test.files)))
			}
			if !slices.Equal(notes, want) {
				t.Errorf("notes\n%s\nwant\n%s", strings.Join(notes, "\n"), strings.Join(want, "\n"))
			}
			if h := m.Header(); !h.Layout.Equal(netLayout) || h.State.Len() != 4 || h.Comment != test.comment {
				t.Errorf("layout %v, state %v, comment %q", h.Layout, h.State, h.Comment)
			}
			var rows []record.Step
			for i := range test.files {
				rows = append(rows, record.Step{Step: int64(i + 1), Theta: netTheta(), State: []float32{0, 0, 1, 1}})
				if test.files[i] == "wrapped" && m.Len() > 0 {
					rows[i].Epoch = 3
				}
			}
			compareRows(t, m, rows)
		})
	}
}

// sameSteps is the note about n files of one network.
func sameSteps(n int) string {
	return []string{2: "steps 1 and 2", 3: "steps 1, 2 and 3", 5: "steps 1, 2, 3, 4 and 5"}[n] +
		" have the same parameters, bit for bit"
}

// TestTied: values that two names share are in theta once; parameters that were saved
// as such are tensors.
func TestTied(t *testing.T) {
	m, notes := mustLoad(t, ImportOptions{}, folder(t, "tied", "tied"))
	var names []string
	for _, l := range m.Header().Layout {
		names = append(names, l.Name)
	}
	if want := "table conv.weight conv.bias fc.weight fc.bias tied.bias"; strings.Join(names, " ") != want {
		t.Errorf("theta has %v; want %s", names, want)
	}
	if want := `tensor "tied.weight" is left out: it shares its values with "fc.weight"`; !slices.Contains(notes,
		want) {
		t.Errorf("notes %q; want %s", notes, want)
	}
	// Without the first of them the second stands for both.
	m, notes = mustLoad(t, ImportOptions{Exclude: []string{"fc.weight"}}, folder(t, "tied"))
	if _, ok := m.Header().Layout.Lookup("tied.weight"); !ok ||
		strings.Contains(strings.Join(notes, "\n"), "shares its values") {
		t.Errorf("layout %v, notes %q", m.Header().Layout, notes)
	}
	m, _ = mustLoad(t, ImportOptions{}, folder(t, "parameters"))
	compareRows(t, m, []record.Step{{Step: 1, Theta: netTheta()}})
}

// TestNaturalFolder: two comes before ten.
func TestNaturalFolder(t *testing.T) {
	m, _ := mustLoad(t, ImportOptions{}, folder(t, "ckpt_10.pt:net", "ckpt_2.pt:net", "ckpt_1.pt:net"))
	var steps []int64
	for i := range m.Len() {
		s, _ := m.Read(i, record.AllParts)
		steps = append(steps, s.Step)
	}
	if !slices.Equal(steps, []int64{1, 2, 10}) {
		t.Errorf("steps %v", steps)
	}
}

// TestBadFolders: one line that names the file and what is the matter.
func TestBadFolders(t *testing.T) {
	third := func(fixture string) []string { return []string{"net", "net", fixture, "net", "net"} }
	for name, test := range map[string]struct {
		files   []string
		options ImportOptions
		want    string
	}{
		"missing": {
			third("missing"),
			ImportOptions{},
			`ckpt_3.pt has no tensor "fc.bias", which has shape [3] in `,
		},
		"extra":    {third("extra"), ImportOptions{}, `ckpt_3.pt has a tensor "head.weight" of shape [4 3], and `},
		"reshaped": {third("reshaped"), ImportOptions{}, `ckpt_3.pt has tensor "fc.bias" with shape [3 1], and `},
		"no dict":  {third("list"), ImportOptions{}, `ckpt_3.pt: it holds a list; only a state dict can be read`},
		"a module": {
			third("whole"),
			ImportOptions{},
			`ckpt_3.pt: it holds an object of the class torch.nn.modules.container.Sequential`,
		},
		"no tensor": {
			third("empty"),
			ImportOptions{},
			`ckpt_3.pt: its dict has no tensor, alone or under a key; it has "loss"`,
		},
		"several": {
			third("several"),
			ImportOptions{},
			`ckpt_3.pt: it has several dicts of tensors; choose that of the model with --key: ` +
				`"student", "teacher"`,
		},
		"other key": {
			third("wrapped"),
			ImportOptions{Key: "ema"},
			`ckpt_1.pt: it has no dict of tensors under the key "ema"; it has "conv.weight"`,
		},
		"key of a run": {
			[]string{"wrapped"},
			ImportOptions{Key: "ema"},
			`it has "model", "optimizer", "loss", "args" (of the class argparse.Namespace), "epoch"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openBoth([]string{folder(t, test.files...)}, test.options)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v; want a line with %s", err, test.want)
			}
		})
	}
	truncated := folder(t, third("net")...)
	path := filepath.Join(truncated, "ckpt_3.pt")
	if err := os.Truncate(path, 1500); err != nil {
		t.Fatal(err)
	}
	if _, err := openBoth([]string{truncated}, ImportOptions{}); err == nil ||
		!strings.Contains(err.Error(), path+": it begins like a zip archive") || strings.Contains(err.Error(), "\n") {
		t.Errorf("truncated: %v", err)
	}
	others := t.TempDir()
	save(t, others, "train.log", []byte("epoch 1"))
	for _, dir := range []string{t.TempDir(), others} {
		if _, err := openBoth([]string{dir}, ImportOptions{}); err == nil ||
			!strings.Contains(err.Error(), "has no file with an ending of checkpoints") {
			t.Errorf("%v", err)
		}
	}
}

// TestLayoutFile: the file says names, kinds and order, and a header.json is one.
func TestLayoutFile(t *testing.T) {
	layout := func(text string) ImportOptions {
		return ImportOptions{Layout: save(t, t.TempDir(), "layout.json", []byte(text))}
	}
	const state = `"state_layout": [{"name": "bn.running_mean", "kind": "running_mean", "shape": [2]}, {"name": ` +
		`"bn.running_var", "kind": "running_variance", "shape": [2]}]`
	m, notes := mustLoad(t, layout(`{"layout": [
		{"name": "fc.weight", "kind": "other", "shape": [3, 2]}, {"name": "fc.bias", "kind": "bias", "shape": [3]},
		{"name": "bn.bias", "kind": "norm_shift", "shape": [2]}, {"name": "bn.weight", "kind": "norm_scale", "shape": [2]},
		{"name": "conv.weight", "kind": "filter", "shape": [2, 1, 3, 3]}, {"name": "conv.bias", "kind": "bias", "shape": [2]}], `+state+`}`),
		folder(t, "net", "parallel", "wrapped"))
	h := m.Header()
	if h.Layout[0].Kind != record.Other || h.Layout[5].Offset != 31 || h.Layout.Len() != 33 || h.State.Len() != 4 {
		t.Errorf("layout %v, state %v", h.Layout, h.State)
	}
	want, got := netTheta(), must(m.Read(2, record.AllParts))
	if !slices.Equal(got.Theta[:6], want[24:30]) || !slices.Equal(got.Theta[13:31], want[:18]) {
		t.Errorf("theta %v is not in the order of the layout file", got.Theta)
	}
	if len(notes) != 5 || notes[4] != sameSteps(3) {
		t.Errorf("notes %q", notes)
	}

	// The header of that run, as it is written to disk, is a layout file. A buffer that
	// is no running statistic is state by it, and a counter is left out.
	header, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, _ := mustLoad(t, layout(string(header)), folder(t, "net", "net"))
	if !again.Header().Layout.Equal(h.Layout) || !again.Header().State.Equal(h.State) ||
		again.Header().Model != record.ImportedModel {
		t.Errorf("%+v", again.Header())
	}
	tied, _ := mustLoad(t, layout(`{"layout": [{"name": "conv.weight", "kind": "filter", "shape": [2, 1, 3, 3]}, {"name": "conv.bias", "kind": "bias", "shape": [2]},
		{"name": "fc.weight", "kind": "weight", "shape": [3, 3]}, {"name": "fc.bias", "kind": "bias", "shape": [3]}, {"name": "tied.bias", "kind": "bias", "shape": [3]}],
		"state_layout": [{"name": "table", "kind": "other", "shape": [2, 2]}]}`), folder(t, "tied"))
	if s := must(tied.Read(0, record.AllParts)); !slices.Equal(s.State, []float32{1, 1, 1, 1}) || len(s.Theta) != 35 {
		t.Errorf("%+v", s)
	}
	// Names with the prefix keep it.
	prefixed := strings.ReplaceAll(string(header), `"name": "`, `"name": "module.`)
	prefixed = strings.Replace(prefixed, `"name": "module."`, `"name": ""`, 1) // the optimizer's
	if m, _ := mustLoad(t, layout(prefixed), folder(t, "parallel")); m.Header().Layout[0].Name != "module.fc.weight" {
		t.Errorf("%v", m.Header().Layout)
	}

	w := `{"name": "conv.weight", "kind": "filter", "shape": [2, 1, 3, 3]}`
	for text, want := range map[string]string{
		``:                           "unexpected EOF; it must be an object",
		`[]`:                         "it must be an object",
		`{"layout": []}`:             `its "layout" has no tensor`,
		`{"layouts": [` + w + `]}`:   `unknown field "layouts"`,
		`{"layout": [` + w + `]} {}`: "there is more text after its end",
		`{"layout": [{"name": "conv.weight", "shape": [2]}]}`: `layout: tensor "conv.weight" ` +
			`has kind ""; allowed are`,
		`{"layout": [{"name": "conv.weight", "kind": "filters", "shape": [2]}]}`:   `has kind "filters"; allowed are`,
		`{"layout": [{"name": "conv.weight", "kind": "filter", "shape": [2, 0]}]}`: `has shape [2 0]`,
		`{"layout": [` + w + `, ` + w +
			`]}`: `two tensors are named "conv.weight"`,
		`{"layout": [` + w + `], "state_layout": [` + w +
			`]}`: `tensor "conv.weight" is in both layouts`,
		`{"layout": [{"name": "m", "kind": "running_mean", "shape": [2]}]}`: "running statistics must be in " +
			"state_layout",
		`{"layout": [{"name": "a", "kind": "bias", "shape": [2]}, {"name": "b", "kind": "bias", "shape": [2], ` +
			`"offset": 3}]}`: `tensor "b" starts at offset 3, but the tensors before it end at 2`,
		`{"layout": [` + w + `], ` + state +
			`}`: `ckpt_1.pt has a tensor "conv.bias" of shape [2], and `,
		`{"layout": [` + w + `, {"name": "x", "kind": "bias", "shape": [2]}]}`: `ckpt_1.pt has ` +
			`no tensor "x", which has shape [2] in `,
		`{"layout": [{"name": "conv.weight", "kind": "filter", "shape": [2, 9]}]}`: `ckpt_1.pt has ` +
			`tensor "conv.weight" with shape [2 1 3 3], and `,
		`{"layout": [` + w + `, {"name": "bn.num_batches_tracked", "kind": "other", "shape": []}]}`: `ckpt_1.pt has ` +
			`"bn.num_batches_tracked" with elements of type int64; in `,
		`{"format": 99, "layout": [` + w +
			`], "new": 1}`: "its format is 99, written by a newer program",
	} {
		_, err := openBoth([]string{folder(t, "net", "net")}, layout(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "layout.json") ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want a line with %s", text, err, want)
		}
	}
	o := layout(string(header))
	o.Kinds = []KindRule{{"*", record.Weight}}
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "give only one of them") {
		t.Errorf("kinds and a layout file: %v", err)
	}
	o = layout(string(header))
	o.Exclude = []string{"fc.*"}
	if _, err := openBoth([]string{folder(t, "net")}, o); err == nil ||
		!strings.Contains(err.Error(), `has tensor "fc.weight", which exclude leaves out`) {
		t.Errorf("a tensor of the layout file that is excluded: %v", err)
	}
	if _, err := openBoth([]string{folder(t, "net")}, ImportOptions{Layout: "none.json"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no layout file: %v", err)
	}
	run := save(t, t.TempDir(), "run.npz", npzOf(t, m, NPZOptions{}))
	if _, err := openBoth([]string{run}, layout(string(header))); err == nil ||
		!strings.Contains(err.Error(), "it is a whole run; kinds, layout, key") {
		t.Errorf("a layout file for a whole run: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
