package kernel

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// convCase is a random convolution and its operands.
type convCase[T Float] struct {
	v        Conv
	n        int
	x, y, dy Images[T]
	w        []T
}

// outputs are the channels that results may have.
var storedChannels = []int{8, 8, 16, 24, 32, 40}

// drawConv draws shapes. inputs has the stored input channels to choose from.
func drawConv[T Float](t *rapid.T, inputs []int) *convCase[T] {
	v, n := drawConvShape(t, inputs)
	v.Direct = v.Winograd() // which has its own tests
	return fillConv[T](t, v, n)
}

// drawConvShape draws a convolution and a number of images.
func drawConvShape(t *rapid.T, inputs []int) (v Conv, n int) {
	n = rapid.IntRange(1, 2).Draw(t, "images")
	v = Conv{
		Kernel: rapid.SampledFrom([]int{1, 2, 3, 3, 3, 4, 5, 5}).Draw(t, "kernel"),
		Stride: rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "stride"),
	}
	wide := rapid.SampledFrom([]int{4, 8, 34}).Draw(t, "wide")
	if rapid.IntRange(0, 3).Draw(t, "many images") == 0 {
		n = rapid.IntRange(6, 18).Draw(t, "n") // the narrow form
		wide = 4
	}
	v.Pad = rapid.IntRange(0, v.Kernel-1).Draw(t, "pad")
	smallest := max(1, v.Kernel-2*v.Pad)
	v.In = Image{
		Height:   rapid.IntRange(smallest, smallest+4).Draw(t, "height"),
		Width:    rapid.IntRange(smallest, smallest+wide).Draw(t, "width"),
		Channels: rapid.SampledFrom(inputs).Draw(t, "in"),
		Halo:     v.Pad + rapid.IntRange(0, 1).Draw(t, "halo"),
	}
	v.Out = Image{
		Height:   (v.In.Height+2*v.Pad-v.Kernel)/v.Stride + 1,
		Width:    (v.In.Width+2*v.Pad-v.Kernel)/v.Stride + 1,
		Channels: rapid.SampledFrom(storedChannels).Draw(t, "out"),
		Halo:     rapid.IntRange(0, 2).Draw(t, "out halo"),
	}
	v.Inputs = rapid.IntRange(max(1, v.In.Channels-15), v.In.Channels).Draw(t, "inputs")
	v.Outputs = rapid.IntRange(max(1, v.Out.Channels-15), v.Out.Channels).Draw(t, "outputs")
	return v, n
}

// fillConv draws the numbers of a convolution.
func fillConv[T Float](t *rapid.T, v Conv, n int) *convCase[T] {
	r := generator(t)
	if err := v.Validate(); err != nil {
		t.Fatal(err)
	}
	c := &convCase[T]{v: v, n: n}
	gradient := v.Out
	gradient.Halo = v.InputHalo() + rapid.IntRange(0, 1).Draw(t, "gradient halo")
	c.x, c.y, c.dy = drawImages[T](t, v.In, c.n, v.Inputs), drawImages[T](t, v.Out, c.n, v.Outputs),
		drawImages[T](t, gradient, c.n, v.Outputs)
	c.w = fill(r, guarded[T](t, v.WeightLen(), place(t)))
	return c
}

// drawImages returns images of random numbers in their real channels, zeros
// elsewhere, in guarded memory.
func drawImages[T Float](t *rapid.T, shape Image, n, channels int) Images[T] {
	m := Images[T]{Image: shape, Data: guarded[T](t, n*shape.Len(), place(t))}
	r := generator(t)
	m.each(func(i, y, x, c, at int) {
		if c < channels {
			m.Data[at] = T(r.NormFloat64())
		}
	})
	return m
}

// each calls f for every element of the interior.
func (m Images[T]) each(f func(i, y, x, c, at int)) {
	for i := range m.Count() {
		for y := range m.Height {
			for x := range m.Width {
				for c := range m.Channels {
					f(i, y, x, c, i*m.Len()+m.At(y, x)+c)
				}
			}
		}
	}
}

