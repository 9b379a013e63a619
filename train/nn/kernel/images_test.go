package kernel

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// drawShape draws the pixels and channels of images for elementwise kernels.
func drawShape(t *rapid.T) (Image, int) {
	return Image{
		Height: rapid.IntRange(1, 6).Draw(t, "height"), Width: rapid.IntRange(1, 9).Draw(t, "width"),
		Channels: rapid.SampledFrom(storedChannels).Draw(t, "channels"),
	}, rapid.IntRange(1, 3).Draw(t, "images")
}

// drawLike draws images of a shape with another halo.
func drawLike[T Float](t *rapid.T, shape Image, n int) Images[T] {
	shape.Halo = rapid.IntRange(0, 2).Draw(t, "halo")
	return drawImages[T](t, shape, n, shape.Channels)
}

// rectify changes m to a possible result of a ReLU, with some NaN.
func (m Images[T]) rectify(t *rapid.T) {
	nan := rapid.Bool().Draw(t, "nan")
	m.each(func(_, _, _, c, at int) {
		if m.Data[at] < 0 {
			m.Data[at] = 0
		} else if nan && c%7 == 3 {
			m.Data[at] = T(math.NaN())
		}
	})
}

// value returns an element in float64.
func (m Images[T]) value(i, y, x, c int) float64 {
	return float64(m.Data[i*m.Len()+m.At(y, x)+c])
}

func relu(v float64) float64 {
	if v < 0 {
		return 0
	}
	return v
}

func gradientOfReLU(dy, y float64) float64 {
	if y <= 0 {
		return 0
	}
	return dy
}

// vectors draws one value per channel for each of n names.
func vectors[T Float](t *rapid.T, n, channels int) [][]T {
	r := generator(t)
	result := make([][]T, n)
	for i := range result {
		result[i] = fill(r, guarded[T](t, channels, place(t)))
	}
	return result
}

func testNormForward[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape, n := drawShape(t)
		x, res, y := drawLike[T](t, shape, n), drawLike[T](t, shape, n), drawLike[T](t, shape, n)
		spike(t, x.Data)
		v := vectors[T](t, 3, shape.Channels)
		p := Norm[T]{Mean: v[0], Scale: v[1], Shift: v[2], ReLU: rapid.Bool().Draw(t, "relu")}
		if rapid.Bool().Draw(t, "no residual") {
			res.Data = nil
		}
		halo := y.soilHalo(t)
		NormForward(y, x, res, p)
		halo()
		y.each(func(i, py, px, c, at int) {
			d := x.value(i, py, px, c) - float64(p.Mean[c])
			want := d*float64(p.Scale[c]) + float64(p.Shift[c])
			size := math.Abs(d*float64(p.Scale[c])) + math.Abs(float64(p.Shift[c]))
			if res.Data != nil {
				want += res.value(i, py, px, c)
				size += math.Abs(res.value(i, py, px, c))
			}
			if p.ReLU {
				want = relu(want)
			}
			closeTo(t, "NormForward", at, float64(y.Data[at]), want, 5*size*unit[T]())
		})
	})
}

func testNormBackward[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape, n := drawShape(t)
		draw := func() Images[T] { return drawLike[T](t, shape, n) }
		x, y, dy, keep, dx := draw(), draw(), draw(), draw(), draw()
		y.rectify(t)
		v := vectors[T](t, 4, shape.Channels)
		stats := NewStats[T](shape.Channels)
		copy(stats.Pivot, v[0])
		stats.First[0] = 5 // sums are added to
		p := NormGradient[T]{Mean: v[0], Gradient: v[1], Centred: v[2], Constant: v[3]}
		if rapid.Bool().Draw(t, "no relu") {
			y.Data, keep.Data = nil, nil
		} else if rapid.Bool().Draw(t, "not kept") {
			keep.Data = nil
		}
		if keep.Data != nil {
			defer keep.soilHalo(t)()
		}
		defer dx.soilHalo(t)()
		NormSums(stats, dy, y, x, keep)
		NormInput(dx, dy, y, x, p)

		first, second := newSums(shape.Channels), newSums(shape.Channels)
		first.add(0, 5)
		dx.each(func(i, py, px, c, at int) {
			g := dy.value(i, py, px, c)
			if y.Data != nil {
				g = gradientOfReLU(g, y.value(i, py, px, c))
			}
			if keep.Data != nil {
				closeTo(t, "keep", at, keep.value(i, py, px, c), g, 0)
			}
			d := x.value(i, py, px, c) - float64(p.Mean[c])
			first.add(c, g)
			second.add(c, g*d)
			a, b, k := float64(p.Gradient[c])*g, float64(p.Centred[c])*d, float64(p.Constant[c])
			closeTo(t, "NormInput", at, float64(dx.Data[at]), a+b+k, 6*unit[T]()*(math.Abs(a)+math.Abs(b)+math.Abs(k)))
		})
		roundings := float64(shape.Height*shape.Width+n+3) * unit[T]()
		for c := range shape.Channels {
			closeTo(t, "First", c, stats.First[c], first.value[c], roundings*first.size[c])
			closeTo(t, "Second", c, stats.Second[c], second.value[c], roundings*second.size[c])
		}
	})
}

