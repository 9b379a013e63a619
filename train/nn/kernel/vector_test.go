package kernel

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func drawLength(t *rapid.T) int {
	return rapid.OneOf(rapid.IntRange(0, 70), rapid.IntRange(4000, 4200), rapid.IntRange(16380, 16420)).Draw(t, "n")
}

// spike adds NaN, infinities, zeros of both signs and ties.
func spike[T Float](t *rapid.T, vectors ...[]T) {
	if !rapid.Bool().Draw(t, "special") {
		return
	}
	values := []T{T(math.NaN()), T(math.Inf(1)), T(math.Inf(-1)), 0, T(math.Copysign(0, -1))}
	r := generator(t)
	for _, v := range vectors {
		for range min(len(v), 1+len(v)/4) {
			v[r.IntN(len(v))] = values[r.IntN(len(values))]
		}
	}
}

func testVectors[T Float](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, n := generator(t), drawLength(t)
		vector := func() []T { return fill(r, guarded[T](t, n, place(t))) }
		x, y, dst := vector(), vector(), vector()
		spike(t, x, y)
		alpha, beta := T(r.NormFloat64()), T(r.NormFloat64())
		bound := func(i int, a, b float64) float64 {
			return 3 * unit[T]() * (math.Abs(a*float64(x[i])) + math.Abs(b*float64(y[i])))
		}

		ScaleAdd(dst, alpha, x, beta, y)
		for i := range dst {
			want := float64(alpha)*float64(x[i]) + float64(beta)*float64(y[i])
			closeTo(t, "ScaleAdd", i, float64(dst[i]), want, bound(i, float64(alpha), float64(beta)))
		}
		// A part computed alone has the same bits.
		low := rapid.IntRange(0, n).Draw(t, "low")
		part := vector()
		ScaleAdd(part[low:], alpha, x[low:], beta, y[low:])
		sameBits(t, "ScaleAdd of a part", part[low:], dst[low:])

		copy(dst, y)
		Axpy(dst, alpha, x)
		for i := range dst {
			closeTo(t, "Axpy", i, float64(dst[i]), float64(alpha)*float64(x[i])+float64(y[i]),
				bound(i, float64(alpha), 1))
		}

		MaskReLU(dst, x, y)
		for i := range dst {
			want := x[i]
			if y[i] <= 0 {
				want = 0
			}
			sameBits(t, "MaskReLU", dst[i:i+1], []T{want})
		}
	})
}

func TestVectors(t *testing.T) {
	onEach(t, testVectors[float32])
	t.Run("float64", testVectors[float64])
}

func TestVectorsHaveTheSameBitsInAVX2AndAVX512(t *testing.T) {
	assembly(t, 2)
	rapid.Check(t, func(t *rapid.T) {
		r, n := generator(t), drawLength(t)
		x, y := fill(r, make([]float32, n)), fill(r, make([]float32, n))
		results := func() []float32 {
			dst := make([]float32, n)
			ScaleAdd(dst, 1.25, x, -0.3, y)
			return dst
		}
		var want, got []float32
		with(useAVX2, func() { want = results() })
		with(useAVX512, func() { got = results() })
		sameBits(t, "AVX-512 against AVX2", got, want)
	})
}

func TestVectorsAllocateNothing(t *testing.T) {
	onEach(t, func(t *testing.T) {
		x, y := make([]float32, 1003), make([]float32, 1003)
		if n := testing.AllocsPerRun(10, func() { Axpy(y, 2, x); MaskReLU(x, x, y) }); n != 0 {
			t.Errorf("%v allocations, want none", n)
		}
	})
}