// soilHalo sets the halo to a value that no kernel may change. It returns a
// function that checks this.
func (m Images[T]) soilHalo(t *rapid.T) (check func()) {
	inside := make([]bool, len(m.Data))
	m.each(func(_, _, _, _, at int) { inside[at] = true })
	for at := range m.Data {
		if !inside[at] {
			m.Data[at] = 77
		}
	}
	return func() {
		for at, v := range m.Data {
			if !inside[at] && v != 77 {
				t.Fatalf("halo element %d was written: %v", at, v)
			}
		}
	}
}

// sums are values in float64 and the sums of the magnitudes of their terms.
type sums struct{ value, size []float64 }

func newSums(n int) sums { return sums{make([]float64, n), make([]float64, n)} }

func (s sums) add(i int, v float64) { s.value[i] += v; s.size[i] += math.Abs(v) }

// terms calls f for every product of the convolution, with or without those of
// the padding.
func (c *convCase[T]) terms(padding bool, f func(x, y, dy, w int)) {
	v := c.v
	c.y.each(func(i, oy, ox, co, at int) {
		if co >= v.Outputs {
			return
		}
		for kh := range v.Kernel {
			for kw := range v.Kernel {
				y, x := oy*v.Stride+kh-v.Pad, ox*v.Stride+kw-v.Pad
				if !padding && (y < 0 || y >= v.In.Height || x < 0 || x >= v.In.Width) {
					continue
				}
				for ci := range v.Inputs {
					f(i*c.x.Len()+c.x.At(y, x)+ci, at, i*c.dy.Len()+c.dy.At(oy, ox)+co,
						((co*v.Inputs+ci)*v.Kernel+kh)*v.Kernel+kw)
				}
			}
		}
	})
}

func testConvForward[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv[T](t, append([]int{1, 3, 5}, storedChannels...))
		special := rapid.IntRange(0, 5).Draw(t, "special") == 0
		if special {
			c.v.Direct = true // in a pair NaN reaches more results
			c.x.Data[c.x.At(0, 0)] = T(math.NaN())
			c.w[0] = T(math.Inf(1))
		}
		v, r := c.v, generator(t)
		e := ConvEpilogue[T]{ReLU: rapid.Bool().Draw(t, "relu")}
		if rapid.Bool().Draw(t, "bias") {
			e.Bias = guarded[T](t, v.Out.Channels, place(t))
			fill(r, e.Bias[:v.Outputs])
		}
		if rapid.Bool().Draw(t, "residual") {
			e.Residual = append([]T(nil), c.y.Data...)
		}
		if rapid.Bool().Draw(t, "stats") {
			e.Stats = NewStats[T](v.Out.Channels)
			fill(r, e.Stats.Pivot)
		}
		want := newSums(len(c.y.Data))
		c.y.each(func(_, _, _, co, at int) {
			if e.Residual != nil {
				want.add(at, float64(e.Residual[at]))
			}
			if e.Bias != nil {
				want.add(at, float64(e.Bias[co]))
			}
		})
		c.terms(true, func(x, y, _, w int) { want.add(y, float64(c.x.Data[x])*float64(c.w[w])) })

		packed := fill(generator(t), guarded[T](t, v.PackedLen(), place(t))) // its content must not matter
		PackConv(v, packed, c.w)
		halo := c.y.soilHalo(t)
		ConvForward(v, c.y, c.x, packed, e, new(Scratch[T]))
		halo()
		depth := float64(v.Kernel*v.Kernel*v.In.Channels + 3)
		c.y.each(func(_, _, _, co, at int) {
			if special && co >= v.Outputs {
				return // NaN times a weight of zero is NaN here too
			}
			value := want.value[at]
			if e.ReLU && value < 0 {
				value = 0
			}
			closeTo(t, "ConvForward", at, float64(c.y.Data[at]), value, want.size[at]*depth*unit[T]())
		})
		if e.Stats != nil {
			again := NewStats[T](v.Out.Channels)
			copy(again.Pivot, e.Stats.Pivot)
			again.AddImages(c.y)
			sameBits(t, "First", e.Stats.First, again.First)
			sameBits(t, "Second", e.Stats.Second, again.Second)
		}
	})
}

