package audit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/record/half"
)

// fault damages a series at a random place, and says what an audit must report.
type fault struct {
	name string
	// inject changes the series, and returns the steps and the tensor that findings must name; ""
	// is the whole checkpoint. other is a series of another seed on the same steps.
	inject func(r *rand.Rand, s, other []checkpoint) ([]checkpoint, []int64, string)
}

// anyTensor returns the index of a parameter. Biases before a batch normalization move by
// rounding only, so nothing can be said about them.
func anyTensor(r *rand.Rand, c checkpoint) int {
	for {
		i := r.IntN(len(c.tensors))
		name := c.tensors[i].name
		if !strings.Contains(name, "running") && !strings.HasPrefix(name, "conv") || strings.HasSuffix(name, "weight") {
			return i
		}
	}
}

// steadyTensor returns the index of a tensor with at least minSteady elements.
func steadyTensor(r *rand.Rand, c checkpoint) int {
	for {
		if i := anyTensor(r, c); len(c.tensors[i].values) >= minSteady {
			return i
		}
	}
}

// otherPlace returns a place that is not i. The first two checkpoints of a warm-up are equal.
func otherPlace(r *rand.Rand, n, i int) int {
	for {
		if j := r.IntN(n); j != i && i+j > 1 {
			return j
		}
	}
}

func rounded(v []float32) []float32 {
	out := make([]float32, len(v))
	for i := range v {
		out[i] = half.FromBFloat16(half.ToBFloat16(v[i]))
	}
	return out
}

// change replaces checkpoint i by a copy that use has changed.
func change(s []checkpoint, i int, use func(c *checkpoint)) []int64 {
	s[i] = s[i].clone()
	use(&s[i])
	return []int64{s[i].step}
}

