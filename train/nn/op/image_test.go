package op

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"
	"pgregory.net/rapid"
)

// TestImageOps checks the gradients of the ops from images to images or matrices,
// with a halo, rounded channels and odd extents.
func TestImageOps(t *testing.T) {
	const size = 2
	for name, c := range map[string]struct {
		in    Image
		build func(b *Batch, in Image, x *G.Node) (*G.Node, error)
	}{
		"flatten": {NewImage(3, 2, 5, 1), func(b *Batch, in Image, x *G.Node) (*G.Node, error) {
			return Flatten[float64](b, in, x)
		}},
		"average": {NewImage(3, 2, 16, 1), func(b *Batch, in Image, x *G.Node) (*G.Node, error) {
			return GlobalAverage[float64](b, in, x)
		}},
		"max pool": {NewImage(5, 4, 3, 1), func(b *Batch, in Image, x *G.Node) (*G.Node, error) {
			out := NewImage(2, 2, 3, 2)
			y, err := MaxPool[float64](b, in, out, x, nil)
			if err != nil {
				return nil, err
			}
			return Flatten[float64](b, out, y)
		}},
		"convolution": {NewImage(5, 4, 3, 1), func(b *Batch, in Image, x *G.Node) (*G.Node, error) {
			out := NewImage(3, 2, 4, 1)
			w := tensorNode(x.Graph(), "w", normal(4*3*9, 5), 4, 3, 3, 3)
			bias := tensorNode(x.Graph(), "b", normal(4, 6), 4)
			_, y, err := NewConv[float64](b, in, out, x, w, bias, ConvOptions{Stride: 2, Pad: 1, ReLU: true})
			if err != nil {
				return nil, err
			}
			return Flatten[float64](b, out, y)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &Batch{Size: size, Rows: size, Labels: []int32{0, 1}, Workers: NewWorkers(2)}
			t.Cleanup(b.Workers.Close)
			places := interior(c.in, size)
			x := scatter(c.in, size, normal(len(places), 1))
			k := newCheck(t, b, c.in.Shape(size), x,
				func(_ *G.ExprGraph, x *G.Node) (*G.Node, error) { return c.build(b, c.in, x) })
			k.differences(t, places)
			// The gradient is 0 in the halo and in the channels that are not real.
			grad := k.grad.Value().Data().([]float64)
			for i, v := range grad {
				if v != 0 && !slices.Contains(places, i) {
					t.Errorf("gradient %v at place %d, outside of the image", v, i)
				}
			}
		})
	}
}

func TestFlattenOrder(t *testing.T) {
	in := NewImage(2, 2, 3, 1)
	b := &Batch{Size: 1, Rows: 1, Labels: []int32{0}, Workers: NewWorkers(1)}
	// Channel c of pixel (h, w) is 100c + 10h + w.
	var v []float64
	for _, pixel := range []float64{0, 1, 10, 11} {
		v = append(v, pixel, 100+pixel, 200+pixel)
	}
	k := newCheck(t, b, in.Shape(1), scatter(in, 1, v),
		func(_ *G.ExprGraph, x *G.Node) (*G.Node, error) { return Flatten[float64](b, in, x) })
	k.run(t)
	want := []float64{0, 1, 10, 11, 100, 101, 110, 111, 200, 201, 210, 211}
	if got := k.out.Value().Data().([]float64); !slices.Equal(got, want) {
		t.Errorf("got %v, want channel by channel", got)
	}
}

func TestMaxPoolNaNAndTies(t *testing.T) {
	in, out := NewImage(2, 4, 1, 0), NewImage(1, 2, 1, 0)
	nan := math.NaN()
	b := &Batch{Size: 1, Rows: 1, Labels: []int32{1}, Workers: NewWorkers(1)}
	// Two windows, left (1, 2 / 2, 0) and right.
	x := scatter(in, 1, []float64{1, 2, 3, 4, 2, 0, 5, 6})
	k := newCheck(t, b, in.Shape(1), x, func(_ *G.ExprGraph, x *G.Node) (*G.Node, error) {
		y, err := MaxPool[float64](b, in, out, x, nil)
		if err != nil {
			return nil, err
		}
		return Flatten[float64](b, out, y)
	})
	k.run(t)
	if got := k.out.Value().Data().([]float64); !slices.Equal(got, []float64{2, 6}) {
		t.Errorf("maxima %v, want 2 and 6", got)
	}
	grad := k.grad.Value().Data().([]float64)
	if grad[in.At(0, 1)] == 0 || grad[in.At(1, 0)] != 0 {
		t.Errorf("of two equal maxima the first takes the gradient; got %v and %v",
			grad[in.At(0, 1)], grad[in.At(1, 0)])
	}
	for place := range 4 {
		for i := range x {
			x[i] = 1
		}
		x[in.At(place/2, place%2)] = nan
		if loss := k.run(t); !math.IsNaN(loss) {
			t.Errorf("NaN at corner %d: loss %v", place, loss)
		}
	}
}