func testMaskReLUImages[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape, n := drawShape(t)
		y, dy, g := drawLike[T](t, shape, n), drawLike[T](t, shape, n), drawLike[T](t, shape, n)
		y.rectify(t)
		var stats *Stats[T]
		if rapid.Bool().Draw(t, "stats") {
			stats = NewStats[T](shape.Channels)
		}
		defer g.soilHalo(t)()
		MaskReLUImages(g, dy, y, stats)
		sum := newSums(shape.Channels)
		g.each(func(i, py, px, c, at int) {
			want := gradientOfReLU(dy.value(i, py, px, c), y.value(i, py, px, c))
			closeTo(t, "MaskReLUImages", at, float64(g.Data[at]), want, 0)
			sum.add(c, want)
		})
		if stats != nil {
			for c, want := range sum.value {
				closeTo(t, "sum", c, stats.First[c], want, sum.size[c]*float64(shape.Height*shape.Width+n)*unit[T]())
			}
		}
	})
}

func testMaxPool[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape, n := drawShape(t)
		shape.Height++
		shape.Width++
		x := drawLike[T](t, shape, n)
		if rapid.Bool().Draw(t, "ties") {
			x.rectify(t)
		}
		small := shape
		small.Height, small.Width = shape.Height/2, shape.Width/2
		y, dy, dx := drawLike[T](t, small, n), drawLike[T](t, small, n), drawLike[T](t, shape, n)
		rectified := rapid.Bool().Draw(t, "relu")
		halo := y.soilHalo(t)
		MaxPool(y, x)
		halo()
		defer dx.soilHalo(t)()
		MaxPoolInput(dx, dy, y, x, rectified)

		xt, yt := drawLike[T](t, shape, n), drawLike[T](t, small, n)
		defer yt.soilHalo(t)()
		MaxPoolTangent(yt, xt, y, x, rectified)

		want := make([]float64, len(dx.Data))
		y.each(func(i, py, px, c, at int) {
			largest, first, pixel := math.Inf(-1), -1, [2]int{}
			for _, p := range [4][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
				v := x.value(i, 2*py+p[0], 2*px+p[1], c)
				if v > largest || (math.IsNaN(v) && !math.IsNaN(largest)) {
					pixel = [2]int{2*py + p[0], 2*px + p[1]}
					largest, first = v, i*dx.Len()+dx.At(pixel[0], pixel[1])+c
				}
				if math.IsNaN(v) {
					// Documented: with NaN the first of the four gets the gradient.
					pixel = [2]int{2 * py, 2 * px}
					largest, first = v, i*dx.Len()+dx.At(pixel[0], pixel[1])+c
				}
			}
			closeTo(t, "MaxPool", at, float64(y.Data[at]), largest, 0)
			want[first] = dy.value(i, py, px, c)
			tangent := xt.value(i, pixel[0], pixel[1], c)
			if rectified {
				want[first] = gradientOfReLU(want[first], largest)
				tangent = gradientOfReLU(tangent, largest)
			}
			closeTo(t, "MaxPoolTangent", at, yt.value(i, py, px, c), tangent, 0)
		})
		dx.each(func(_, _, _, _, at int) { closeTo(t, "MaxPoolInput", at, float64(dx.Data[at]), want[at], 0) })
	})
}

