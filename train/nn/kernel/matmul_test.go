package kernel

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// productCase is a random product with gaps between the rows of every matrix.
type productCase[T Float] struct {
	m, n, k    int
	a, at      Matrix[T] // (m, k) and its transpose
	b, bt      Matrix[T]
	bias       []T
	accumulate bool
	relu       bool
	c          Matrix[T]
	start      []T // what c.Data was
}

func drawSize(t *rapid.T, name string) int {
	return rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, 70), rapid.SampledFrom([]int{16, 32, 48, 128})).Draw(t,
		name)
}

func drawProduct[T Float](t *rapid.T) productCase[T] {
	r := generator(t)
	p := productCase[T]{m: drawSize(t, "m"), n: drawSize(t, "n"), k: drawSize(t, "k")}
	if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
		p.k = rapid.IntRange(500, 1100).Draw(t, "long k")
	}
	matrix := func(rows, cols int) Matrix[T] {
		stride := cols + rapid.IntRange(0, 3).Draw(t, "gap")
		data := guarded[T](t, (rows-1)*stride+cols, place(t))
		return Matrix[T]{Data: fill(r, data), Rows: rows, Cols: cols, Stride: stride}
	}
	transposed := func(m Matrix[T]) Matrix[T] {
		n := matrix(m.Cols, m.Rows)
		for i := range m.Rows {
			for j := range m.Cols {
				n.Data[j*n.Stride+i] = m.Data[i*m.Stride+j]
			}
		}
		return n
	}
	p.a, p.b, p.c = matrix(p.m, p.k), matrix(p.k, p.n), matrix(p.m, p.n)
	if rapid.IntRange(0, 4).Draw(t, "special") == 0 {
		for range 3 {
			p.a.Data[r.IntN(len(p.a.Data))] = T(math.NaN())
			p.b.Data[r.IntN(len(p.b.Data))] = T(math.Inf(1))
			p.c.Data[r.IntN(len(p.c.Data))] = T(math.NaN())
		}
	}
	p.at, p.bt = transposed(p.a), transposed(p.b)
	if rapid.Bool().Draw(t, "bias") {
		p.bias = fill(r, guarded[T](t, p.n, place(t)))
	}
	p.accumulate, p.relu = rapid.Bool().Draw(t, "accumulate"), rapid.Bool().Draw(t, "relu")
	p.start = append([]T(nil), p.c.Data...)
	return p
}

// check compares c with the sum in float64. The gaps between rows must not change.
func (p *productCase[T]) check(t *rapid.T, what string) {
	for i := range p.c.Data {
		r, j := i/p.c.Stride, i%p.c.Stride
		if j >= p.n {
			sameBits(t, what+" gap", p.c.Data[i:i+1], p.start[i:i+1])
			continue
		}
		var sum, size float64
		add := func(v float64) { sum += v; size += math.Abs(v) }
		for k := range p.k {
			add(float64(p.a.Data[r*p.a.Stride+k]) * float64(p.b.Data[k*p.b.Stride+j]))
		}
		if p.bias != nil {
			add(float64(p.bias[j]))
		}
		if p.accumulate {
			add(float64(p.start[i]))
		}
		if p.relu && sum < 0 {
			sum = 0
		}
		// Every addition rounds once, relative to a partial sum of at most size;
		// without fused multiply-add the products do too.
		closeTo(t, what, i, float64(p.c.Data[i]), sum, size*float64(p.k+3)*unit[T]())
	}
}

func testProducts[T Float](t *testing.T) {
	scratch := &Scratch[T]{}
	rapid.Check(t, func(t *rapid.T) {
		p := drawProduct[T](t)
		e := Epilogue[T]{Bias: p.bias, Accumulate: p.accumulate, ReLU: p.relu}
		fill(generator(t), scratch.b[:]) // its content must not matter

		packed := guarded[T](t, PackedLen(p.n, p.k), place(t))
		Pack(packed, p.bt)
		MulPacked(p.c, p.a, packed, e, scratch)
		p.check(t, "MulPacked")
		first := append([]T(nil), p.c.Data...)

		copy(p.c.Data, p.start)
		MulNN(p.c, p.a, p.b, e, scratch)
		p.check(t, "MulNN")
		sameBits(t, "MulNN against MulPacked", p.c.Data, first)

		copy(p.c.Data, p.start)
		MulTN(p.c, p.at, p.b, e, scratch)
		p.check(t, "MulTN")
		sameBits(t, "MulTN against MulPacked", p.c.Data, first)
	})
}

func TestProducts(t *testing.T) {
	onEach(t, testProducts[float32])
	t.Run("float64", testProducts[float64])
}

// TestProductsHaveTheSameBitsInAVX2AndAVX512: both add in the same order with the
// same rounding.
func TestProductsHaveTheSameBitsInAVX2AndAVX512(t *testing.T) {
	assembly(t, 2)
	scratch := &Scratch[float32]{}
	rapid.Check(t, func(t *rapid.T) {
		p := drawProduct[float32](t)
		e := Epilogue[float32]{Bias: p.bias, Accumulate: p.accumulate, ReLU: p.relu}
		with(useAVX2, func() { MulNN(p.c, p.a, p.b, e, scratch) })
		want := append([]float32(nil), p.c.Data...)
		copy(p.c.Data, p.start)
		with(useAVX512, func() { MulNN(p.c, p.a, p.b, e, scratch) })
		sameBits(t, "AVX-512 against AVX2", p.c.Data, want)
	})
}