var faults = []fault{
	{"a checkpoint of another step", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		s[i] = s[otherPlace(r, len(s), i)].at(s[i].step)
		return s, []int64{s[i].step}, ""
	}},
	{"the checkpoint of the end", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s) - 1)
		s[i] = s[len(s)-1].at(s[i].step)
		return s, []int64{s[i].step}, ""
	}},
	{"the checkpoint of the end in most steps", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		var steps []int64
		for _, i := range r.Perm(len(s) - 2)[:len(s)*86/154] {
			s[i] = s[len(s)-1].at(s[i].step)
			steps = append(steps, s[i].step)
		}
		return s, steps, ""
	}},
	{"three equal checkpoints in a row", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := 2 + r.IntN(len(s)-4)
		s[i+1], s[i+2] = s[i].at(s[i+1].step), s[i].at(s[i+2].step)
		return s, []int64{s[i+2].step}, ""
	}},
	{"a rounded checkpoint of another step", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		s[i] = s[otherPlace(r, len(s), i)].at(s[i].step)
		return s, change(s, i, func(c *checkpoint) {
			for k := range c.tensors {
				c.tensors[k].values = rounded(c.tensors[k].values)
			}
		}), ""
	}},
	{"a tensor of another step", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		j, k := otherPlace(r, len(s), i), anyTensor(r, s[i])
		for slices.Equal(s[i].tensors[k].values, s[j].tensors[k].values) { // both zero at the start
			j = otherPlace(r, len(s), i)
		}
		return s, change(s, i, func(c *checkpoint) { c.tensors[k].values = s[j].tensors[k].values }), s[i].tensors[k].name
	}},
	{"half of the tensors of the end", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s) - 1)
		end := s[len(s)-1]
		return s, change(s, i, func(c *checkpoint) { copy(c.tensors, end.tensors[:len(end.tensors)/2]) }), s[i].tensors[0].name
	}},
	{"two steps exchanged", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := 1 + r.IntN(len(s)-2)
		j := i
		for i == j {
			j = 1 + r.IntN(len(s)-2)
		}
		s[i], s[j] = s[j].at(s[i].step), s[i].at(s[j].step)
		return s, []int64{s[i].step, s[j].step}, ""
	}},
	{"two neighbours exchanged", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := 1 + r.IntN(len(s)-3)
		s[i], s[i+1] = s[i+1].at(s[i].step), s[i].at(s[i+1].step)
		return s, []int64{s[i].step}, ""
	}},
	{"a checkpoint of another training", func(r *rand.Rand, s, other []checkpoint) ([]checkpoint, []int64, string) {
		i := 1 + r.IntN(len(s)-1)
		s[i] = other[i]
		return s, []int64{s[i].step}, ""
	}},
	{"the start of another training", func(_ *rand.Rand, s, other []checkpoint) ([]checkpoint, []int64, string) {
		s[0] = other[0]
		return s, []int64{0}, ""
	}},
	{"a branch of another training", func(r *rand.Rand, s, other []checkpoint) ([]checkpoint, []int64, string) {
		i := 2 + r.IntN(len(s)-4)
		copy(s[i:], other[i:])
		return s, []int64{s[i].step}, ""
	}},
	{"a tensor of another training", func(r *rand.Rand, s, other []checkpoint) ([]checkpoint, []int64, string) {
		i := 1 + r.IntN(len(s)-1)
		k := steadyTensor(r, s[i])
		return s, change(s, i, func(c *checkpoint) { c.tensors[k].values = other[i].tensors[k].values }), s[i].tensors[k].name
	}},
	{"a missing step", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s) - 1)
		step := s[i].step
		return slices.Delete(s, i, i+1), []int64{step}, ""
	}},
	{"a rounded step", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		return s, change(s, i, func(c *checkpoint) {
			for k := range c.tensors {
				c.tensors[k].values = rounded(c.tensors[k].values)
			}
		}), ""
	}},
	{"another element type", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		k := anyTensor(r, s[i])
		return s, change(s, i, func(c *checkpoint) { c.tensors[k].typ = "bfloat16" }), s[i].tensors[k].name
	}},
	{"another shape", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		k := anyTensor(r, s[i])
		return s, change(s, i, func(c *checkpoint) { c.tensors[k].shape = []int{1, len(c.tensors[k].values)} }), s[i].tensors[k].name
	}},
	{"a missing tensor", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		k := anyTensor(r, s[i])
		name := s[i].tensors[k].name
		return s, change(s, i, func(c *checkpoint) { c.tensors = slices.Delete(c.tensors, k, k+1) }), name
	}},
	{"another order", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		return s, change(s, i, func(c *checkpoint) { slices.Reverse(c.tensors) }), ""
	}},
	{"a NaN", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		k := anyTensor(r, s[i])
		return s, change(s, i, func(c *checkpoint) {
			v := c.tensors[k].values
			v[r.IntN(len(v))] = float32(math.NaN())
		}), s[i].tensors[k].name
	}},
	{"an infinity", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		k := anyTensor(r, s[i])
		return s, change(s, i, func(c *checkpoint) {
			v := c.tensors[k].values
			v[r.IntN(len(v))] = float32(math.Inf(-1))
		}), s[i].tensors[k].name
	}},
	{"a tensor of zeros", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := 4 + r.IntN(len(s)-4)
		k := anyTensor(r, s[i])
		return s, change(s, i, func(c *checkpoint) { clear(c.tensors[k].values) }), s[i].tensors[k].name
	}},
	{"a tensor that stops changing", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := 3 + r.IntN(len(s)-6)
		k := anyTensor(r, s[i])
		for q := i + 1; q < len(s); q++ {
			change(s, q, func(c *checkpoint) { c.tensors[k].values = s[i].tensors[k].values })
		}
		return s, []int64{s[i].step}, s[i].tensors[k].name
	}},
	{"a tensor that never changes", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		k := steadyTensor(r, s[0])
		for q := 1; q < len(s); q++ {
			change(s, q, func(c *checkpoint) { c.tensors[k].values = s[0].tensors[k].values })
		}
		return s, []int64{-1}, s[0].tensors[k].name
	}},
	{"a damaged file", func(r *rand.Rand, s, _ []checkpoint) ([]checkpoint, []int64, string) {
		i := r.IntN(len(s))
		s[i] = checkpoint{step: s[i].step}
		return s, []int64{s[i].step}, ""
	}},
}