func testMeanPool[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape, n := drawShape(t)
		x, dx := drawLike[T](t, shape, n), drawLike[T](t, shape, n)
		defer dx.soilHalo(t)()
		stride := shape.Channels + rapid.IntRange(0, 2).Draw(t, "gap")
		y := Matrix[T]{Data: make([]T, n*stride), Rows: n, Cols: shape.Channels, Stride: stride}
		stats := NewStats[T](shape.Channels)
		MeanPool(y, x, stats)
		MeanPoolInput(dx, y)
		sum, area := newSums(len(y.Data)), float64(shape.Height*shape.Width)
		x.each(func(i, py, px, c, _ int) { sum.add(i*stride+c, x.value(i, py, px, c)) })
		for i, got := range y.Data {
			closeTo(t, "MeanPool", i, float64(got), sum.value[i]/area, (area+1)/area*sum.size[i]*unit[T]())
		}
		dx.each(func(i, _, _, c, at int) {
			want := float64(y.Data[i*stride+c]) / area
			closeTo(t, "MeanPoolInput", at, float64(dx.Data[at]), want, math.Abs(want)*unit[T]())
		})
	})
}

func TestElementwise(t *testing.T) {
	for _, c := range []struct {
		name    string
		float32 func(*testing.T)
		float64 func(*testing.T)
	}{
		{"NormForward", testNormForward[float32], testNormForward[float64]},
		{"NormBackward", testNormBackward[float32], testNormBackward[float64]},
		{"MaskReLUImages", testMaskReLUImages[float32], testMaskReLUImages[float64]},
		{"MaxPool", testMaxPool[float32], testMaxPool[float64]},
		{"MeanPool", testMeanPool[float32], testMeanPool[float64]},
	} {
		t.Run(c.name, func(t *testing.T) {
			onEach(t, c.float32)
			t.Run("float64", c.float64)
		})
	}
}

func TestLoad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape, n := drawShape(t)
		m := drawLike[float32](t, shape, n)
		channels := rapid.IntRange(1, shape.Channels).Draw(t, "real channels")
		pixels := fill(generator(t), make([]float32, shape.Height*shape.Width*channels))
		before := append([]float32(nil), m.Data...)
		i := rapid.IntRange(0, n-1).Draw(t, "i")
		m.Load(i, pixels, channels)
		m.each(func(image, y, x, c, at int) {
			want := before[at]
			if image == i {
				want = 0
				if c < channels {
					want = pixels[(y*m.Width+x)*channels+c]
				}
			}
			before[at] = want
		})
		sameBits(t, "Load", m.Data, before)
	})
}

func TestPadChannels(t *testing.T) {
	for n, want := range map[int]int{1: 8, 6: 8, 8: 8, 9: 16, 16: 16, 17: 32, 64: 64} {
		if got := PadChannels(n); got != want {
			t.Errorf("PadChannels(%d) = %d, want %d", n, got, want)
		}
	}
}

// TestStatsKeepTheVarianceOfShiftedValues: sums around a pivot keep the variance
// of values far from zero.
func TestStatsKeepTheVarianceOfShiftedValues(t *testing.T) {
	onEach(t, func(t *testing.T) {
		shape := Image{Height: 32, Width: 32, Channels: 16, Halo: 1}
		x := NewImages[float32](shape, 4)
		state := uint32(1)
		x.each(func(_, _, _, c, at int) {
			state = state*1664525 + 1013904223
			x.Data[at] = 1000*float32(c) + float32(state>>8)/(1<<24)
		})
		stats := NewStats[float32](shape.Channels)
		for c := range stats.Pivot {
			stats.Pivot[c] = 1000*float32(c) + 0.3
		}
		stats.AddImages(x)
		n := 4 * 32 * 32
		mean, variance := make([]float64, 16), make([]float64, 16)
		stats.Moments(n, mean, variance)
		for c := range 16 {
			var sum, squares float64
			x.each(func(_, _, _, d, at int) {
				if d == c {
					v := float64(x.Data[at]) - 1000*float64(c)
					sum, squares = sum+v, squares+v*v
				}
			})
			m := sum / float64(n)
			closeTo(t, "mean", c, mean[c], 1000*float64(c)+m, 1e-6)
			closeTo(t, "variance", c, variance[c], squares/float64(n)-m*m, 1e-6)
		}
	})
}

