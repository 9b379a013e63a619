package pca

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Kernel and Go twin give the inner products, for every shape, in float64 and
// with integers to the last bit.
func TestProducts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{8, 16, 40, 1024} {
		for _, shape := range [][2]int{{1, 1}, {4, 3}, {5, 7}, {13, 13}, {48, 10}} {
			na, nb := shape[0], shape[1]
			strideA, strideB := n+8, n+24
			whole := n < 100 // small integers: every sum is exact
			fill := func(rows, stride int) []float32 {
				x := make([]float32, rows*stride)
				for i := range x {
					if x[i] = float32(rng.NormFloat64()); whole {
						x[i] = float32(rng.IntN(9) - 4)
					}
				}
				return x
			}
			a, b := fill(roundUp(na, kernelA), strideA), fill(roundUp(nb, kernelB), strideB)
			for _, triangle := range []bool{false, true} {
				out := make([]float64, na*nb)
				products(out, nb, matrix{a, strideA, na}, matrix{b, strideB, nb}, n, triangle)
				for i := range na {
					for j := range nb {
						var want, size float64
						for c := range n {
							v := float64(a[i*strideA+c]) * float64(b[j*strideB+c])
							want += v
							size += v * v
						}
						// Each of n additions rounds a partial sum, which reaches a few times
						// sqrt(size), at random; in want as well.
						tolerance := 4 * 0x1p-53 * math.Sqrt(float64(n)*size)
						if whole {
							tolerance = 0
						}
						if triangle && j > i {
							want, tolerance = 0, 0
						}
						if got := out[i*nb+j]; math.Abs(got-want) > tolerance {
							t.Fatalf("%d columns, %v rows, triangle %v: entry %d %d is %g, want %g", n, shape,
								triangle, i, j, got, want)
						}
					}
				}
			}
		}
	}
}

// The assembly and its twin agree: on integers to the last bit, and where one
// gives NaN or an infinity, so does the other.
func TestKernelAgainstGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	const n = 32
	for round := range 50 {
		a, b := make([]float32, kernelA*n), make([]float32, kernelB*n)
		for i := range a {
			a[i] = float32(rng.IntN(9) - 4)
		}
		for i := range b {
			b[i] = float32(rng.IntN(9) - 4)
		}
		if round%2 == 1 {
			a[rng.IntN(len(a))] = float32(math.NaN())
			b[rng.IntN(len(b))] = float32(math.Inf(1))
		}
		var got, want [kernelA * kernelB]float64
		kernelExact(&got, a, n, b, n, n)
		kernelGo(&want, a, n, b, n, n)
		for i := range want {
			if got[i] != want[i] && (got[i]-got[i] == 0 || want[i]-want[i] == 0) {
				t.Fatalf("sum %d is %g, of the twin %g", i, got[i], want[i])
			}
		}
	}
}

// The Gram matrix of panels is that of the rows, for every number of rows and
// columns around what panels, tiles and chunks take, and for any number of
// workers: small integers to the last bit, others to float32 sums of a chunk.
func TestPanels(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, shape := range [][2]int{{1, 1}, {3, 300}, {24, 256}, {25, 257}, {97, 700}, {200, 512}} {
		n, columns := shape[0], shape[1]
		for _, whole := range []bool{true, false} {
			p := newPanels(n, columns+999)
			p.resize(columns)
			rows := make([][]float32, n)
			for i := range rows {
				rows[i] = make([]float32, p.chunks*sumColumns)
				for j := range columns {
					if rows[i][j] = float32(rng.NormFloat64()); whole {
						rows[i][j] = float32(rng.IntN(9) - 4)
					}
				}
			}
			for i := 0; i < n; i += groupRows {
				length := p.chunks * sumColumns
				group := make([]float32, groupRows*(length+5))
				for r := range min(groupRows, n-i) {
					copy(group[r*(length+5):], rows[i+r])
				}
				p.setRows(i, group, length+5)
			}
			var first []float64
			for workers := 1; workers <= 3; workers += 2 {
				stride := p.count * panelRows
				g := make([]float64, stride*stride)
				p.addTo(g, workers)
				if g = compact(g, stride, n); first == nil {
					first = g
				}
				for i := range n {
					for j := range i + 1 {
						var want, size float64
						for c := range columns {
							v := float64(rows[i][c]) * float64(rows[j][c])
							want += v
							size += math.Abs(v)
						}
						// Each of a chunk's additions rounds a partial sum, at random.
						tolerance := 0x1p-24 * math.Sqrt(sumColumns) * size
						if whole {
							tolerance = 0
						}
						if got := g[i*n+j]; math.Abs(got-want) > tolerance || got != first[i*n+j] {
							t.Fatalf("%v, whole %v, %d workers: entry %d %d is %g, want %g", shape, whole, workers, i,
								j, got, want)
						}
					}
				}
			}
		}
	}
}

// A NaN or an infinity in a panel is seen in every product with its row, with the
// assembly and without.
func TestPanelProductsAgainstGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	const n = 40
	for round := range 50 {
		a, b := make([]float32, panelRows*n), make([]float32, panelRows*n)
		for i := range a {
			a[i], b[i] = float32(rng.IntN(9)-4), float32(rng.IntN(9)-4)
		}
		if round%2 == 1 {
			a[rng.IntN(len(a))] = float32(math.NaN())
			b[rng.IntN(len(b))] = float32(math.Inf(1))
		}
		const stride = panelRows + 5
		got, want := make([]float64, panelGroup*stride), make([]float64, panelGroup*stride)
		for i := range got {
			got[i], want[i] = 7, 7
		}
		panelProducts(got, stride, a[8:], b, n)
		panelProductsGo(want, stride, a[8:], b, n)
		for i, w := range want {
			if g := got[i]; g != w && (g-g == 0 || w-w == 0) {
				t.Fatalf("sum %d is %g, of the twin %g", i, g, w)
			}
		}
	}
}

// Combinations of rows are the sums that they say, for more and fewer of them
// than one call makes; integers are exact.
func TestCombiner(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for _, shape := range [][3]int{{1, 1, 8}, {7, 2, 16}, {30, 6, 8}, {50, 11, 40}} {
		rows, count, n := shape[0], shape[1], shape[2]
		x := matrix{make([]float32, rows*(n+16)), n + 16, rows}
		for i := range x.data {
			x.data[i] = float32(rng.IntN(100) - 50)
		}
		u, dst := make([][]float64, count), make([][]float64, count)
		for k := range u {
			dst[k] = make([]float64, n)
			for range rows {
				u[k] = append(u[k], float64(rng.IntN(100)-50))
			}
		}
		newCombiner(u).to(dst, x, 8, n)
		for k := range u {
			for j := range n {
				var want float64
				for i := range rows {
					want += u[k][i] * float64(x.data[i*x.stride+j])
				}
				if j < 8 {
					want = 0 // not asked for
				}
				if dst[k][j] != want {
					t.Fatalf("%v: combination %d, column %d is %g, want %g", shape, k, j, dst[k][j], want)
				}
			}
		}
		var got, want [combineSums * combineColumns]float64
		pack := newCombiner(u).packs[0]
		combine(&got, x.data, x.stride, pack, rows)
		combineGo(&want, x.data, x.stride, pack, rows)
		if got != want {
			t.Fatalf("%v: the kernel gives %v, its twin %v", shape, got, want)
		}
	}
}

// compact turns a matrix with rows of the given stride into one with rows of n, in
// place.
func compact(g []float64, stride, n int) []float64 {
	for i := range n {
		copy(g[i*n:(i+1)*n], g[i*stride:])
	}
	return g[: n*n : n*n]
}
