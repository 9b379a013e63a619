package audit

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sgdwalk/record/exchange"
	"sgdwalk/record/half"
)

// tensor is one tensor of a checkpoint in memory.
type tensor struct {
	name   string
	typ    string // float32, float16 or bfloat16
	shape  []int
	values []float32
	shard  int
}

// checkpoint is one checkpoint in memory. A checkpoint without tensors is written as a damaged
// file.
type checkpoint struct {
	step    int64
	tensors []tensor
}

// clone returns a copy whose tensors can be changed.
func (c checkpoint) clone() checkpoint {
	c.tensors = slices.Clone(c.tensors)
	for i := range c.tensors {
		c.tensors[i].values = slices.Clone(c.tensors[i].values)
	}
	return c
}

// at returns a copy under another step.
func (c checkpoint) at(step int64) checkpoint {
	c = c.clone()
	c.step = step
	return c
}

// safetensors returns the bytes of a file with these tensors.
func safetensors(t testing.TB, tensors []tensor) []byte {
	t.Helper()
	types := map[string]string{"float32": "F32", "float16": "F16", "bfloat16": "BF16"}
	head, at := []byte("{"), 0
	var body []byte
	for i, x := range tensors {
		for _, v := range x.values {
			switch x.typ {
			case "float16":
				body = binary.LittleEndian.AppendUint16(body, half.ToFloat16(v))
			case "bfloat16":
				body = binary.LittleEndian.AppendUint16(body, half.ToBFloat16(v))
			default:
				body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
			}
		}
		info, err := json.Marshal(map[string]any{"dtype": types[x.typ], "shape": x.shape, "data_offsets": []int{at, len(body)}})
		if err != nil {
			t.Fatal(err)
		}
		at = len(body)
		if i > 0 {
			head = append(head, ',')
		}
		head = fmt.Appendf(head, "%q:%s", x.name, info)
	}
	head = append(head, '}')
	for len(head)%8 != 0 {
		head = append(head, ' ')
	}
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head, body)
}

