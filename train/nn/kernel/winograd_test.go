package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// drawWinograd draws a convolution that Winograd computes, with images and weights
// from the given generator of numbers.
func drawWinograd[T Float](t *rapid.T, number func(r *rand.Rand) T) *convCase[T] {
	r := generator(t)
	channels := []int{16, 16, 32, 48, 64}
	v := Conv{Kernel: 3, Stride: 1, Pad: rapid.IntRange(0, 2).Draw(t, "pad")}
	v.Inputs, v.Outputs = rapid.SampledFrom(channels).Draw(t, "in"), rapid.SampledFrom(channels).Draw(t, "out")
	out := func(name string) int { return rapid.IntRange(minWinogradSide, minWinogradSide+5).Draw(t, name) }
	v.Out = Image{Height: out("height"), Width: out("width"), Channels: v.Outputs}
	v.Out.Halo = rapid.IntRange(0, 2).Draw(t, "out halo")
	v.In = Image{
		Height: v.Out.Height + 2 - 2*v.Pad, Width: v.Out.Width + 2 - 2*v.Pad, Channels: v.Inputs,
		Halo: v.Pad + rapid.IntRange(0, 1).Draw(t, "halo"),
	}
	if err := v.Validate(); err != nil || !v.Winograd() {
		t.Fatalf("%+v: not a Winograd convolution: %v", v, err)
	}
	c := &convCase[T]{v: v, n: rapid.IntRange(1, 5).Draw(t, "images")}
	gradient := v.Out
	gradient.Halo = v.InputHalo() + rapid.IntRange(0, 1).Draw(t, "gradient halo")
	images := func(shape Image) Images[T] {
		m := Images[T]{Image: shape, Data: guarded[T](t, c.n*shape.Len(), place(t))}
		m.each(func(_, _, _, _, at int) { m.Data[at] = number(r) })
		return m
	}
	c.x, c.y, c.dy = images(v.In), images(v.Out), images(gradient)
	c.w = guarded[T](t, v.WeightLen(), place(t))
	for i := range c.w {
		c.w[i] = 4 * number(r)
	}
	return c
}

// convResults computes the result, its statistics and both gradients, with the images
// split in two.
func convResults[T Float](c *convCase[T], v Conv, e ConvEpilogue[T], cut int) (y, dx, dw []T, stats *Stats[T]) {
	forward, input := make([]T, v.PackedLen()), make([]T, v.PackedInputLen())
	PackConv(v, forward, c.w)
	PackConvInput(v, input, c.w)
	out := Images[T]{Image: c.y.Image, Data: append([]T(nil), c.y.Data...)}
	x, s := NewImages[T](v.In, c.n), new(Scratch[T])
	e.Stats = NewStats[T](v.Out.Channels)
	var parts [][]T
	for _, p := range [][2]int{{0, cut}, {cut, c.n}} {
		part := e
		part.Residual = out.Slice(p[0], p[1]).Data
		ConvForward(v, out.Slice(p[0], p[1]), c.x.Slice(p[0], p[1]), forward, part, s)
		ConvInput(v, x.Slice(p[0], p[1]), c.dy.Slice(p[0], p[1]), input, ConvEpilogue[T]{}, s)
		sums := make([]T, v.GradientLen())
		half := v.Out.Channels / 2 / half * half
		for _, g := range [][2]int{{0, half}, {half, v.Out.Channels}} {
			ConvWeightsOf(v, sums, c.x.Slice(p[0], p[1]), c.dy.Slice(p[0], p[1]), g[0], g[1], s)
		}
		parts = append(parts, sums)
	}
	dw = make([]T, v.WeightLen())
	UnpackConvGradient(v, dw, parts...)
	return out.Data, x.Data, dw, e.Stats
}

// TestWinogradOfIntegers: with small whole numbers, and weights that are multiples of
// four, no operation rounds, so Winograd gives the bits of the direct convolution.
func TestWinogradOfIntegers(t *testing.T) {
	onEach(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			c := drawWinograd(t, func(r *rand.Rand) float32 { return float32(r.IntN(7) - 3) })
			e := ConvEpilogue[float32]{ReLU: rapid.Bool().Draw(t, "relu")}
			if rapid.Bool().Draw(t, "bias") {
				e.Bias = make([]float32, c.v.Out.Channels)
				for i := range e.Bias {
					e.Bias[i] = float32(i%9 - 4)
				}
			}
			direct := c.v
			direct.Direct = true
			wantY, wantX, wantW, wantStats := convResults(c, direct, e, 0)
			y, x, w, stats := convResults(c, c.v, e, rapid.IntRange(0, c.n).Draw(t, "cut"))
			positive := func(s []float32) []float32 { // -0 and 0 are equal
				for i := range s {
					s[i] += 0
				}
				return s
			}
			sameBits(t, "y", positive(y), positive(wantY))
			sameBits(t, "dx", positive(x), positive(wantX))
			sameBits(t, "dw", positive(w), positive(wantW))
			sameBits(t, "First", stats.First, wantStats.First)
			sameBits(t, "Second", stats.Second, wantStats.Second)
		})
	})
}

