package dataset

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func mustOpen(t *testing.T, spec string, o Options) *Data {
	t.Helper()
	d, err := Open(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	checkSet(t, d.Train)
	checkSet(t, d.Test)
	return d
}

// checkSet checks what every loader promises.
func checkSet(t *testing.T, s Set) {
	t.Helper()
	if len(s.Inputs) != s.Len()*s.Size() {
		t.Fatalf("%d inputs for %d examples of %d values", len(s.Inputs), s.Len(), s.Size())
	}
	for i, l := range s.Labels {
		if l < 0 || int(l) >= s.Classes {
			t.Fatalf("label %d is %d of %d classes", i, l, s.Classes)
		}
	}
}

func TestDigits(t *testing.T) {
	d := mustOpen(t, "digits", Options{})
	h := d.Header()
	// The hash fixes the embedded file, the split and the definition of the hash.
	// If it changes, every recorded run loses its data.
	want := "sha256:f72f656e3001ace0cd03f4810221b4159a2f5483427aa5843da7ca04a492ef7b"
	if h.Hash != want {
		t.Errorf("hash is %s, want %s", h.Hash, want)
	}
	if h.TrainExamples != 1438 || h.TestExamples != 359 || h.Height != 8 || h.Width != 8 || h.Channels != 1 ||
		h.Classes != 10 {
		t.Errorf("header is %+v", h)
	}
	if h.Split != "the first 1438 of the 1797 examples of the digits train, the last 359 are held out" ||
		h.Scaling != "pixel/16" || h.Spec != "digits" {
		t.Errorf("header is %+v", h)
	}
	// First row of the published file: a zero.
	want8 := []float32{0, 0, 5. / 16, 13. / 16, 9. / 16, 1. / 16, 0, 0}
	if diff := cmp.Diff(want8, d.Train.Example(0)[:8]); diff != "" || d.Train.Labels[0] != 0 {
		t.Errorf("first row is wrong:\n%s", diff)
	}
	if d.Test.Labels[358] != 8 {
		t.Errorf("last label is %d, want 8", d.Test.Labels[358])
	}
	if lo, hi := slices.Min(d.Train.Inputs), slices.Max(d.Train.Inputs); lo != 0 || hi != 1 {
		t.Errorf("inputs from %v to %v, want 0 to 1", lo, hi)
	}
}

func TestHoldoutAndCanonicalSpec(t *testing.T) {
	a := mustOpen(t, "digits", Options{Holdout: 0.29, Pad: 2, Augment: Augmentation{Crop: 1, Flip: true}})
	if a.Test.Len() != 521 { // floor(1797*0.29) = floor(521.13)
		t.Errorf("%d held out, want 521", a.Test.Len())
	}
	if a.Spec != "digits?holdout=0.29&pad=2&crop=1&flip=1" {
		t.Errorf("spec is %q", a.Spec)
	}
	b := mustOpen(t, a.Spec, Options{})
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the spec does not open the same:\n%s", diff)
	}
	plain := mustOpen(t, "digits", Options{Holdout: 0.29})
	if a.Hash == plain.Hash {
		t.Error("padded images have the hash of the plain ones")
	}
	for i := range 8 {
		row := a.Train.Example(3)[(i+2)*12:][:12]
		if diff := cmp.Diff(append(append([]float32{0, 0}, plain.Train.Example(3)[i*8:][:8]...), 0, 0),
			row); diff != "" {
			t.Fatalf("row %d of the padded image:\n%s", i, diff)
		}
	}
	// 100*0.29 is 28.999999999999996 in floating point.
	s := Set{Height: 1, Width: 1, Channels: 1, Classes: 1, Inputs: make([]float32, 100), Labels: make([]int32, 100)}
	if _, test, _, _ := split(source{train: s}, Options{Holdout: 0.29}); test.Len() != 29 {
		t.Errorf("%d of 100 held out at 0.29, want 29", test.Len())
	}
}

// TestLimit: a limit takes the first examples of each part, after the split.
func TestLimit(t *testing.T) {
	all := mustOpen(t, "digits", Options{})
	d := mustOpen(t, "digits?limit=400", Options{})
	if d.Train.Len() != 400 || d.Test.Len() != 359 || d.Spec != "digits?limit=400" || d.Hash == all.Hash {
		t.Errorf("%d train, %d held out, spec %q", d.Train.Len(), d.Test.Len(), d.Spec)
	}
	if !strings.HasSuffix(d.Split, "; of each part the first 400 at most are taken") {
		t.Errorf("split is %q", d.Split)
	}
	if !slices.Equal(d.Train.Inputs, all.Train.Subset(0, 400).Inputs) || !slices.Equal(d.Test.Labels, all.Test.Labels) {
		t.Error("the examples are not the first ones")
	}
	if d := mustOpen(t, "digits?limit=5000", Options{}); d.Hash != all.Hash || strings.Contains(d.Split, "at most") {
		t.Error("a limit above the number of examples changes something")
	}
	if d := mustOpen(t, "digits?limit=40&pad=1", Options{}); d.Train.Len() != 40 || d.Train.Height != 10 ||
		d.Test.Len() != 40 {
		t.Errorf("with pad: %d of %d pixels", d.Train.Len(), d.Train.Height)
	}
}