// TestProductsOfBands: a band of rows or of columns has the bits of the whole
// product.
func TestProductsOfBands(t *testing.T) {
	onEach(t, func(t *testing.T) {
		scratch := &Scratch[float32]{}
		rapid.Check(t, func(t *rapid.T) {
			p := drawProduct[float32](t)
			e := Epilogue[float32]{Accumulate: p.accumulate, ReLU: p.relu}
			MulTN(p.c, p.at, p.b, e, scratch)
			want := append([]float32(nil), p.c.Data...)
			copy(p.c.Data, p.start)
			r, j := rapid.IntRange(0, p.m).Draw(t, "row"), rapid.IntRange(0, p.n).Draw(t, "column")
			for _, rows := range [][2]int{{0, r}, {r, p.m}} {
				for _, cols := range [][2]int{{0, j}, {j, p.n}} {
					MulTN(p.c.Band(rows[0], rows[1]).Columns(cols[0], cols[1]),
						p.at.Columns(rows[0], rows[1]), p.b.Columns(cols[0], cols[1]), e, scratch)
				}
			}
			sameBits(t, "bands", p.c.Data, want)
		})
	})
}

func TestColumnSums(t *testing.T) {
	onEach(t, func(t *testing.T) {
		scratch := &Scratch[float32]{}
		rapid.Check(t, func(t *rapid.T) {
			p := drawProduct[float32](t)
			got := guarded[float32](t, p.k, place(t))
			ColumnSums(got, p.a, scratch)
			for j := range got {
				var sum, size float64
				for r := range p.m {
					v := float64(p.a.Data[r*p.a.Stride+j])
					sum, size = sum+v, size+math.Abs(v)
				}
				closeTo(t, "sum", j, float64(got[j]), sum, size*float64(p.m)*unit[float32]())
			}
		})
	})
}

func TestPackLayout(t *testing.T) {
	onEach(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			p := drawProduct[float32](t)
			dst := fill(generator(t), guarded[float32](t, PackedLen(p.n, p.k), place(t)))
			Pack(dst, p.bt)
			for i, got := range dst {
				o, k := i/(panel*p.k)*panel+i%panel, i/panel%p.k
				var want float32
				if o < p.n {
					want = p.bt.Data[o*p.bt.Stride+k]
				}
				sameBits(t, "packed", []float32{got}, []float32{want})
			}
		})
	})
}

// TestPackLongRows packs rows that need more than one call of the transposition.
func TestPackLongRows(t *testing.T) {
	onEach(t, func(t *testing.T) {
		const out, in = 16, 9001
		w := Dense(make([]float32, out*in), out, in)
		for i := range w.Data {
			w.Data[i] = float32(i)
		}
		dst := make([]float32, PackedLen(out, in))
		Pack(dst, w)
		for i, got := range dst {
			if want := float32(i%panel*in + i/panel); got != want {
				t.Fatalf("element %d is %v, want %v", i, got, want)
			}
		}
	})
}

func TestProductsAllocateNothing(t *testing.T) {
	onEach(t, func(t *testing.T) {
		scratch := &Scratch[float32]{}
		a, b, c := Dense(make([]float32, 30*20), 30, 20), Dense(make([]float32, 20*37), 20, 37),
			Dense(make([]float32, 30*37), 30, 37)
		bias := make([]float32, 37)
		if n := testing.AllocsPerRun(10, func() {
			MulNN(c, a, b, Epilogue[float32]{Bias: bias, ReLU: true}, scratch)
			ColumnSums(bias, c, scratch)
		}); n != 0 {
			t.Errorf("%v allocations, want none", n)
		}
	})
}

func TestProductsRefuseShapesThatDoNotFit(t *testing.T) {
	defer func() {
		want := "kernel: MulNN: shapes do not fit: (2, 3) (2, 4) (5, 3)"
		if got := recover(); got != want {
			t.Errorf("panic %v, want %q", got, want)
		}
	}()
	m := func(r, c int) Matrix[float32] { return Dense(make([]float32, r*c), r, c) }
	MulNN(m(2, 3), m(2, 4), m(5, 3), Epilogue[float32]{}, &Scratch[float32]{})
}

// TestEveryTile uses every register shape and tile size, with small integers,
// whose sums have no rounding.
func TestEveryTile(t *testing.T) {
	onEach(t, func(t *testing.T) {
		scratch := new(Scratch[float32])
		for m := 1; m <= 34; m++ {
			for _, n := range []int{1, 16, 32, 48} {
				for _, k := range []int{1, 2, 7} {
					a, b := Dense(make([]float32, m*k), m, k), Dense(make([]float32, k*n), k, n)
					for i := range a.Data {
						a.Data[i] = float32(i*i%23 - 11)
					}
					for i := range b.Data {
						b.Data[i] = float32(i*i%29 - 14)
					}
					c := Dense(make([]float32, m*n), m, n)
					MulNN(c, a, b, Epilogue[float32]{}, scratch)
					for i, got := range c.Data {
						var want float32
						for l := range k {
							want += a.Data[i/n*k+l] * b.Data[l*n+i%n]
						}
						if got != want {
							t.Fatalf("(%d, %d, %d): element %d is %v, want %v", m, n, k, i, got, want)
						}
					}
				}
			}
		}
	})
}
