package exchange

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
	"sgdwalk/record/sketch"
)

// embedding is what the test reads of a folder.
type embedding struct {
	text, bytes [][]float32 // points
	metadata    [][]string  // with the heading
	config      string      // for TensorBoard
	name        string      // of both configurations
}

// readEmbedding reads a folder as TensorBoard and the standalone projector do.
func readEmbedding(t *testing.T, dir string) (e embedding) {
	t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	lines := func(name string) (all [][]string) {
		for line := range strings.Lines(read(name)) {
			all = append(all, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		}
		return all
	}
	var config struct {
		Embeddings []struct {
			TensorName, TensorPath, MetadataPath string
			TensorShape                          []int
		}
	}
	if err := json.Unmarshal([]byte(read("projector_config.json")), &config); err != nil {
		t.Fatal(err)
	}
	c := config.Embeddings[0]
	for _, fields := range lines("tensors.tsv") {
		point := make([]float32, len(fields))
		for j, field := range fields {
			x, err := strconv.ParseFloat(field, 64) // as Python and JavaScript do
			if err != nil {
				t.Fatal(err)
			}
			point[j] = float32(x)
		}
		e.text = append(e.text, point)
	}
	values := make([]float32, len(read(c.TensorPath))/4)
	if _, err := binary.Decode([]byte(read(c.TensorPath)), binary.LittleEndian, values); err != nil {
		t.Fatal(err)
	}
	for point := range slices.Chunk(values, c.TensorShape[1]) {
		e.bytes = append(e.bytes, point)
	}
	if len(e.bytes) != c.TensorShape[0] {
		t.Errorf("%d points, the shape is %v", len(e.bytes), c.TensorShape)
	}
	e.metadata, e.config, e.name = lines(c.MetadataPath), read("projector_config.pbtxt"), c.TensorName
	return e
}

// mustProject writes a folder and reads it.
func mustProject(t *testing.T, tr record.Trajectory, o ProjectorOptions) (*Embedding, embedding) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "points")
	said, err := WriteProjector(dir, tr, o)
	if err != nil {
		t.Fatal(err)
	}
	got := readEmbedding(t, dir)
	if len(got.bytes) != said.Points || len(got.bytes[0]) != said.Dims {
		t.Errorf("%d points of %d dimensions; WriteProjector says %+v", len(got.bytes), len(got.bytes[0]), *said)
	}
	return said, got
}

// comparePoints compares both files with these vectors minus their mean, bit for bit.
func comparePoints(t *testing.T, got embedding, vectors [][]float32) {
	t.Helper()
	mean := make([]float64, len(vectors[0]))
	for j := range mean {
		for _, v := range vectors {
			mean[j] += float64(v[j])
		}
		mean[j] /= float64(len(vectors))
	}
	for i, v := range vectors {
		want := make([]float32, len(v))
		for j := range v {
			want[j] = float32(float64(v[j]) - mean[j])
		}
		if !slices.Equal(got.text[i], want) {
			t.Errorf("line %d of the text: %v, want %v", i, got.text[i], want)
		}
		if !slices.Equal(got.bytes[i], want) {
			t.Errorf("point %d of the bytes: %v, want %v", i, got.bytes[i], want)
		}
	}
	if len(got.text) != len(vectors) || len(got.bytes) != len(vectors) {
		t.Errorf("%d lines and %d points, want %d", len(got.text), len(got.bytes), len(vectors))
	}
}

// thetas returns theta of these rows.
func thetas(rows []record.Step) (all [][]float32) {
	for i := range rows {
		all = append(all, rows[i].Theta)
	}
	return all
}

// A theta of at most 200 parameters is written as it is, around the mean.
func TestWriteProjector(t *testing.T) {
	h := recordtest.Header(7)
	rows := recordtest.Rows(h, 30, 1)
	said, got := mustProject(t, memory(t, h, rows), ProjectorOptions{})
	if want := (Embedding{Points: 31, Dims: 7, Parameters: 7}); *said != want {
		t.Errorf("got %+v, want %+v", *said, want)
	}
	comparePoints(t, got, thetas(rows))
	const config = `# mlp:2: iterates minus their mean, 7 parameters
# Remove the tick at "Sphereize data" in the projector: it moves every point to a sphere.
embeddings {
  tensor_name: "mlp:2: iterates minus their mean, 7 parameters"
  tensor_shape: 31
  tensor_shape: 7
  tensor_path: "tensors.tsv"
  metadata_path: "metadata.tsv"
}
`
	if got.config != config || !strings.Contains(config, `"`+got.name+`"`) {
		t.Errorf("got\n%s and the name %q in JSON, want\n%s", got.config, got.name, config)
	}
}