// injected is the outcome of one injection.
type injected struct {
	missed []int64 // steps that no finding names
	extra  []Finding
	result *Result
}

// inject injects a fault and audits the series.
func inject(t testing.TB, f fault, seed uint64, own, other []checkpoint, known map[*float32]string) injected {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	s, steps, name := f.inject(r, slices.Clone(own), other)
	out := injected{result: auditSeries(t, s, known)}
	found := map[int64]bool{}
	for _, x := range out.result.List {
		if x.Severity == Event {
			continue
		}
		hit := false
		for _, step := range steps {
			isDoubtful := len(x.OrSteps) > 0 && *x.FitsStep == step // of two neighbours with equal values
			if (x.Step == step || isDoubtful) && (name == "" || slices.Contains(x.Tensors, name)) || x.Check == WrongOrder && slices.Contains(x.Steps, step) {
				found[step], hit = true, true
			}
		}
		if !hit {
			out.extra = append(out.extra, x)
		}
	}
	for _, step := range steps {
		if !found[step] {
			out.missed = append(out.missed, step)
		}
	}
	return out
}

// texts writes findings that are not events, for a message.
func texts(findings []Finding) string {
	var out strings.Builder
	for _, f := range findings {
		if f.Severity != Event && out.Len() < 2000 {
			fmt.Fprintf(&out, "\n\t%s: %s", f.Check, f.Text)
		}
	}
	return out.String()
}

// Every fault is found, with its step and tensor, at random places of a simulated training.
func TestFaultsAreFound(t *testing.T) {
	steps := grid(3000)
	decay := func(p float64) float64 { return 0.1 + 0.9*math.Cos(p*math.Pi/2) }
	own := simulate(walk{seed: 1, steps: steps, rate: decay, pull: 0.002})
	other := simulate(walk{seed: 2, steps: steps, rate: decay, pull: 0.002})
	if r := auditSeries(t, own, nil); r.Faults+r.Warnings > 0 {
		t.Fatalf("the sound series has findings:%s", texts(r.List))
	}
	places := 8
	if testing.Short() {
		places = 2
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			for seed := range places {
				if x := inject(t, f, uint64(seed), own, other, nil); len(x.missed) > 0 {
					t.Errorf("place %d: not found at steps %v; found:%s", seed, x.missed, texts(x.result.List))
				}
			}
		})
	}
}

// Many checkpoints at wrong steps do not hide each other: the limits do not adapt to them.
func TestManyExchangedSteps(t *testing.T) {
	own := simulate(walk{seed: 1, steps: grid(10000), pull: 0.0005})
	wrong, named, misnamed := 0, 0, 0
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := slices.Clone(own)
		order := r.Perm(len(s) - 20)
		isWrong := map[int64]bool{}
		for k := 0; k+1 < len(s)/4; k += 2 {
			i, j := 10+order[k], 10+order[k+1]
			if max(i-j, j-i) < 3 { // neighbours among exchanged ones are not told apart
				continue
			}
			s[i], s[j] = s[j].at(s[i].step), s[i].at(s[j].step)
			isWrong[s[i].step], isWrong[s[j].step] = true, true
		}
		wrong += len(isWrong)
		for _, f := range auditSeries(t, s, nil).List {
			switch {
			case f.Severity != Event && isWrong[f.Step]:
				named++
			case f.Severity != Event:
				misnamed++
			}
		}
	}
	if wrong < 60 || named < wrong*9/10 || misnamed > wrong/20 {
		t.Errorf("%d of %d exchanged steps are named, want at least nine tenths; %d others are, want at most a twentieth",
			named, wrong, misnamed)
	}
}