// writeSeries writes every checkpoint into a folder of its step, in one file or in one for each shard.
// Equal checkpoints of known, by the address of their first values, are linked from there.
func writeSeries(t testing.TB, dir string, series []checkpoint, known map[*float32]string) {
	t.Helper()
	for _, c := range series {
		folder := filepath.Join(dir, fmt.Sprintf("step%d", c.step))
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(folder, "model.safetensors")
		if c.tensors == nil {
			if err := os.WriteFile(path, []byte("\x40\x00\x00\x00\x00\x00\x00\x00{\"cut"), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if same := known[&c.tensors[0].values[0]]; same != "" && os.Link(same, path) == nil {
			continue
		}
		shards := map[int][]tensor{}
		for _, x := range c.tensors {
			shards[x.shard] = append(shards[x.shard], x)
		}
		if len(shards) == 1 {
			writeFile(t, path, safetensors(t, c.tensors))
			continue
		}
		index := map[string]string{}
		for k, tensors := range shards {
			name := fmt.Sprintf("model-%05d-of-%05d.safetensors", k+1, len(shards))
			writeFile(t, filepath.Join(folder, name), safetensors(t, tensors))
			for _, x := range tensors {
				index[x.name] = name
			}
		}
		text, err := json.Marshal(map[string]any{"weight_map": index})
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, path+".index.json", text)
	}
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// readSeries reads a folder of checkpoints into memory.
func readSeries(t testing.TB, dir string) []checkpoint {
	t.Helper()
	c, err := exchange.OpenCatalog([]string{dir}, exchange.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var out []checkpoint
	for i, e := range c.Entries {
		file, err := c.Open(i)
		if err != nil {
			t.Fatal(err)
		}
		k := checkpoint{step: e.Step}
		for j, x := range e.Tensors {
			values := make([]float32, 0, x.Len())
			err := file.Values(j, make([]float32, partLen), func(part []float32) error {
				values = append(values, part...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			k.tensors = append(k.tensors, tensor{name: x.Name, typ: x.Type, shape: x.Shape, values: values})
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}

// auditSeries audits a series that is written into a new folder.
func auditSeries(t testing.TB, series []checkpoint, known map[*float32]string) *Result {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "series")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	writeSeries(t, dir, series, known)
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

// walk describes a simulated training: weights that drift to a target and diffuse around it.
type walk struct {
	seed     uint64
	steps    []int64
	rate     func(progress float64) float64 // the learning rate, relative to the first one; nil is constant
	pull     float64                        // how fast the weights approach their target, per step
	average  bool                           // checkpoints have exponential averages of the weights
	typ      string                         // of the files; "" is float32
	shards   int                            // files of a checkpoint; 0 is one
	restarts []int64                        // steps at which the embedding is initialized again
}

// shapes of the simulated model.
var shapes = []struct {
	name  string
	shape []int
}{
	{"embed.weight", []int{40, 16}},
	{"block.norm.weight", []int{16}},
	{"block.norm.bias", []int{16}},
	{"block.up.weight", []int{48, 16}},
	{"block.up.bias", []int{48}},
	{"block.down.weight", []int{16, 48}},
	{"block.down.bias", []int{16}},
	{"head.weight", []int{40, 16}},
}

// simulate returns the checkpoints of a simulated training. Each saved step adds the drift and the
// noise of all steps since the last one.
func simulate(w walk) []checkpoint {
	r := rand.New(rand.NewPCG(w.seed, 99))
	var theta, target, mean [][]float32
	for _, s := range shapes {
		n := 1
		for _, d := range s.shape {
			n *= d
		}
		start, end := make([]float32, n), make([]float32, n)
		for i := range start {
			end[i] = float32(0.3 * r.NormFloat64())
			switch {
			case len(s.shape) == 2:
				start[i] = float32(0.25 * r.NormFloat64())
			case s.name == "block.norm.weight":
				start[i] = 1
				end[i] += 1
			}
		}
		theta, target, mean = append(theta, start), append(target, end), append(mean, slices.Clone(start))
	}
	if w.typ == "" {
		w.typ = "float32"
	}
	last := w.steps[len(w.steps)-1]
	var out []checkpoint
	for k, step := range w.steps {
		if k > 0 {
			w.advance(r, theta, target, mean, w.steps[k-1], step, last)
		}
		values := theta
		if w.average {
			values = mean
		}
		c := checkpoint{step: step}
		for i, s := range shapes {
			shard := 0
			if w.shards > 1 {
				shard = i * w.shards / len(shapes)
			}
			c.tensors = append(c.tensors, tensor{s.name, w.typ, s.shape, slices.Clone(values[i]), shard})
		}
		out = append(out, c)
	}
	return out
}

// advance moves the weights from one step to another.
func (w *walk) advance(r *rand.Rand, theta, target, mean [][]float32, from, to, last int64) {
	rate := 1.0
	if w.rate != nil {
		rate = w.rate(float64(from) / float64(last))
	}
	lag := float64(to - from)
	keep := math.Exp(-w.pull * rate * lag)
	noise := 0.002 * rate * math.Sqrt(lag)
	for i := range theta {
		if i == 0 && slices.ContainsFunc(w.restarts, func(s int64) bool { return from < s && s <= to }) {
			for j := range theta[i] {
				theta[i][j] = float32(0.25 * r.NormFloat64())
			}
		}
		for j, v := range theta[i] {
			theta[i][j] = target[i][j] + float32(keep)*(v-target[i][j]) + float32(noise*r.NormFloat64())
			share := float32(1 - math.Exp(-lag/20))
			mean[i][j] += share * (theta[i][j] - mean[i][j])
		}
	}
}

// grid returns the steps 0, 1, 2, 4 ... 64, 100, 200 ... up to last.
func grid(last int64) []int64 {
	steps := []int64{0, 1, 2, 4, 8, 16, 32, 64}
	for s := int64(100); s <= last; s += 100 {
		steps = append(steps, s)
	}
	return steps
}
