package pca

const (
	combineSums    = 6     // linear combinations of rows that a call makes
	combineColumns = lanes // columns that it makes them of
)

// combiner makes linear combinations of the rows of a matrix, in float64: the
// components of a block, and its mean.
type combiner struct {
	count int         // combinations
	rows  int         // rows that are combined
	packs [][]float64 // per combineSums combinations, their coefficients, row after row, with zeros up to combineSums
}

// newCombiner takes the coefficients of each combination, one for every row.
func newCombiner(coefficients [][]float64) *combiner {
	c := &combiner{count: len(coefficients), rows: len(coefficients[0])}
	for first := 0; first < c.count; first += combineSums {
		pack := make([]float64, c.rows*combineSums)
		for k := first; k < min(first+combineSums, c.count); k++ {
			for i, v := range coefficients[k] {
				pack[i*combineSums+k-first] = v
			}
		}
		c.packs = append(c.packs, pack)
	}
	return c
}

// to sets columns first to end of every destination to the combinations of the
// same columns of x. first is a multiple of combineColumns, and the destinations
// and the rows of x have columns up to the next one of end. Each element is one
// sum in the order of the rows.
func (c *combiner) to(dst [][]float64, x matrix, first, end int) {
	var sums [combineSums * combineColumns]float64
	for j := first; j < end; j += combineColumns {
		for p, pack := range c.packs {
			combine(&sums, x.data[j:], x.stride, pack, c.rows)
			for k := p * combineSums; k < min((p+1)*combineSums, c.count); k++ {
				copy(dst[k][j:j+combineColumns], sums[(k-p*combineSums)*combineColumns:])
			}
		}
	}
}

// combineGo is what processors without the assembly run, and what the assembly is
// tested against.
func combineGo(sums *[combineSums * combineColumns]float64, x []float32, stride int, coefficients []float64, rows int) {
	clear(sums[:])
	for i := range rows {
		row := x[i*stride:][:combineColumns]
		for k, u := range coefficients[i*combineSums:][:combineSums] {
			part := sums[k*combineColumns:][:combineColumns]
			for j, v := range row {
				part[j] += float64(u * float64(v)) // rounded on every processor
			}
		}
	}
}
