package eigen

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"
)

// The Gram matrix of seven equal numbers, a tiny one and zero, of which gonum's own
// decomposition has an eigenvalue of 6e123.
func TestTinyBlock(t *testing.T) {
	x := []float64{1.1688137, 1.1688137, 1.1688137, 1.1688137, -5.293956e-23, 1.1688137, 1.1688137, 1.1688137, 0}
	a, trace := mat.NewSymDense(9, nil), 0.0
	for i := range x {
		for j := range x {
			a.SetSym(i, j, x[i]*x[j])
		}
		trace += x[i] * x[i]
	}
	values, vectors, ok := Symmetric(a)
	if !ok || math.Abs(values[8]-trace) > 1e-14*trace || math.Abs(values[7]) > 1e-14*trace || values[0] < -1e-14*trace {
		t.Fatalf("eigenvalues %v, %v; want %v and zeros", values, ok, trace)
	}
	for i, v := range x {
		if math.Abs(math.Abs(vectors.At(i, 8))-math.Abs(v)/math.Sqrt(trace)) > 1e-14 {
			t.Errorf("element %d of the first eigenvector is %v; x is %v", i, vectors.At(i, 8), v)
		}
	}
}

// A V = V D and V is orthogonal, for matrices of any size of numbers, with zeros,
// repeated rows and numbers of very different size.
func TestSymmetric(t *testing.T) {
	element := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(-1, 1), rapid.Float64Range(-1e-60, 1e-60),
		rapid.SampledFrom([]float64{1, -1, 1e-20, 1e-130, 5e-324}))
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		scale := math.Ldexp(1, rapid.IntRange(-900, 900).Draw(t, "scale"))
		a := mat.NewSymDense(n, nil)
		for i := range n {
			for j := range i + 1 {
				a.SetSym(i, j, scale*element.Draw(t, "element"))
			}
		}
		values, v, ok := Symmetric(a)
		if !ok {
			t.Fatal("no decomposition")
		}
		var av, vtv mat.Dense
		av.Mul(a, v)
		vtv.Mul(v.T(), v)
		tolerance := 1e-13 * float64(n) // rounding of n products, in units of the largest element
		largest := mat.Max(vtv.T())
		if math.Abs(largest-1) > tolerance {
			t.Fatalf("the longest eigenvector has squared length %v", largest)
		}
		size := 0.0
		for i := range n {
			for j := range n {
				size = max(size, math.Abs(a.At(i, j)))
			}
		}
		for j, value := range values {
			if j > 0 && value < values[j-1] {
				t.Fatalf("eigenvalues %v are not in ascending order", values)
			}
			for i := range n {
				// products may be subnormal
				if d := math.Abs(av.At(i, j) - value*v.At(i,
					j)); d > tolerance*size+4*float64(n)*math.SmallestNonzeroFloat64 {
					t.Fatalf("element %d of A v - lambda v is %v for the eigenvalue %v; the largest element of A is "+
						"%v", i, d, value, size)
				}
				want := 0.0
				if i == j {
					want = 1
				}
				if d := math.Abs(vtv.At(i, j) - want); d > tolerance {
					t.Fatalf("inner product of eigenvectors %d and %d is %v", i, j, vtv.At(i, j))
				}
			}
		}
	})
}

func TestNotFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.MaxFloat64} {
		if _, _, ok := Symmetric(mat.NewSymDense(2, []float64{bad, bad, bad, 1})); ok {
			t.Errorf("a matrix with %v was decomposed", bad)
		}
	}
	if values, _, ok := Symmetric(mat.NewSymDense(2, nil)); !ok || values[0] != 0 || values[1] != 0 {
		t.Errorf("of the zero matrix: %v, %v", values, ok)
	}
}