// A theta with more parameters is projected by the map of record/sketch.
func TestWriteProjectorProjected(t *testing.T) {
	const p = 301
	h := recordtest.Header(p)
	rows := recordtest.Rows(h, 9, 1)
	m := memory(t, h, rows)
	for _, dims := range []int{0, 16, 300, 304, AllDims} {
		said, got := mustProject(t, m, ProjectorOptions{Dims: dims})
		want := map[int]int{0: 200, 304: p, AllDims: p}[dims]
		if want == 0 {
			want = dims
		}
		if said.Dims != want || said.Parameters != p {
			t.Errorf("dims %d: %+v", dims, *said)
		}
		vectors := thetas(rows)
		if want < p {
			reduced, err := sketch.Reduce(m, sketch.Spec{Project: want})
			if err != nil {
				t.Fatal(err)
			}
			for i := range vectors {
				if vectors[i], err = record.ThetaOf(reduced, i); err != nil {
					t.Fatal(err)
				}
			}
		}
		if isProjected := strings.Contains(got.name, "301 parameters projected at random to "+strconv.Itoa(want)+
			" dimensions"); isProjected != (want < p) {
			t.Errorf("dims %d: the name is %q", dims, got.name)
		}
		comparePoints(t, got, vectors)
	}
}

// A recording that was reduced when it was made is reduced further.
func TestWriteProjectorOfSketch(t *testing.T) {
	h := recordtest.Header(1000)
	reduced, err := sketch.Reduce(memory(t, h, recordtest.Rows(h, 3, 1)), sketch.Spec{Project: 400})
	if err != nil {
		t.Fatal(err)
	}
	said, _ := mustProject(t, reduced, ProjectorOptions{})
	if want := (Embedding{Points: 4, Dims: 200, Parameters: 400}); *said != want {
		t.Errorf("got %+v, want %+v", *said, want)
	}
}

// The metadata has the columns with a finite number, and the index of the next point.
func TestWriteProjectorMetadata(t *testing.T) {
	h := recordtest.Header(2)
	nan := float32(math.NaN())
	rows := []record.Step{
		{Step: 0, Epoch: 1, BatchLoss: record.Some(0.1), TestLoss: record.Some(math.NaN()), Theta: []float32{1, 2}},
		{Step: 4, Epoch: 1, BatchLoss: record.Some(math.Inf(1)), FullLoss: record.Some(1e-300), Theta: []float32{2, 2}},
		{Step: 4, Substep: 1, Epoch: 1, LearningRate: record.Some(0.1), Theta: []float32{2, 3}},
		{Step: 5, Epoch: 2},
		{Step: 6, Epoch: 2, LearningRate: record.Some(0.1), Theta: []float32{nan, 3}},
		{Step: 8, Epoch: 2, Theta: []float32{2, 8}},
	}
	said, got := mustProject(t, memory(t, h, rows), ProjectorOptions{})
	if want := (Embedding{Points: 3, Dims: 2, Parameters: 2, NotFinite: 1}); *said != want {
		t.Errorf("got %+v, want %+v", *said, want)
	}
	comparePoints(t, got, [][]float32{{1, 2}, {2, 2}, {2, 8}})
	want := [][]string{
		{"step", "epoch", "batch_loss", "full_loss", "__seq_next__"},
		{"0", "1", "0.1", "", "1"},
		{"4", "1", "", "1e-300", "2"},
		{"8", "2", "", "", ""},
	}
	if !slices.EqualFunc(got.metadata, want, slices.Equal[[]string]) {
		t.Errorf("got %q, want %q", got.metadata, want)
	}
}

