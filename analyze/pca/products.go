package pca

const (
	kernelA = 4 // rows of the first operand that a kernel call takes
	kernelB = 3 // rows of the second one
	// lanes is what a row's length in a packed block is a multiple of.
	lanes = 8
)

// matrix is rows of float32 that begin every stride elements. Memory up to a
// multiple of kernelA or kernelB rows is there.
type matrix struct {
	data         []float32
	stride, rows int
}

// from returns the rows from r on, at most n of them, and the columns from c on.
func (m matrix) from(r, n, c int) matrix {
	return matrix{m.data[r*m.stride+c:], m.stride, min(n, m.rows-r)}
}

// products adds the inner products of row i of a and row j of b over n columns,
// a multiple of lanes, to out[i*stride+j]. With triangle only the entries with
// j <= i are wanted. Every entry is computed in one order.
//
// What is added is float64 in any case. When exact is set, products and sums are
// float64 too; otherwise they are float32, at twice the speed, and n should be
// small.
func products(out []float64, stride int, a, b matrix, n int, triangle, exact bool) {
	var single [kernelA * kernelB]float32
	var double [kernelA * kernelB]float64
	for i := 0; i < a.rows; i += kernelA {
		rows := min(kernelA, a.rows-i)
		end := b.rows
		if triangle {
			end = min(end, i+rows)
		}
		for j := 0; j < end; j += kernelB {
			x, y := a.data[i*a.stride:], b.data[j*b.stride:]
			if exact {
				kernelExact(&double, x, a.stride, y, b.stride, n)
			} else {
				kernel(&single, x, a.stride, y, b.stride, n)
				for k, v := range single {
					double[k] = float64(v)
				}
			}
			for r := range rows {
				columns := min(kernelB, end-j)
				if triangle {
					columns = min(columns, i+r+1-j)
				}
				for c := range columns {
					out[(i+r)*stride+j+c] += double[r*kernelB+c]
				}
			}
		}
	}
}

// kernelGo sets sums to the inner products of 4 rows of a with 3 rows of b over
// n columns, n a multiple of lanes, in the arithmetic of T. It is what processors
// without the assembly run, and what the assembly is tested against.
func kernelGo[T float32 | float64](sums *[kernelA * kernelB]T, a []float32, strideA int, b []float32, strideB, n int) {
	b0, b1, b2 := b[:n], b[strideB:][:n], b[2*strideB:][:n]
	for r := range kernelA {
		x := a[r*strideA:][:n]
		// Two running sums each, as short as float32 likes them.
		var s0, s1, s2, t0, t1, t2 T
		for i := 0; i+1 < n; i += 2 {
			v, w := T(x[i]), T(x[i+1])
			s0 += v * T(b0[i])
			s1 += v * T(b1[i])
			s2 += v * T(b2[i])
			t0 += w * T(b0[i+1])
			t1 += w * T(b1[i+1])
			t2 += w * T(b2[i+1])
		}
		sums[r*kernelB], sums[r*kernelB+1], sums[r*kernelB+2] = s0+t0, s1+t1, s2+t2
	}
}

// roundUp returns the smallest multiple of m that is at least n.
func roundUp(n, m int) int { return (n + m - 1) / m * m }

// paddedStride returns the distance of two rows of n columns: a multiple of lanes,
// and one cache line more. Rows that are a power of two apart would all fall into
// the same few sets of a cache.
func paddedStride(n int) int { return roundUp(n, lanes) + 16 }