// TestWinogradErrors: for normal numbers the error is below 2e-6 of the size of the
// result, measured against the direct convolution in float64.
func TestWinogradErrors(t *testing.T) {
	onEach(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			c := drawWinograd(t, func(r *rand.Rand) float32 { return float32(r.NormFloat64()) })
			wide := func(s []float32) []float64 {
				d := make([]float64, len(s))
				for i, v := range s {
					d[i] = float64(v)
				}
				return d
			}
			exact := &convCase[float64]{
				v: c.v, n: c.n, w: wide(c.w), x: Images[float64]{c.x.Image, wide(c.x.Data)},
				y: Images[float64]{c.y.Image, wide(c.y.Data)}, dy: Images[float64]{c.dy.Image, wide(c.dy.Data)},
			}
			exact.v.Direct = true
			y, x, w, _ := convResults(c, c.v, ConvEpilogue[float32]{}, 0)
			wantY, wantX, wantW, _ := convResults(exact, exact.v, ConvEpilogue[float64]{}, 0)
			for _, r := range []struct {
				name string
				got  []float32
				want []float64
			}{{"y", y, wantY}, {"dx", x, wantX}, {"dw", w, wantW}} {
				size, difference := 0.0, 0.0
				for i, v := range r.want {
					size += v * v
					difference += (float64(r.got[i]) - v) * (float64(r.got[i]) - v)
				}
				if e := math.Sqrt(difference / size); !(e < 2e-6) {
					t.Fatalf("%s: relative error %g", r.name, e)
				}
			}
		})
	})
}

// TestWinogradBits: every instruction set gives the same bits, for any split of the
// images.
func TestWinogradBits(t *testing.T) {
	sets := assembly(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		c := drawWinograd(t, func(r *rand.Rand) float32 { return float32(r.NormFloat64()) })
		cut := rapid.IntRange(0, c.n).Draw(t, "cut")
		e := ConvEpilogue[float32]{ReLU: true}
		var y, x, w []float32
		with(sets[0], func() { y, x, w, _ = convResults(c, c.v, e, cut) })
		with(sets[len(sets)-1], func() {
			gotY, gotX, gotW, _ := convResults(c, c.v, e, cut)
			sameBits(t, "y", gotY, y)
			sameBits(t, "dx", gotX, x)
			sameBits(t, "dw", gotW, w)
			y, x, _, _ = convResults(c, c.v, e, 0) // the sums of dw depend on the split
			sameBits(t, "y, split", gotY, y)
			sameBits(t, "dx, split", gotX, x)
		})
	})
}

// TestWinogradTransforms: the transforms have the bits of their versions in Go, also
// for NaN and infinities, and write no other element.
func TestWinogradTransforms(t *testing.T) {
	for _, set := range assembly(t, 1) {
		t.Run(set.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				r := generator(t)
				s := winogradRow[float32]{
					op:    winogradOp(rapid.IntRange(0, 2).Draw(t, "op")),
					tiles: rapid.IntRange(1, 5).Draw(t, "tiles"), channels: 16 * rapid.IntRange(1, 3).Draw(t, "channels"),
					low: rapid.SampledFrom([]float32{0, float32(math.Inf(-1))}).Draw(t, "low"),
				}
				s.row = (2*s.tiles + 2 + rapid.IntRange(0, 2).Draw(t, "halo")) * s.channels
				s.plane = s.tiles*s.channels + winogradPad
				side := 2
				if s.op == winogradInput {
					side = 4
				}
				numbers := func(n int) []float32 {
					v := fill(r, guarded[float32](t, n, place(t)))
					v[r.IntN(n)] = float32(math.NaN())
					v[r.IntN(n)] = float32(math.Inf(1))
					return v
				}
				s.image = numbers((side-1)*s.row + (2*s.tiles+side-2)*s.channels)
				s.planes = numbers(15*s.plane + s.tiles*s.channels)
				if rapid.Bool().Draw(t, "bias") {
					s.bias = numbers(s.channels)
				}
				if rapid.Bool().Draw(t, "residual") {
					s.res = numbers(len(s.image))
				}
				twin := s
				twin.image, twin.planes = append([]float32(nil), s.image...), append([]float32(nil), s.planes...)
				with(pureGo, twin.run)
				with(set, s.run)
				sameBits(t, fmt.Sprint("image of ", s.op), s.image, twin.image)
				sameBits(t, fmt.Sprint("planes of ", s.op), s.planes, twin.planes)
			})
		})
	}
}
