package sketch

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func mustProjection(t testing.TB, length, k int, seed uint64) *Projection {
	t.Helper()
	p, err := NewProjection(length, k, seed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func project(p *Projection, v []float32, workers int) []float32 {
	out := make([]float32, p.Dim())
	p.To(out, v, workers)
	return out
}

func dot(a, b []float32) float64 {
	s := 0.0
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

// matrix writes the map out, column by column.
func matrix(p *Projection) [][]float32 {
	columns := make([][]float32, p.length)
	v := make([]float32, p.length)
	for i := range columns {
		v[i] = 1
		columns[i] = project(p, v, 1)
		v[i] = 0
	}
	return columns
}

// Every column has one entry of 1/2 or -1/2 in each block, so a unit vector's
// norm is exact; places and signs are spread evenly.
func TestProjectionColumns(t *testing.T) {
	const length, k = 4096, 64
	var places [k]int
	signs := 0
	for i, c := range matrix(mustProjection(t, length, k, 1)) {
		for b := range blocks {
			n := 0
			for j, v := range c[b*k/blocks : (b+1)*k/blocks] {
				if v == 0 {
					continue
				}
				if n++; v != 0.5 && v != -0.5 {
					t.Fatalf("column %d has the entry %v", i, v)
				}
				places[b*k/blocks+j]++
				if v > 0 {
					signs++
				}
			}
			if n != 1 {
				t.Fatalf("column %d has %d entries in block %d, want 1", i, n, b)
			}
		}
	}
	chi := 0.0 // 64 places with 3 degrees lost to the blocks' sums: mean 60, standard deviation 11
	const want = float64(length) / (k / blocks)
	for _, n := range places {
		chi += (float64(n) - want) * (float64(n) - want) / want
	}
	if chi < 60-4*11 || chi > 60+5*11 {
		t.Errorf("chi squared of the places is %.1f, want about 60", chi)
	}
	if sd := math.Sqrt(length * blocks / 4); math.Abs(float64(signs)-length*blocks/2) > 4*sd {
		t.Errorf("%d of %d signs are positive", signs, length*blocks)
	}
}

// On whole numbers every sum is exact: the map is linear bit for bit, and equals
// the product with its matrix.
func TestProjectionLinear(t *testing.T) {
	const length, k = 300, 32
	p := mustProjection(t, length, k, 7)
	columns := matrix(p)
	vector := rapid.SliceOfN(rapid.Int32Range(-1000, 1000), length, length)
	rapid.Check(t, func(t *rapid.T) {
		a, b := vector.Draw(t, "a"), vector.Draw(t, "b")
		scale := float32(rapid.IntRange(-8, 8).Draw(t, "scale"))
		x, y, z := make([]float32, length), make([]float32, length), make([]float32, length)
		want := make([]float32, k)
		for i := range x {
			x[i], y[i] = float32(a[i]), float32(b[i])
			z[i] = scale*x[i] + y[i]
			for j, v := range columns[i] {
				want[j] += v * z[i]
			}
		}
		sx, sy, sz := project(p, x, 1), project(p, y, 1), project(p, z, 1)
		for j := range sz {
			if sz[j] != scale*sx[j]+sy[j] || sz[j] != want[j] {
				t.Fatalf("element %d: S(sx+y) = %v, s Sx + Sy = %v, by the matrix %v",
					j, sz[j], scale*sx[j]+sy[j], want[j])
			}
		}
	})
}

func TestProjectionWorkers(t *testing.T) {
	const length = 5*chunk + 17
	v := make([]float32, length)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	p := mustProjection(t, length, 64, 3)
	want := project(p, v, 1)
	for _, workers := range []int{-1, 0, 2, 3, 5, 6, 100} {
		if got := project(p, v, workers); !slices.Equal(got, want) {
			t.Errorf("%d workers give other bits than one", workers)
		}
	}
	if got := project(mustProjection(t, length, 64, 4), v, 1); slices.Equal(got, want) {
		t.Error("another seed gives the same projection")
	}
}

// The map is part of the format: recordings of one seed must stay comparable.
func TestProjectionPinned(t *testing.T) {
	v := make([]float32, 40)
	for i := range v {
		v[i] = float32(i + 1)
	}
	got := project(mustProjection(t, 40, 16, 1), v, 1)
	// by an implementation in another language
	want := []float32{3.5, 25.5, 40, 36, 40, 61.5, 9.5, 30, 22, -18.5, 48, -59.5, -16.5, 8.5, 5, 30}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// vectors of different shapes: what a bound for every vector must hold for.
func testVectors(length int) map[string][2][]float32 {
	rng := rand.New(rand.NewPCG(11, 0))
	out := map[string][2][]float32{}
	make2 := func(name string, fill func(i int) (float32, float32)) {
		x, y := make([]float32, length), make([]float32, length)
		for i := range x {
			x[i], y[i] = fill(i)
		}
		out[name] = [2][]float32{x, y}
	}
	make2("normal", func(int) (float32, float32) {
		return float32(rng.NormFloat64()), float32(rng.NormFloat64())
	})
	make2("correlated", func(int) (float32, float32) {
		a := rng.NormFloat64()
		return float32(a), float32(a + 0.3*rng.NormFloat64())
	})
	make2("heavy tails", func(int) (float32, float32) {
		return float32(math.Tan(math.Pi * (rng.Float64() - 0.5))), float32(rng.NormFloat64())
	})
	make2("constant", func(int) (float32, float32) { return 1, -2 })
	make2("two elements", func(i int) (float32, float32) {
		if i < 2 {
			return 1, float32(1 - 2*i)
		}
		return 0, 0
	})
	make2("ten elements", func(i int) (float32, float32) {
		if i%(length/10) == 0 {
			return float32(rng.NormFloat64()), 1
		}
		return 0, 0
	})
	return out
}

// Over seeds: no bias, a variance within the stated one, and no more failures
// than Chebyshev's bound allows (for most vectors far fewer).
func TestProjectionError(t *testing.T) {
	const length, seeds = 1000, 600
	for _, k := range []int{32, 256} {
		for name, v := range testVectors(length) {
			t.Run(fmt.Sprintf("k=%d/%s", k, name), func(t *testing.T) {
				x, y := v[0], v[1]
				xx, yy, xy := dot(x, x), dot(y, y), dot(x, y)
				var norm, inner moments
				beyond := 0
				eps := mustProjection(t, length, k, 0).ErrorBound(0.9)
				for seed := range uint64(seeds) {
					p := mustProjection(t, length, k, seed)
					sx, sy := project(p, x, 1), project(p, y, 1)
					e := dot(sx, sx)/xx - 1
					norm.add(e)
					inner.add((dot(sx, sy) - xy) / math.Sqrt(xx*yy))
					if math.Abs(e) > eps {
						beyond++
					}
				}
				for _, c := range []struct {
					name  string
					m     moments
					bound float64
				}{
					{"norm", norm, 2 / float64(k)},
					{"inner product", inner, (1 + xy*xy/(xx*yy)) / float64(k)},
				} {
					if limit := 4.5 * math.Sqrt(c.bound/seeds); math.Abs(c.m.mean()) > limit {
						t.Errorf("%s: mean relative error %.4f, want 0 within %.4f", c.name, c.m.mean(), limit)
					}
					// 600 seeds estimate a variance to about 6 %, more with heavy tails
					if c.m.variance() > 1.3*c.bound {
						t.Errorf("%s: variance %.3g, want at most %.3g", c.name, c.m.variance(), c.bound)
					}
				}
				if beyond > seeds/10 {
					t.Errorf("%d of %d seeds were off by more than %.3f, want at most 10 %%", beyond, seeds, eps)
				}
			})
		}
	}
}

type moments struct{ n, sum, squares float64 }

func (m *moments) add(v float64) { m.n, m.sum, m.squares = m.n+1, m.sum+v, m.squares+v*v }

func (m moments) mean() float64 { return m.sum / m.n }

func (m moments) variance() float64 { return m.squares/m.n - m.mean()*m.mean() }

func TestProjectionNaN(t *testing.T) {
	p := mustProjection(t, 100, 32, 1)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		v := make([]float32, 100)
		v[17] = float32(bad)
		n := 0
		for _, s := range project(p, v, 1) {
			if s-s != 0 {
				n++
			}
		}
		if n != blocks {
			t.Errorf("%v reached %d elements, want %d", bad, n, blocks)
		}
	}
}

func TestProjectionRefused(t *testing.T) {
	for _, c := range []struct{ length, k int }{
		{1000, 0},
		{1000, 12},
		{1000, 18},
		{1000, -16},
		{100_000, 16388},
		{16, 16},
		{15, 16},
	} {
		if _, err := NewProjection(c.length, c.k, 0); err == nil {
			t.Errorf("%d of %d was accepted", c.k, c.length)
		}
	}
	p := mustProjection(t, 100, 32, 0)
	if got, want := p.ErrorBound(0.75), 0.5; got != want {
		t.Errorf("bound %v, want %v", got, want)
	}
	if got := p.ErrorBound(1); !math.IsNaN(got) {
		t.Errorf("bound that always holds: %v, want NaN", got)
	}
}

func BenchmarkProjection(b *testing.B) {
	for _, length := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("P=%d", length), func(b *testing.B) {
			p := mustProjection(b, length, 256, 1)
			v := make([]float32, length)
			for i := range v {
				v[i] = float32(i)
			}
			out := make([]float32, p.Dim())
			b.SetBytes(int64(4 * length))
			for b.Loop() {
				p.To(out, v, 1)
			}
		})
	}
}