// The name of a model that another person chose breaks neither configuration.
func TestWriteProjectorName(t *testing.T) {
	h := recordtest.Header(2)
	h.Model = "a\"b\\c\nembeddings { \x1b[2J\xff \u202e é"
	_, got := mustProject(t, memory(t, h, recordtest.Rows(h, 2, 1)), ProjectorOptions{})
	const name = `a"b\c\nembeddings { \x1b[2J\xff \u202e é: iterates minus their mean, 2 parameters`
	if got.name != name {
		t.Errorf("the name in JSON is %q, want %q", got.name, name)
	}
	quoted := `tensor_name: "a\"b\\c\\nembeddings { \\x1b[2J\\xff \\u202e é: iterates minus their mean, 2 parameters"`
	if !strings.Contains(got.config, "\n  "+quoted+"\n") || strings.Count(got.config, "\n") != 9 {
		t.Errorf("the configuration is\n%s", got.config)
	}
}

func TestWriteProjectorSameBytes(t *testing.T) {
	h := recordtest.Header(1 << 17) // several chunks of the projection
	m := memory(t, h, recordtest.Rows(h, 3, 1))
	dir := filepath.Join(t.TempDir(), "points")
	var before map[string][]byte
	for range 2 { // the second time replaces the files
		if _, err := WriteProjector(dir, m, ProjectorOptions{}); err != nil {
			t.Fatal(err)
		}
		now := map[string][]byte{}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if now[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
				t.Fatal(err)
			}
			if before != nil && !bytes.Equal(before[e.Name()], now[e.Name()]) {
				t.Errorf("%s has other bytes the second time", e.Name())
			}
		}
		if before = now; len(now) != 5 {
			t.Errorf("%d files: %v", len(now), entries)
		}
	}
}

// Nothing is made of a recording without points, and of wrong options.
func TestWriteProjectorErrors(t *testing.T) {
	nan := float32(math.NaN())
	h := recordtest.Header(3)
	one := recordtest.Header(2)
	one.Layout = record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1}})
	ok := []record.Step{{Theta: []float32{1, 2, 3}}}
	for _, c := range []struct {
		name string
		h    *record.Header
		rows []record.Step
		dims int
		want string
	}{
		{"no rows", h, nil, 0, "none of the 0 rows is an iterate with theta"},
		{"no theta", h, []record.Step{{BatchLoss: record.Some(1)}}, 0, "none of the 1 rows is an iterate with theta"},
		{"no finite theta", h, []record.Step{{Theta: []float32{1, nan, 3}}}, 0, "all 1 iterates has NaN"},
		{"one parameter", one, []record.Step{{Theta: []float32{1}}}, 0, "theta has 1 parameter"},
		{"dims", h, ok, 18, "dims is 18; it must be all, or a multiple of 4 from 16 to 16384"},
		{"negative dims", h, ok, -2, "dims is -2"},
		{"too many dims", h, ok, 16388, "dims is 16388"},
	} {
		dir := filepath.Join(t.TempDir(), "points")
		_, err := WriteProjector(dir, memory(t, c.h, c.rows), ProjectorOptions{Dims: c.dims})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a folder was made: %v", c.name, err)
		}
	}
	m := memory(t, h, recordtest.Rows(h, 6, 1))
	if _, err := WriteProjector(filepath.Join(t.TempDir(), "x"), damaged{m}, ProjectorOptions{}); !errors.Is(err, errDamaged) {
		t.Errorf("a damaged row: %v", err)
	}
	if _, err := WriteProjector(save(t, t.TempDir(), "file", nil), memory(t, h, ok), ProjectorOptions{}); err == nil {
		t.Error("a file was taken for a folder")
	}
}

// A link at the place of a file is replaced, and what it points to stays as it was.
func TestWriteProjectorLink(t *testing.T) {
	h := recordtest.Header(2)
	m := memory(t, h, recordtest.Rows(h, 2, 1))
	for _, name := range []string{
		tensorsText, tensorsBytes, metadataFile, configText, configJSON, EventFileName,
	} {
		dir := t.TempDir()
		victim := save(t, t.TempDir(), "victim", []byte("precious"))
		if err := os.Symlink(victim, filepath.Join(dir, name)); err != nil {
			t.Skipf("no symbolic link can be made here: %v", err)
		}
		if _, err := WriteProjector(dir, m, ProjectorOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := WriteEventFolder(dir, m); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(victim); string(b) != "precious" {
			t.Errorf("%s: the file behind the link is %q, %v", name, b, err)
		}
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s is not a file: %v", name, err)
		}
	}
}