func TestSpread(t *testing.T) {
	all := mustOpen(t, "digits", Options{})
	labels := slices.Concat(all.Train.Labels, all.Test.Labels)
	d := mustOpen(t, "digits?spread=1", Options{})
	if d.Train.Len() != 1438 || d.Test.Len() != 359 || d.Spec != "digits?spread=1" || d.Hash == all.Hash ||
		d.Split != "359 of the 1797 examples of the digits, evenly spread, are held out, the other 1438 train" {
		t.Errorf("%+v", d.Header())
	}
	// Merged in their original order, the two sets contain all examples.
	var train, test int
	for i := range 1797 {
		from, k := all.Train, i
		if i >= 1438 {
			from, k = all.Test, i-1438
		}
		switch want := from.Example(k); {
		case test < 359 && slices.Equal(d.Test.Example(test), want) && d.Test.Labels[test] == labels[i]:
			if gap := i - 5*test; gap < 4 || gap > 6 {
				t.Fatalf("held-out example %d is number %d: not evenly spread", test, i)
			}
			test++
		case train < 1438 && slices.Equal(d.Train.Example(train), want) && d.Train.Labels[train] == labels[i]:
			train++
		default:
			t.Fatalf("example %d is in neither set", i)
		}
	}
	if train != 1438 || test != 359 {
		t.Errorf("%d train and %d are held out", train, test)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "n")
		held := rapid.IntRange(0, n-1).Draw(t, "held")
		train, test := spread(ramp(n, 1, 1, 1), held)
		if train.Len() != n-held || test.Len() != held {
			t.Fatalf("%d and %d of %d, want %d held out", train.Len(), test.Len(), n, held)
		}
	})
}

func TestSpirals(t *testing.T) {
	d := mustOpen(t, "spirals?examples=4000&noise=0.001", Options{Seed: 3})
	if d.Spec != "spirals?examples=4000&noise=0.001&seed=3" {
		t.Errorf("spec is %q", d.Spec)
	}
	if diff := cmp.Diff(d, mustOpen(t, d.Spec, Options{})); diff != "" {
		t.Errorf("the spec does not open the same:\n%s", diff)
	}
	if d.Hash == mustOpen(t, "spirals?examples=4000&noise=0.001&seed=4", Options{}).Hash {
		t.Error("another seed gives the same data")
	}
	// The inverse of the definition: from the radius the angle, and from it the
	// arm.
	inner := 0
	for i := range d.Train.Len() {
		x, y := float64(d.Train.Example(i)[0]), float64(d.Train.Example(i)[1])
		r := math.Hypot(x, y)
		if r < 0.1 {
			continue
		}
		turn := math.Mod(math.Atan2(y, x)/math.Pi-3*r+20, 2) // 0 on arm 0, 1 on arm 1
		if got := int32(math.Round(turn)) % 2; got != d.Train.Labels[i] {
			t.Fatalf("example %d at (%v, %v) lies on arm %d, its label is %d", i, x, y, got, d.Train.Labels[i])
		}
		if r < math.Sqrt(0.5) {
			inner++
		}
	}
	// t is the root of a uniform number: half of the points are inside of
	// sqrt(1/2); 4 standard deviations of 3200 coin flips are 113.
	if math.Abs(float64(inner)+0.01*3200-1600) > 113 {
		t.Errorf("%d of 3200 points between 0.1 and sqrt(1/2), want about 1568", inner)
	}
	var ones int
	for _, l := range d.Test.Labels {
		ones += int(l)
	}
	if ones*2 != d.Test.Len() {
		t.Errorf("%d of %d held-out examples have label 1", ones, d.Test.Len())
	}
}

func TestOptionErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		spec string
		o    Options
		want string
	}{
		{"", Options{}, `data set is ""; allowed is ` + Specs()},
		{"imagenet", Options{}, `data set is "imagenet"; allowed is ` + Specs()},
		{"mnist", Options{}, `data set is "mnist"; allowed is mnist:DIR with the directory of its files`},
		{"cifar10:", Options{}, `allowed is cifar10:DIR`},
		{"digits:x", Options{}, `data set is "digits:x"; allowed is digits without a directory`},
		{"digits", Options{Holdout: 1}, "holdout is 1; allowed is a fraction between 0 and 1, both excluded"},
		{"digits", Options{Holdout: -0.1}, "holdout is -0.1"},
		{"digits?holdout=NaN", Options{}, "holdout is NaN"},
		{"digits?holdout=0", Options{}, `holdout is "0"`},
		{"digits?holdout=abc", Options{}, `holdout is "abc"`},
		{"digits?holdout=0.5&holdout=0.5", Options{}, "holdout is given twice"},
		{"digits?holdout=0.5", Options{Holdout: 0.5}, "holdout is given twice"},
		{
			"digits?shuffle=1",
			Options{},
			`option of the data set is "shuffle"; allowed is holdout, spread, limit, pad, crop, flip, classes, examples, ` +
				`noise, seed`,
		},
		{
			"digits?seed=1",
			Options{},
			`option of the data set digits is "seed"; allowed is holdout, spread, limit, pad, crop, flip`,
		},
		{"digits?limit=-3", Options{}, "limit is -3; allowed is 1 or more examples"},
		{"spirals?limit=3", Options{}, `option of the data set spirals is "limit"`},
		{"digits?pad=-1", Options{}, "pad is -1; allowed is 0 to 64 pixels"},
		{"digits?crop=65", Options{}, "crop is 65; allowed is 0 to 64 pixels"},
		{"digits?flip=yes", Options{}, `flip is "yes"; allowed is 0 or 1`},
		{"spirals?pad=2", Options{}, `option of the data set spirals is "pad"`},
		{"spirals?examples=9", Options{}, "examples is 9; allowed is 10 to 10000000"},
		{"spirals?noise=-1", Options{}, "noise is -1; allowed is above 0, at most 10"},
		{"spirals?seed=-1", Options{}, `seed is "-1"`},
		{"mnist:" + dir + "?seed=1", Options{}, `option of the data set mnist is "seed"`},
	} {
		_, err := Open(c.spec, c.o)
		var oe *OptionError
		if !errors.As(err, &oe) || !strings.Contains(err.Error(), c.want) ||
			!strings.HasPrefix(err.Error(), "dataset: ") {
			t.Errorf("Open(%q, %+v): %v, want an option error with %q", c.spec, c.o, err, c.want)
		}
	}
}

func TestQuestionMarkInDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "what?")
	writePart(t, dir, "train", "-", "", 10, 2, 2)
	if d := mustOpen(t, "mnist:"+dir, Options{}); d.Train.Len() != 8 {
		t.Errorf("%d training examples, want 8", d.Train.Len())
	}
}

func TestGather(t *testing.T) {
	d := mustOpen(t, "digits", Options{})
	rapid.Check(t, func(t *rapid.T) {
		indices := rapid.SliceOfN(rapid.IntRange(0, d.Train.Len()-1), 0, 9).Draw(t, "indices")
		inputs, labels := make([]float32, 9*64), make([]int32, 9)
		Gather(d.Train, indices, inputs, labels)
		for k, i := range indices {
			if !slices.Equal(inputs[k*64:(k+1)*64], d.Train.Example(i)) || labels[k] != d.Train.Labels[i] {
				t.Fatalf("place %d is not example %d", k, i)
			}
		}
		for k := len(indices) * 64; k < len(inputs); k++ {
			if inputs[k] != 0 {
				t.Fatalf("input %d past the batch was written", k)
			}
		}
	})
}

func TestSubsetSharesNoFurtherMemory(t *testing.T) {
	d := mustOpen(t, "digits", Options{})
	s := d.Train.Subset(10, 20)
	if s.Len() != 10 || !slices.Equal(s.Example(0), d.Train.Example(10)) || cap(s.Inputs) != 640 ||
		cap(s.Labels) != 10 {
		t.Errorf("subset has %d examples, room for %d inputs and %d labels", s.Len(), cap(s.Inputs), cap(s.Labels))
	}
}

// mnistDirectory returns the directory of the real MNIST files. Without them it
// skips the test.
func mnistDirectory(t *testing.T) string {
	t.Helper()
	root := os.Getenv("SGDWALK_DATA")
	if root == "" {
		t.Skip("SGDWALK_DATA names no directory that has mnist/")
	}
	return filepath.Join(root, "mnist")
}

func TestRealMNIST(t *testing.T) {
	d := mustOpen(t, "mnist:"+mnistDirectory(t), Options{})
	if d.Train.Height != 28 || d.Train.Width != 28 || d.Train.Channels != 1 || d.Train.Classes != 10 {
		t.Fatalf("shape %dx%dx%d, %d classes", d.Train.Height, d.Train.Width, d.Train.Channels, d.Train.Classes)
	}
	if d.Train.Len()+d.Test.Len() == 10000 {
		if want := "the first 8000 of the 10000 examples of the published test part train, the last 2000 are held " +
			"out; the published training part is absent"; d.Split != want {
			t.Errorf("split is %q, want %q", d.Split, want)
		}
		// The published test labels begin with these, and have this many of each
		// digit.
		if diff := cmp.Diff([]int32{7, 2, 1, 0, 4, 1, 4, 9, 5, 9}, d.Train.Labels[:10]); diff != "" {
			t.Error(diff)
		}
		var counts [10]int
		for _, l := range slices.Concat(d.Train.Labels, d.Test.Labels) {
			counts[l]++
		}
		if want := [10]int{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}; counts != want {
			t.Errorf("digits occur %v times, want %v", counts, want)
		}
	}
	// A picture's mean brightness is about 0.13 for MNIST; a wrong scale would
	// show.
	var sum float64
	for _, v := range d.Train.Inputs {
		sum += float64(v)
	}
	if mean := sum / float64(len(d.Train.Inputs)); mean < 0.12 || mean > 0.14 {
		t.Errorf("mean input is %v, want 0.13", mean)
	}
}
