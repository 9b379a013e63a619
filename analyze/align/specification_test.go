package align

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sgdwalk/record"
)

// tensor describes a tensor in a test; the axes are separated by spaces, and - is no name.
func tensor(name, axes string, shape ...int) record.Tensor {
	t := record.Tensor{Name: name, Kind: record.Other, Shape: shape, Axes: strings.Fields(axes)}
	for i, a := range t.Axes {
		if a == "-" {
			t.Axes[i] = ""
		}
	}
	return t
}

// torchLike is a residual network as PyTorch names it: a projection shortcut, normalization,
// and a flattened image.
func torchLike() (theta, state record.Layout) {
	theta = record.Pack(
		tensor("stem.weight", "s1 input - -", 4, 2, 3, 3),
		tensor("bn.weight", "s1", 4), tensor("bn.bias", "s1", 4),
		tensor("block.conv1.weight", "h s1 - -", 5, 4, 3, 3),
		tensor("block.bn1.weight", "h", 5), tensor("block.bn1.bias", "h", 5),
		tensor("block.conv2.weight", "s2 h - -", 6, 5, 3, 3),
		tensor("block.bn2.weight", "s2", 6), tensor("block.bn2.bias", "s2", 6),
		tensor("block.downsample.weight", "s2 s1 - -", 6, 4, 1, 1),
		tensor("fc.weight", "output s2*4", 3, 24), tensor("fc.bias", "output", 3),
		tensor("temperature", "", []int{}...),
	)
	state = record.Pack(
		tensor("bn.running_mean", "s1", 4), tensor("bn.running_var", "s1", 4),
		tensor("block.bn1.running_mean", "h", 5), tensor("block.bn2.running_mean", "s2", 6),
	)
	return theta, state
}

func TestTorchLikeSpecification(t *testing.T) {
	s, err := New(torchLike())
	if err != nil {
		t.Fatal(err)
	}
	want := []Units{
		{"s1", 4, []string{"stem.weight", "bn.weight", "bn.bias", "block.conv1.weight", "block.downsample.weight"}},
		{"h", 5, []string{"block.conv1.weight", "block.bn1.weight", "block.bn1.bias", "block.conv2.weight"}},
		{"s2", 6, []string{"block.conv2.weight", "block.bn2.weight", "block.bn2.bias", "block.downsample.weight", "fc.weight"}},
	}
	if d := cmp.Diff(want, s.Units()); d != "" {
		t.Error(d)
	}
	// Element by element: the units that the axes name move, and nothing else.
	theta := make([]float32, s.theta.Len())
	for i := range theta {
		theta[i] = float32(i)
	}
	p := s.Random(rand.New(rand.NewPCG(1, 1)))
	moved := s.Theta(p, theta)
	at := func(v []float32, name string, index ...int) float32 {
		x, ok := s.theta.Lookup(name)
		if !ok {
			t.Fatal(name)
		}
		k := 0
		for i, n := range x.Shape {
			k = k*n + index[i]
		}
		return x.View(v)[k]
	}
	for i := range 6 {
		for j := range 4 {
			if got, want := at(moved, "block.downsample.weight", i, j, 0, 0),
				at(theta, "block.downsample.weight", p[2][i], p[0][j], 0, 0); got != want {
				t.Errorf("downsample %d %d is %v; want %v", i, j, got, want)
			}
			for o := range 3 {
				if got, want := at(moved, "fc.weight", o, 4*i+j), at(theta, "fc.weight", o, 4*p[2][i]+j); got != want {
					t.Errorf("fc %d, pixel %d of channel %d is %v; want %v", o, j, i, got, want)
				}
			}
		}
	}
	for i := range 4 {
		for c := range 2 {
			if got, want := at(moved, "stem.weight", i, c, 2, 1), at(theta, "stem.weight", p[0][i], c, 2, 1); got != want {
				t.Errorf("stem %d %d is %v; want %v", i, c, got, want)
			}
		}
	}
	state := make([]float32, s.state.Len())
	for i := range state {
		state[i] = float32(i)
	}
	if got, want := s.State(p, state)[8+3], float32(8+p[1][3]); got != want {
		t.Errorf("running mean of unit 3 is %v; want %v", got, want)
	}
	if s.State(p, nil) != nil {
		t.Error("no state has a permuted copy")
	}
	if !slices.Equal(s.Theta(p.Inverse(), moved), theta) || !slices.Equal(s.State(p.Inverse(), s.State(p, state)), state) {
		t.Error("the inverse permutation does not undo the permutation")
	}
	if !slices.Equal(s.Theta(nil, theta), theta) || !slices.Equal(s.Theta(s.Identity(), theta), theta) {
		t.Error("the identity moves something")
	}
}

// TestInverse: permuting and permuting back gives the same bits, for all forms of axes.
func TestInverse(t *testing.T) {
	theta := record.Pack(
		tensor("a", "x+y 2*x y*3 (y+x)*2", 5, 4, 9, 10),
		tensor("b", "input+x y", 4, 3),
		tensor("c", "x*2 input", 4, 2),
	)
	s, err := New(theta, nil)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		v := make([]float32, theta.Len())
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		p := s.Random(r)
		if !slices.Equal(s.Theta(p.Inverse(), s.Theta(p, v)), v) {
			t.Fatal("the inverse does not undo the permutation")
		}
	})
}