// TestElementwiseBits: AVX2 and AVX-512 give the same bits, and so do images in
// one call or in two.
func TestElementwiseBits(t *testing.T) {
	sets := assembly(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		shape, n := drawShape(t)
		x, y, dy := drawLike[float32](t, shape, n), drawLike[float32](t, shape, n), drawLike[float32](t, shape, n)
		y.rectify(t)
		v := vectors[float32](t, 4, shape.Channels)
		all := func(cut int) []float32 {
			stats, g, dx := NewStats[float32](shape.Channels), NewImages[float32](shape, n),
				NewImages[float32](shape, n)
			copy(stats.Pivot, v[0])
			for _, p := range [][2]int{{0, cut}, {cut, n}} {
				xs, ys, dys, gs := x.Slice(p[0], p[1]), y.Slice(p[0], p[1]), dy.Slice(p[0], p[1]), g.Slice(p[0], p[1])
				stats.AddImages(xs)
				NormSums(stats, dys, ys, xs, gs)
				NormInput(dx.Slice(p[0], p[1]), dys, ys, xs,
					NormGradient[float32]{Mean: v[0], Gradient: v[1], Centred: v[2], Constant: v[3]})
				NormForward(gs, xs, gs, Norm[float32]{Mean: v[0], Scale: v[1], Shift: v[2], ReLU: true})
			}
			result := append(append([]float32(nil), g.Data...), dx.Data...)
			for _, s := range append(stats.First, stats.Second...) {
				result = append(result, float32(s))
			}
			return result
		}
		var want []float32
		with(sets[0], func() { want = all(0) })
		cut := rapid.IntRange(0, n).Draw(t, "cut")
		with(sets[len(sets)-1], func() { sameBits(t, Name(), all(cut), want) })
	})
}

// TestReLUKeepsNaN: every kernel that rectifies keeps NaN.
func TestReLUKeepsNaN(t *testing.T) {
	onEach(t, func(t *testing.T) {
		nan := float32(math.NaN())
		c := Dense(make([]float32, 16), 1, 16)
		a, b := Dense([]float32{1}, 1, 1), Dense(make([]float32, 16), 1, 16)
		for i := range b.Data {
			b.Data[i] = []float32{nan, -1, 2, float32(math.Inf(-1))}[i%4]
		}
		want := func(i int) float32 { return []float32{nan, 0, 2, 0}[i%4] }
		MulNN(c, a, b, Epilogue[float32]{ReLU: true}, new(Scratch[float32]))
		shape := Image{Height: 1, Width: 1, Channels: 16}
		x := Images[float32]{Image: shape, Data: b.Data}
		y, z := NewImages[float32](shape, 1), NewImages[float32](shape, 1)
		zero, one := make([]float32, 16), []float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
		NormForward(y, x, Images[float32]{}, Norm[float32]{Mean: zero, Scale: one, Shift: zero, ReLU: true})
		NormForward(z, x, y, Norm[float32]{Mean: zero, Scale: zero, Shift: zero, ReLU: true})
		for i := range 16 {
			sameBits(t, "product", c.Data[i:i+1], []float32{want(i)})
			sameBits(t, "norm", y.Data[i:i+1], []float32{want(i)})
			if i%4 != 3 { // there infinity times zero is NaN, rightly
				sameBits(t, "residual", z.Data[i:i+1], []float32{want(i)})
			}
		}
	})
}

func TestElementwiseAllocatesNothing(t *testing.T) {
	onEach(t, func(t *testing.T) {
		shape := Image{Height: 4, Width: 4, Channels: 24, Halo: 1}
		x, y := NewImages[float32](shape, 2), NewImages[float32](shape, 2)
		v, stats := make([]float32, 24), NewStats[float32](24)
		small := NewImages[float32](Image{Height: 2, Width: 2, Channels: 24}, 2)
		m := Dense(make([]float32, 48), 2, 24)
		if n := testing.AllocsPerRun(10, func() {
			NormForward(y, x, x, Norm[float32]{Mean: v, Scale: v, Shift: v})
			NormSums(stats, y, x, x, y)
			NormInput(y, y, x, x, NormGradient[float32]{Mean: v, Gradient: v, Centred: v, Constant: v})
			MaskReLUImages(y, y, x, stats)
			MaxPool(small, x)
			MaxPoolInput(x, small, small, x, true)
			MaxPoolTangent(small, x, small, x, true)
			MeanPool(m, x, stats)
			MeanPoolInput(x, m)
		}); n != 0 {
			t.Errorf("%v allocations, want none", n)
		}
	})
}