// A series that is too long for a stored matrix of distances has the same findings.
func TestFaultsInALongSeries(t *testing.T) {
	steps := make([]int64, mostStored+50)
	for i := range steps {
		steps[i] = int64(i)
	}
	s := simulate(walk{seed: 1, steps: steps, pull: 0.0005})
	other := simulate(walk{seed: 2, steps: steps[:3], pull: 0.0005})
	for _, series := range [][]checkpoint{s, other} {
		for i := range series {
			series[i].tensors = series[i].tensors[:4]
		}
	}
	s[400] = other[2].at(400)
	s[700], s[701] = s[701].at(700), s[700].at(701)
	s[1500] = s[900].at(1500)
	change(s, 1500, func(c *checkpoint) {
		for k := range c.tensors {
			c.tensors[k].values = rounded(c.tensors[k].values)
		}
	})
	var found []string
	for _, f := range auditSeries(t, s, nil).List {
		switch {
		case f.Severity == Event:
		case f.FitsStep != nil:
			found = append(found, fmt.Sprint(f.Check, " ", f.Step, " fits ", *f.FitsStep))
		default:
			found = append(found, fmt.Sprint(f.Check, " ", f.Step))
		}
	}
	slices.Sort(found)
	want := []string{"other_step 1500 fits 900", "outlier 400", "rounded 1500", "wrong_order 700"}
	if !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}

// SGDWALK_AUDIT has pairs of folders with real series, OWN:OTHER, separated by commas; OTHER is a
// training with another seed on the same steps. SGDWALK_AUDIT_PLACES is the number of places,
// by default 100.
func TestFaultsAreFoundInRealSeries(t *testing.T) {
	pairs := os.Getenv("SGDWALK_AUDIT")
	if pairs == "" {
		t.Skip("SGDWALK_AUDIT names no folders with real series")
	}
	places := 100
	if text := os.Getenv("SGDWALK_AUDIT_PLACES"); text != "" {
		var err error
		if places, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, pair := range strings.Split(pairs, ",") {
		a, b, _ := strings.Cut(pair, ":")
		own, other := readSeries(t, a), readSeries(t, b)
		base := t.TempDir()
		writeSeries(t, base, own, nil)
		known := map[*float32]string{}
		for _, c := range own {
			known[&c.tensors[0].values[0]] = filepath.Join(base, fmt.Sprintf("step%d", c.step), "model.safetensors")
		}
		if r := auditSeries(t, own, known); r.Faults+r.Warnings > 0 {
			t.Errorf("%s: the sound series has findings:%s", a, texts(r.List))
		}
		for _, f := range faults {
			missed, extra := 0, 0
			for seed := range places {
				x := inject(t, f, uint64(seed), own, other, nil)
				if len(x.missed) > 0 {
					missed++
					t.Errorf("%s: %s, place %d: not found at steps %v; found:%s", a, f.name, seed, x.missed, texts(x.result.List))
				}
				if len(x.extra) > 0 {
					extra++
					if extra <= 3 {
						t.Logf("%s: %s, place %d: further findings:%s", a, f.name, seed, texts(x.extra))
					}
				}
			}
			t.Logf("%s: %s: found at %d of %d places; at %d of them there are further findings", a, f.name, places-missed, places,
				extra)
		}
	}
}

// A weight of another training is found also where the walk is so fast that its distances do not show
// it.
func TestStrangerInAFastWalk(t *testing.T) {
	steps := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8}
	own := simulate(walk{seed: 1, steps: steps, pull: 0.35})
	other := simulate(walk{seed: 2, steps: steps, pull: 0.35})
	for i := 2; i < 7; i++ {
		s := slices.Clone(own)
		change(s, i, func(c *checkpoint) { c.tensors[3].values = other[i].tensors[3].values })
		r := auditSeries(t, s, nil)
		if !slices.ContainsFunc(r.List, func(f Finding) bool {
			return f.Check == Outlier && f.Step == steps[i] && slices.Equal(f.Tensors, []string{"block.up.weight"})
		}) {
			t.Errorf("step %d: found:%s", i, texts(r.List))
		}
	}
}
