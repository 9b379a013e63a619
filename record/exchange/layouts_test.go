package exchange

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nlpodyssey/safetensors"

	"sgdwalk/record"
)

// tree writes files into a new folder and returns the folder. A name that ends in a
// checkpoint's ending becomes a small model, whose first number counts the files.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		content := []byte("PK, but no archive")
		if strings.HasSuffix(name, ".safetensors") {
			content = safetensorsOf(t, nil, f32("w", []float32{float32(i), 1}, 1, 2))
		}
		save(t, filepath.Dir(path), filepath.Base(path), content)
	}
	return dir
}

// TestFolders: which files of the folders that trainers write are checkpoints, in the
// order of their steps, and what is said of the others.
func TestFolders(t *testing.T) {
	for name, test := range map[string]struct {
		files string
		want  string // step:place in the list of files, or a part of the refusal
		note  string
	}{
		"a file a step": {"ckpt-10.safetensors ckpt-2.safetensors", "2:1 10:0", ""},
		"a folder a step": {
			"step512/model.safetensors step1/model.safetensors step0/model.safetensors",
			"0:2 1:1 512:0", "",
		},
		"one step": {"step512/model.safetensors", "512:0", ""},
		"Hugging Face": {
			"checkpoint-500/model.safetensors checkpoint-500/optimizer.pt " +
				"checkpoint-500/scheduler.pt checkpoint-500/rng_state.pth checkpoint-500/rng_state_0.pth " +
				"checkpoint-500/training_args.bin checkpoint-500/trainer_state.json " +
				"checkpoint-1000/model.safetensors " +
				"checkpoint-1000/optimizer.pt model.safetensors training_args.bin config.json", "500:0 1000:7",
			"optimizer.pt (2 times), rng_state.pth, rng_state_0.pth",
		},
		"the final model": {
			"checkpoint-500/model.safetensors checkpoint-1000/model.safetensors model.safetensors",
			"500:0 1000:1", "because the name has no step and the others have one: ",
		},
		"two formats": {"step1/model.safetensors step1/pytorch_model.bin step2/model.safetensors " +
			"step2/pytorch_model.bin", "1:0 2:2", "pytorch_model.bin (2 times)"},
		"an average": {
			"step1/model.safetensors step1/ema.safetensors step2/model.safetensors", "1:0 2:2",
			"ema.safetensors",
		},
		"Lightning": {"version_0/checkpoints/epoch=0-step=10.safetensors " +
			"version_0/checkpoints/epoch=1-step=20.safetensors version_0/checkpoints/last.safetensors " +
			"version_0/hparams.yaml", "10:0 20:1", "last.safetensors"},
		"best and last": {
			"model_best.safetensors 1.safetensors 2.safetensors checkpoint_last.safetensors",
			"1:1 2:2", "model_best.safetensors",
		},
		"optimizers apart": {
			"model_1.safetensors optimizer_1.pt model_2.safetensors optimizer_2.pt", "1:0 2:2",
			"optimizer_1.pt, optimizer_2.pt",
		},
		"Megatron": {"iter_0000100/mp_rank_00/model.safetensors iter_0000200/mp_rank_00/model.safetensors " +
			"latest_checkpointed_iteration.txt", "100:0 200:1", "latest_checkpointed_iteration.txt"},
		"hidden files": {
			"1.safetensors 2.safetensors .3.safetensors .cache/4.safetensors", "1:0 2:1",
			".3.safetensors, .cache/",
		},
		"a recording": {"step1.safetensors RUN/header.json RUN/steps-000000.arrow " +
			"RUN/analysis/pca/step2.safetensors", "1:0", "left out of the folders: RUN/"},
		"nothing with it": {
			"checkpoint.txt weights.h5", "has no file with an ending of checkpoints",
			"it has checkpoint.txt, weights.h5",
		},
		"optimizers only": {"optimizer_1.pt", "it has optimizer_1.pt", ""},
		"not a copy": {
			"init.safetensors step1.safetensors step2.safetensors",
			"init.safetensors has no step in its name, and ", "",
		},
		"two runs": {
			"a/step1.safetensors a/step2.safetensors b/step1.safetensors", "step 1 comes twice: ",
			"",
		},
		"two versions": {
			"epoch=0-step=10.safetensors epoch=0-step=10-v1.safetensors", "step 10 comes twice: ",
			"",
		},
		"two models a step": {"step1/actor.safetensors step1/critic.safetensors step2/actor.safetensors " +
			"step2/critic.safetensors", "step 1 comes twice: ", ""},
		"no numbers": {"a.safetensors b.safetensors", "neither the metadata nor the names of the 2 " +
			"checkpoints have steps", ""},
		"hashes": {"snapshots/" + strings.Repeat("a1", 20) + "/model.safetensors snapshots/" +
			strings.Repeat("b2", 20) + "/model.safetensors", "are hashes, which have no order", ""},
		"one shard": {
			"step1/model-00001-of-00001.safetensors step2/model-00001-of-00001.safetensors",
			"1:0 2:1", "",
		},
		"parts of ranks": {
			"step1/model_rank_0.safetensors step1/model_rank_1.safetensors",
			"are parts of one model, saved by several processes", "",
		},
		"a part of a world": {
			"step1/model_world_size_2_rank_0.safetensors",
			"is only the part that one of 2 processes saved", "",
		},
		"consolidated": {
			"step1/consolidated.00.safetensors step1/consolidated.01.safetensors",
			"are parts of one model", "",
		},
	} {
		files := strings.Fields(test.files)
		dir := tree(t, files...)
		im, err := openBoth([]string{dir}, ImportOptions{})
		if err != nil {
			if got := err.Error(); !strings.Contains(got, test.want) || !strings.Contains(got, test.note) ||
				strings.Contains(got, "\n") {
				t.Errorf("%s: %v; want %s", name, err, test.want)
			}
			continue
		}
		m, notes := mustLoad(t, ImportOptions{}, dir)
		var got []string
		for i := range im.Len() {
			s := must(m.Read(i, record.AllParts))
			got = append(got, fmt.Sprintf("%d:%v", s.Step, s.Theta[0]))
		}
		if strings.Join(got, " ") != test.want || !strings.Contains(strings.Join(notes, "\n"), test.note) {
			t.Errorf("%s: %v, notes %q; want %s, and a note with %q", name, got, notes, test.want, test.note)
		}
	}
}