func TestConvForward(t *testing.T) {
	onEach(t, testConvForward[float32])
	t.Run("float64", testConvForward[float64])
}

func testConvInput[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv[T](t, storedChannels)
		v := c.v
		e := ConvEpilogue[T]{}
		want := newSums(len(c.x.Data))
		if rapid.Bool().Draw(t, "residual") {
			e.Residual = c.x.Data // added to in place
			c.x.each(func(_, _, _, _, at int) { want.add(at, float64(c.x.Data[at])) })
		}
		c.terms(false, func(x, _, dy, w int) { want.add(x, float64(c.dy.Data[dy])*float64(c.w[w])) })
		packed := fill(generator(t), guarded[T](t, v.PackedInputLen(), place(t)))
		PackConvInput(v, packed, c.w)
		halo := c.x.soilHalo(t)
		ConvInput(v, c.x, c.dy, packed, e, new(Scratch[T]))
		halo()
		depth := float64(v.Kernel*v.Kernel*v.Out.Channels + 3)
		c.x.each(func(_, _, _, _, at int) {
			closeTo(t, "ConvInput", at, float64(c.x.Data[at]), want.value[at], want.size[at]*depth*unit[T]())
		})
	})
}

func TestConvInput(t *testing.T) {
	onEach(t, testConvInput[float32])
	t.Run("float64", testConvInput[float64])
}

func testConvWeights[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv[T](t, append([]int{1, 3, 5}, storedChannels...))
		v := c.v
		want := newSums(len(c.w))
		c.terms(false, func(x, _, dy, w int) { want.add(w, float64(c.x.Data[x])*float64(c.dy.Data[dy])) })
		cut := rapid.IntRange(0, c.n).Draw(t, "cut")
		var parts [][]T
		for _, part := range [][2]int{{0, cut}, {cut, c.n}} {
			dw := guarded[T](t, v.GradientLen(), place(t))
			ConvWeights(v, dw, c.x.Slice(part[0], part[1]), c.dy.Slice(part[0], part[1]), new(Scratch[T]))
			parts = append(parts, dw)
		}
		// The channels in two groups.
		group := rapid.IntRange(0, v.Out.Channels/half).Draw(t, "group") * half
		whole, groups := make([]T, v.GradientLen()), make([]T, v.GradientLen())
		ConvWeights(v, whole, c.x, c.dy, new(Scratch[T]))
		ConvWeightsOf(v, groups, c.x, c.dy, 0, group, new(Scratch[T]))
		ConvWeightsOf(v, groups, c.x, c.dy, group, v.Out.Channels, new(Scratch[T]))
		sameBits(t, "ConvWeightsOf", groups, whole)
		grad := fill(generator(t), guarded[T](t, len(c.w), place(t)))
		UnpackConvGradient(v, grad, parts...)
		depth := float64(c.n*v.Out.Height*v.Out.Width + 2)
		for i, got := range grad {
			closeTo(t, "ConvWeights", i, float64(got), want.value[i], want.size[i]*depth*unit[T]())
		}
	})
}

func TestConvWeights(t *testing.T) {
	onEach(t, testConvWeights[float32])
	t.Run("float64", testConvWeights[float64])
}

