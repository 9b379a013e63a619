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

// from returns at most n rows from row r on, and the columns from column c on.
func (m matrix) from(r, n, c int) matrix {
	return matrix{m.data[r*m.stride+c:], m.stride, min(n, m.rows-r)}
}

// products adds the inner products of row i of a and row j of b over n columns,
// a multiple of lanes, to out[i*stride+j], all in float64. With triangle only the
// entries with j <= i are wanted. Every entry is computed in one order.
func products(out []float64, stride int, a, b matrix, n int, triangle bool) {
	var sums [kernelA * kernelB]float64
	for i := 0; i < a.rows; i += kernelA {
		rows := min(kernelA, a.rows-i)
		end := b.rows
		if triangle {
			end = min(end, i+rows)
		}
		for j := 0; j < end; j += kernelB {
			kernelExact(&sums, a.data[i*a.stride:], a.stride, b.data[j*b.stride:], b.stride, n)
			for r := range rows {
				columns := min(kernelB, end-j)
				if triangle {
					columns = min(columns, i+r+1-j)
				}
				for c := range columns {
					out[(i+r)*stride+j+c] += sums[r*kernelB+c]
				}
			}
		}
	}
}

// kernelGo sets sums to the inner products of 4 rows of a with 3 rows of b over
// n columns, n a multiple of lanes. It is what processors without the assembly
// run, and what the assembly is tested against.
func kernelGo(sums *[kernelA * kernelB]float64, a []float32, strideA int, b []float32, strideB, n int) {
	b0, b1, b2 := b[:n], b[strideB:][:n], b[2*strideB:][:n]
	for r := range kernelA {
		var s0, s1, s2 float64
		for i, v := range a[r*strideA:][:n] {
			x := float64(v)
			s0 += x * float64(b0[i])
			s1 += x * float64(b1[i])
			s2 += x * float64(b2[i])
		}
		sums[r*kernelB], sums[r*kernelB+1], sums[r*kernelB+2] = s0, s1, s2
	}
}

// roundUp returns the smallest multiple of m that is at least n.
func roundUp(n, m int) int { return (n + m - 1) / m * m }

// paddedStride returns the distance of two rows of n columns: a multiple of lanes,
// and one cache line more. Rows that are a power of two apart would all fall into
// the same few sets of a cache.
func paddedStride(n int) int { return roundUp(n, lanes) + 16 }