// TestSnapshotNames: the cache of the Hugging Face hub knows which revision a hash is.
func TestSnapshotNames(t *testing.T) {
	a, b := strings.Repeat("a1", 20), strings.Repeat("b2", 20)
	dir := tree(t, "snapshots/"+a+"/model.safetensors", "snapshots/"+b+"/model.safetensors", "refs/step20",
		"refs/step10")
	save(t, filepath.Join(dir, "refs"), "step20", []byte(a))
	save(t, filepath.Join(dir, "refs"), "step10", []byte(b+"\n"))
	m, notes := mustLoad(t, ImportOptions{}, filepath.Join(dir, "snapshots"))
	if first, last := must(m.Read(0, record.AllParts)), must(m.Read(1, record.AllParts)); first.Step != 10 ||
		first.Theta[0] != 1 || last.Step != 20 {
		t.Errorf("steps %d, %d, notes %q", first.Step, last.Step, notes)
	}
}

// TestOrderOfCommandLine: the files keep their places, and the rows are in the order of
// the steps.
func TestOrderOfCommandLine(t *testing.T) {
	dir := tree(t, "init.safetensors", "mid.safetensors", "end.safetensors")
	var paths []string
	for _, name := range []string{"init", "mid", "end"} {
		paths = append(paths, filepath.Join(dir, name+".safetensors"))
	}
	for by, want := range map[Numbering]string{
		"": "0:0 1:1 2:2", ByOrder: "0:0 1:1 2:2", ByPlace: "0:0 1:1 2:2",
		"20,0,10": "0:1 10:2 20:0",
	} {
		m, notes := mustLoad(t, ImportOptions{Steps: by}, paths...)
		var got []string
		for i := range m.Len() {
			s := must(m.Read(i, record.AllParts))
			got = append(got, fmt.Sprintf("%d:%v", s.Step, s.Theta[0]))
		}
		if strings.Join(got, " ") != want || len(notes) == 0 {
			t.Errorf("%s: %v, notes %q; want %s", by, got, notes, want)
		}
	}
}