// TestShortcutTranspose: copyShortcutGradient is the transpose of copyShortcut.
func TestShortcutTranspose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stride := rapid.IntRange(1, 2).Draw(t, "stride")
		h, w := rapid.IntRange(1, 7).Draw(t, "height"), rapid.IntRange(1, 7).Draw(t, "width")
		few := rapid.IntRange(1, 20).Draw(t, "channels")
		many := few + rapid.IntRange(0, 20).Draw(t, "more channels")
		from, to := NewImage(h, w, few, rapid.IntRange(0, 2).Draw(t, "halo")),
			NewImage((h-1)/stride+1, (w-1)/stride+1, many, rapid.IntRange(0, 2).Draw(t, "halo of the result"))
		if max(h, w) > 1 && shortcutStride(to.Image, from.Image) != stride {
			t.Fatalf("stride of %v to %v is %d, want %d", from, to, shortcutStride(to.Image, from.Image), stride)
		}
		places, results := interior(from, 2), interior(to, 2)
		x, dy := scatter(from, 2, normal(len(places), 1)), scatter(to, 2, normal(len(results), 2))
		y, dx := make([]float64, 2*to.Len()), make([]float64, 2*from.Len())
		copyShortcut(images(to, y, 2), images(from, x, 2), few)
		copyShortcutGradient(images(from, dx, 2), images(to, dy, 2), few)
		a, b := 0.0, 0.0
		for i := range y {
			a += y[i] * dy[i]
		}
		for i := range x {
			b += x[i] * dx[i]
		}
		if math.Abs(a-b) > 1e-12*(1+math.Abs(a)) {
			t.Fatalf("<S x, dy> = %v, <x, S' dy> = %v", a, b)
		}
	})
}

func TestImageErrors(t *testing.T) {
	b := &Batch{Size: 1, Workers: NewWorkers(1)}
	in := NewImage(5, 4, 3, 1)
	x := tensorNode(G.NewGraph(), "x", make([]float64, in.Len()), in.Shape(1)...)
	w := tensorNode(x.Graph(), "w", make([]float64, 4*3*9), 4, 3, 3, 3)
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"halo": {
			second(NewConv[float64](b, in, NewImage(5, 4, 4, 0), x, w, nil, ConvOptions{Pad: 1})),
			"halo of the result is 0; its gradient needs 1",
		},
		"size": {
			second(NewConv[float64](b, in, NewImage(4, 4, 4, 1), x, w, nil, ConvOptions{Pad: 1})),
			"5x4 pixels gives 5x4, not 4x4",
		},
		"channels": {
			second(NewConv[float64](b, in, NewImage(5, 4, 5, 1), x, w, nil, ConvOptions{Pad: 1})),
			"weights have shape (4, 3, 3, 3); wanted (5, 3, k, k)",
		},
		"pool": {
			first(MaxPool[float64](b, in, NewImage(2, 3, 3, 0), x, nil)),
			"5x4x3 does not fit the result 2x3x3",
		},
		"average": {first(GlobalAverage[float64](b, in, x)), "3 channels are stored as 8"},
		"tensor":  {first(Flatten[float64](b, NewImage(5, 4, 3, 0), x)), "have shape (1, 7, 6, 8); wanted [1 5 4 8]"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, c.err, c.want)
		}
	}
}

func first(_ *G.Node, err error) error                    { return err }
func second(_ *Conv[float64], _ *G.Node, err error) error { return err }

// TestManyWeights checks the gradient of the weights of a layer with too many
// weights for partial sums.
func TestManyWeights(t *testing.T) {
	const size, channels = 3, 192
	b := &Batch{Size: size, Rows: size, Labels: []int32{3, 1, 2}, Workers: NewWorkers(2)}
	t.Cleanup(b.Workers.Close)
	m := NewImage(2, 2, channels, 1)
	x := scatter(m, size, normal(size*4*channels, 1))
	w := normal(channels*channels*9, 2)
	for i := range w {
		w[i] *= 0.02
	}
	k := newCheck(t, b, []int{channels, channels, 3, 3}, w, func(g *G.ExprGraph, w *G.Node) (*G.Node, error) {
		c, y, err := NewConv[float64](b, m, m, tensorNode(g, "images", x, m.Shape(size)...), w, nil,
			ConvOptions{Pad: 1, Input: true})
		if err != nil {
			return nil, err
		}
		if chunks*c.v.GradientLen() <= maxPartialSums {
			t.Fatalf("%d weights are not many", c.v.GradientLen())
		}
		return GlobalAverage[float64](b, m, y)
	})
	places := rand.New(rand.NewPCG(1, 1)).Perm(len(w))[:20]
	k.differences(t, places)
}