// TestConvBits: results and gradients have the same bits with every instruction
// set and for any split of the images.
func TestConvBits(t *testing.T) {
	sets := assembly(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		c := drawConv[float32](t, storedChannels)
		v := c.v
		forward, input := make([]float32, v.PackedLen()), make([]float32, v.PackedInputLen())
		PackConv(v, forward, c.w)
		PackConvInput(v, input, c.w)
		all := func(cut int) []float32 {
			stats := NewStats[float32](v.Out.Channels)
			for _, p := range [][2]int{{0, cut}, {cut, c.n}} {
				ConvForward(v, c.y.Slice(p[0], p[1]), c.x.Slice(p[0], p[1]), forward,
					ConvEpilogue[float32]{Stats: stats}, new(Scratch[float32]))
			}
			x := NewImages[float32](v.In, c.n)
			for _, p := range [][2]int{{0, cut}, {cut, c.n}} {
				ConvInput(v, x.Slice(p[0], p[1]), c.dy.Slice(p[0], p[1]), input, ConvEpilogue[float32]{},
					new(Scratch[float32]))
			}
			dw := make([]float32, v.GradientLen())
			ConvWeights(v, dw, c.x, c.dy, new(Scratch[float32]))
			result := append(append(append([]float32(nil), c.y.Data...), x.Data...), dw...)
			for _, s := range append(stats.First, stats.Second...) {
				result = append(result, float32(s))
			}
			return result
		}
		var want []float32
		with(sets[0], func() { want = all(0) })
		cut := rapid.IntRange(0, c.n).Draw(t, "cut")
		with(sets[len(sets)-1], func() { sameBits(t, Name(), all(cut), want) })
	})
}

func TestConvAllocatesNothing(t *testing.T) {
	onEach(t, func(t *testing.T) {
		v := Conv{
			In:     Image{Height: 6, Width: 6, Channels: 16, Halo: 1},
			Out:    Image{Height: 6, Width: 6, Channels: 16, Halo: 1},
			Inputs: 16, Outputs: 16, Kernel: 3, Stride: 1, Pad: 1,
		}
		x, y := NewImages[float32](v.In, 2), NewImages[float32](v.Out, 2)
		packed, dw := make([]float32, v.PackedLen()), make([]float32, v.GradientLen())
		e := ConvEpilogue[float32]{Bias: make([]float32, 16), Stats: NewStats[float32](16)}
		s := new(Scratch[float32])
		if n := testing.AllocsPerRun(10, func() {
			ConvForward(v, y, x, packed, e, s)
			ConvInput(v, x, y, packed, ConvEpilogue[float32]{}, s)
			ConvWeights(v, dw, x, y, s)
		}); n != 0 {
			t.Errorf("%v allocations, want none", n)
		}
	})
}

func TestConvValidate(t *testing.T) {
	ok := Conv{
		In: Image{Height: 8, Width: 6, Channels: 3, Halo: 1}, Out: Image{Height: 4, Width: 3, Channels: 16},
		Inputs: 3, Outputs: 10, Kernel: 3, Stride: 2, Pad: 1,
	}
	for _, c := range []struct {
		change func(v *Conv)
		want   string
	}{
		{func(*Conv) {}, ""},
		{
			func(v *Conv) { v.In.Height = 0 },
			"kernel: image of 0x6 pixels, 3 channels, halo 1: sizes must be at least 1, the halo 0",
		},
		{func(v *Conv) { v.Stride = 0 }, "kernel: convolution with kernel 3 and stride 0: both must be at least 1"},
		{func(v *Conv) { v.Pad = 3 }, "kernel: convolution with padding 3: allowed 0 to 2"},
		{
			func(v *Conv) { v.In.Halo = 0 },
			"kernel: convolution with padding 1 on an image with halo 0: the halo must be as wide",
		},
		{
			func(v *Conv) { v.Kernel, v.Pad = 9, 0 },
			"kernel: convolution with kernel 9 and padding 0 on 8x6 pixels: the kernel is larger than the image",
		},
		{func(v *Conv) { v.Out.Width = 4 }, "kernel: convolution of 8x6 pixels gives 4x3, not 4x4"},
		{
			func(v *Conv) { v.Inputs = 4 },
			"kernel: convolution from 4 to 10 channels stored as 3 and 16: must be at least 1 and fit",
		},
		{func(v *Conv) { v.Out.Channels = 12 }, "kernel: convolution to 12 stored channels: must be a multiple of 8"},
	} {
		v := ok
		c.change(&v)
		got := ""
		if err := v.Validate(); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Error(diff)
		}
	}
}