// TestShards: the shards of a model are one checkpoint, through their index.
func TestShards(t *testing.T) {
	index := func(total int, where map[string]string) string {
		var entries []string
		for _, name := range slices.Sorted(maps.Keys(where)) {
			entries = append(entries, fmt.Sprintf("%q: %q", name, where[name]))
		}
		return fmt.Sprintf(`{"metadata": {"total_size": %d}, "weight_map": {%s}}`, total, strings.Join(entries, ", "))
	}
	const one, two = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
	good := index(24, map[string]string{"a": one, "b": two})
	write := func(dir, content string, x float32) {
		t.Helper()
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		save(t, dir, one, safetensorsOf(t, nil, f32("a", []float32{x, 1}, 1, 2)))
		save(t, dir, two, safetensorsOf(t, nil, f32("b", []float32{2, 3, x, 5}, 2, 2)))
		save(t, dir, "model.safetensors.index.json", []byte(content))
	}
	series := t.TempDir()
	var first, all []string
	for _, step := range []int{100, 200} {
		dir := filepath.Join(series, fmt.Sprintf("step%d", step))
		write(dir, good, float32(step))
		save(t, dir, "optimizer-00001-of-00002.bin", []byte("PK"))
		first, all = append(first, filepath.Join(dir, one)),
			append(all, filepath.Join(dir, one), filepath.Join(dir, two))
	}
	for name, paths := range map[string][]string{
		"folder": {series}, "folders": {filepath.Join(series, "step200"), filepath.Join(series, "step100")},
		"files": all,
		"indexes": {
			filepath.Join(series, "step100", "model.safetensors.index.json"),
			filepath.Join(series, "step200", "model.safetensors.index.json"),
		},
	} {
		m, _ := mustLoad(t, ImportOptions{}, paths...)
		if m.Len() != 2 {
			t.Errorf("%s: %d rows; want 2", name, m.Len())
			continue
		}
		if s := must(m.Read(1, record.AllParts)); s.Step != 200 ||
			!slices.Equal(s.Theta, []float32{200, 1, 2, 3, 200, 5}) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	whole := filepath.Join(t.TempDir(), "step1")
	if err := os.Mkdir(whole, 0o777); err != nil {
		t.Fatal(err)
	}
	const only = "model-00001-of-00001.safetensors"
	save(t, whole, only, safetensorsOf(t, nil, f32("a", []float32{1, 2}, 1, 2)))
	save(t, whole, "model.safetensors.index.json", []byte(index(8, map[string]string{"a": only})))
	if m, notes := mustLoad(t, ImportOptions{}, whole); m.Len() != 1 || len(notes) != 1 {
		t.Errorf("a model in one shard: %d rows, notes %q", m.Len(), notes)
	}
	if _, err := openBoth(first, ImportOptions{}); err == nil || !strings.Contains(err.Error(), two+" is not given") {
		t.Errorf("the first shards: %v", err)
	}

	for name, test := range map[string]struct {
		index  string
		change func(dir string)
		want   string
	}{
		"no index": {
			good, func(dir string) { os.Remove(filepath.Join(dir, "model.safetensors.index.json")) },
			"is one of 2 shards of a model, and their index model.safetensors.index.json is missing",
		},
		"missing": {
			good, func(dir string) { os.Remove(filepath.Join(dir, two)) },
			"shard " + two + " is in the index but not in the folder",
		},
		"extra": {
			good, func(dir string) { save(t, dir, "model-00003-of-00003.safetensors", nil) },
			"shard model-00003-of-00003.safetensors is in the folder but not in the index",
		},
		"other names": {
			index(24, map[string]string{"a": one, "b": two, "c": two}), nil,
			`it has the tensor "c" in ` + two,
		},
		"not indexed": {index(8, map[string]string{"a": one, "c": two}), nil, "has the tensor \"b\""},
		"swapped": {
			index(24, map[string]string{"a": two, "b": one}), nil,
			"shard " + one + ` has the tensor "a", but the index has it in "` + two + `"`,
		},
		"size": {
			index(25, map[string]string{"a": one, "b": two}), nil,
			"its total_size is 25 bytes, but the tensors in the shards have 24",
		},
		"a path": {
			index(24, map[string]string{"a": one, "b": "../" + two}), nil,
			"a shard must be in the folder of the index",
		},
		"the parent": {
			index(24, map[string]string{"a": one, "b": ".."}), nil,
			"a shard must be in the folder of the index",
		},
		"no tensors": {"{}", nil, `its "weight_map" has no tensor`},
		"no JSON":    {"[", nil, "it is not an index of shards"},
		"and a file": {good, func(dir string) {
			save(t, dir, "model.safetensors",
				safetensorsOf(t, nil, zeros("a", 1, 2)))
		}, "has both model.safetensors and model.safetensors.index.json"},
	} {
		dir := filepath.Join(t.TempDir(), "step1")
		write(dir, test.index, 1)
		if test.change != nil {
			test.change(dir)
		}
		if _, err := openBoth([]string{dir}, ImportOptions{}); err == nil || !strings.Contains(err.Error(), test.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %s", name, err, test.want)
		}
	}
}

// TestWrappers: the parts of names that wrappers add are removed wherever they are, so
// that a series with and without them is one.
func TestWrappers(t *testing.T) {
	model := func(rename func(string) string, more ...tensor) []byte {
		return safetensorsOf(t, nil,
			append(more, f32(rename("net.0.weight"), []float32{1, 2}, 1, 2),
				f32(rename("net.0.bias"), []float32{3}, 1))...)
	}
	plain := func(name string) string { return name }
	replace := func(old, by string) func(string) string {
		return func(name string) string { return strings.Replace(name, old, by, 1) }
	}
	for name, rename := range map[string]func(string) string{
		"plain": plain, "parallel": replace("net", "module.net"), "compiled": replace("net", "_orig_mod.net"),
		"inside":        replace("net.", "net._orig_mod."),
		"fsdp":          replace("net.0", "_fsdp_wrapped_module.net._fsdp_wrapped_module.0"),
		"several":       replace("net.0", "module._orig_mod.net.0._checkpoint_wrapped_module"),
		"module inside": replace("net.", "net.module."),
	} {
		dir := t.TempDir()
		counter := tensor{"n_averaged", safetensors.I64, nil, longs(3)}
		save(t, dir, "1.safetensors", model(plain))
		save(t, dir, "2.safetensors", model(rename, counter))
		m, notes := mustLoad(t, ImportOptions{}, dir)
		if l := m.Header().Layout; len(l) != 2 || l[0].Name != "net.0.bias" && l[0].Name != "net.0.weight" {
			t.Errorf("%s: layout %v", name, l)
		}
		if said := strings.Contains(strings.Join(notes, "\n"), "of a wrapper is removed"); said != (name != "plain") {
			t.Errorf("%s: notes %q", name, notes)
		}
	}
	// A module that the model has itself stays: not all names have it.
	path := save(t, t.TempDir(), "1.safetensors",
		safetensorsOf(t, nil, zeros("a.module.weight", 1, 2), zeros("b.weight", 1, 2)))
	if m, _ := mustLoad(t, ImportOptions{}, path); m.Header().Layout[0].Name != "a.module.weight" {
		t.Errorf("%v", m.Header().Layout)
	}
	path = save(t, t.TempDir(), "1.safetensors",
		safetensorsOf(t, nil, zeros("a._orig_mod.weight", 1, 2), zeros("a.weight", 1, 2)))
	if _, err := openBoth([]string{path}, ImportOptions{}); err == nil ||
		!strings.Contains(err.Error(), `two tensors have the name "a.weight" after the prefixes`) {
		t.Errorf("a collision: %v", err)
	}
}

// TestTiedInAnyOrder: one of two names for the same values is taken, the same one in all
// files.
func TestTiedInAnyOrder(t *testing.T) {
	s := &checkpoints{Import: new(Import), tensorNames: map[string]bool{"emb": true, "out": true}}
	float := elements["float32"]
	emb, head, out := array{name: "emb", element: float, shape: []int{2}},
		array{name: "head", element: float, shape: []int{2}}, array{name: "out", element: float, shape: []int{2}}
	tie := func(a, first array) array { a.tiedTo = first.name; return a }
	namesOf := func(arrays ...array) (names []string) {
		for _, a := range s.tensorsOf(&container{arrays: arrays}) {
			names = append(names, a.name)
		}
		return names
	}
	if got := namesOf(emb, tie(head, emb), out); !slices.Equal(got, []string{"emb", "out"}) {
		t.Errorf("the first file: %v", got)
	}
	s.header = new(record.Header)
	for _, arrays := range [][]array{
		{emb, tie(head, emb), out},
		{head, tie(emb, head), out},
		{out, emb},
		{head, out, tie(emb, head)},
	} {
		if got := namesOf(arrays...); !slices.Contains(got, "emb") || slices.Contains(got, "head") || len(got) != 2 {
			t.Errorf("a later file: %v", got)
		}
	}
	if got := namesOf(emb, head, out); !slices.Contains(got, "head") {
		t.Errorf("a tensor of its own is left out: %v", got)
	}
}