func TestParseAxis(t *testing.T) {
	for text, want := range map[string]axisName{
		"":              {nil, 1, 1},
		"c1":            {[]string{"c1"}, 1, 1},
		"c1*25":         {[]string{"c1"}, 1, 25},
		"25*c1":         {[]string{"c1"}, 25, 1},
		"2 * c.1 * 5*5": {[]string{"c.1"}, 2, 25},
		"c1+c2":         {[]string{"c1", "c2"}, 1, 1},
		"( c1 + c2 )*4": {[]string{"c1", "c2"}, 1, 4},
		"4*(c1+c2)*3":   {[]string{"c1", "c2"}, 4, 3},
		"(c1)":          {[]string{"c1"}, 1, 1},
	} {
		got, err := parseAxis(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(axisName{})); d != "" {
			t.Errorf("%q: %s", text, d)
		}
	}
	for text, want := range map[string]string{
		"25":                     "no name of units",
		"c1*0":                   "factor 0",
		"c1*-3":                  "factor -3",
		"c1*c2":                  "only one factor may have names",
		"c1+c2*4":                "brackets are missing",
		"(c1+c2":                 "brackets are missing",
		"c1+":                    `"" is not a name`,
		"c1+3":                   `"3" is a number`,
		"c1*":                    "only one factor",
		"((c1))":                 "is not a name",
		"c*99999999999999999999": "only one factor",
		"c*1000000*1000000":      "factor 1000000",
	} {
		if a, err := parseAxis(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v; want an error with %q", text, a, err, want)
		}
	}
}

// TestInconsistentSpecifications: one clear line that names the tensor and the units.
func TestInconsistentSpecifications(t *testing.T) {
	first := tensor("a.weight", "h input", 4, 3)
	for name, test := range map[string]struct {
		theta, state []record.Tensor
		want         string
	}{
		"lengths": {
			[]record.Tensor{first, tensor("b.weight", "output h", 2, 5)},
			nil,
			`axis 1 of b.weight has 5 units "h"; axis 0 of a.weight has 4`,
		},
		"misspelt": {
			[]record.Tensor{first, tensor("a.bias", "h", 4), tensor("b.weight", "output hh", 2, 4)},
			nil,
			`axis 1 of b.weight has the units "hh", which no other axis has`,
		},
		"no names of a tensor": {
			[]record.Tensor{first, tensor("a.bias", "", 4), tensor("b.weight", "output h", 2, 4)},
			nil,
			"a.bias names no axes, and other tensors do: name its 1 axes",
		},
		"too few names": {
			[]record.Tensor{tensor("a.weight", "h", 4, 3)}, nil, `tensor "a.weight" names 1 axes`,
		},
		"flattened": {
			[]record.Tensor{first, tensor("b.weight", "output h*4", 2, 18)},
			nil,
			`axis 1 of b.weight is named "h*4", but its length 18 is not a multiple of 4`,
		},
		"flattened with the wrong number of pixels": {
			[]record.Tensor{first, tensor("b.weight", "output h*4", 2, 20)},
			nil,
			`axis 1 of b.weight has 5 units "h"; axis 0 of a.weight has 4`,
		},
		"sum": {
			[]record.Tensor{first, tensor("c.weight", "g input", 2, 3), tensor("b.weight", "output h+g", 2, 7)},
			nil,
			"axis 1 of b.weight has 7 units; h and g have 6",
		},
		"sum without room": {
			[]record.Tensor{first, tensor("b.weight", "h+g input", 4, 3), tensor("c.weight", "output h+g", 2, 4)},
			nil,
			`axis 0 of b.weight has 4 units, and the names besides "g" have 4 already`,
		},
		"undetermined": {
			[]record.Tensor{tensor("a.weight", "h+g input", 4, 3), tensor("b.weight", "output h+g", 2, 4)},
			nil,
			`how many units "h" has does not follow`,
		},
		"only inputs": {
			[]record.Tensor{tensor("a.weight", "output input", 4, 3)}, nil, "no hidden units, only output, input",
		},
		"state": {
			[]record.Tensor{first, tensor("b.weight", "output h", 2, 4)},
			[]record.Tensor{tensor("bn.running_mean", "h", 5)},
			`axis 0 of bn.running_mean has 5 units "h"; axis 0 of a.weight has 4`,
		},
		"state without names": {
			[]record.Tensor{first, tensor("b.weight", "output h", 2, 4)},
			[]record.Tensor{tensor("bn.running_mean", "", 4)},
			"bn.running_mean names no axes",
		},
		"units of state alone": {
			[]record.Tensor{first, tensor("b.weight", "output h", 2, 4)},
			[]record.Tensor{tensor("m", "g", 4), tensor("v", "g", 4)},
			`only running statistics have the units "g"`,
		},
		"too many": {
			[]record.Tensor{tensor("a.weight", "h input", 9000, 1), tensor("b.weight", "output h", 1, 9000)},
			nil,
			`9000 units "h"; at most 8192`,
		},
		"bad text": {
			[]record.Tensor{tensor("a.weight", "h*g input", 4, 3)},
			nil,
			`axis 0 of a.weight is named "h*g": only one factor may have names`,
		},
		"bad layout": {
			[]record.Tensor{{Name: "", Kind: record.Other, Shape: []int{2}}}, nil, "tensor 0 has no name",
		},
	} {
		_, err := New(record.Pack(test.theta...), record.Pack(test.state...))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") ||
			!strings.HasPrefix(err.Error(), "align: ") {
			t.Errorf("%s: error %v; want one with %q", name, err, test.want)
		}
	}
	if _, err := New(record.Pack(tensor("a", "", 4)), nil); !errors.Is(err, ErrNoAxes) {
		t.Errorf("error %v; want ErrNoAxes", err)
	}
}

func TestWrongLengthsPanic(t *testing.T) {
	s, err := New(torchLike())
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"theta": func() { s.Theta(nil, make([]float32, 3)) },
		"state": func() { s.State(nil, make([]float32, 3)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a %s of the wrong length is accepted", name)
				}
			}()
			f()
		}()
	}
}
