package pca

import "sgdwalk/analyze/internal/parallel"

const (
	// panelRows is the number of rows that are stored together, and the width of
	// the piece of the Gram matrix that a kernel call makes.
	panelRows = 24
	// groupRows is the number of rows that are put into a panel together.
	groupRows = 8
	// panelGroup is the number of rows of the other operand of a call.
	panelGroup = 4
	// sumColumns is the number of columns whose products are summed in float32
	// before they are added in float64. Sums in float32 alone would turn small
	// eigenvalues into noise, partly negative. With sums this short the error of an
	// entry is about 1e-8 of the norms of the rows. A panel with this number of columns
	// fits a first-level cache.
	sumColumns = 256
	// tilePanels squared is the number of panel pairs in one unit of parallel work:
	// two tiles of sumColumns columns fit a second-level cache.
	tilePanels = 6
)

// panels is a block of rows in the order in which the kernel reads it: panelRows rows
// together, in chunks of sumColumns columns, column by column. So every operand of a
// kernel call is contiguous. Rows and columns beyond the block are zero.
type panels struct {
	data   []float32
	chunks int // of sumColumns columns
	count  int // of panelRows rows
}

// newPanels allocates panels for the given numbers of rows and columns.
func newPanels(rows, columns int) *panels {
	p := &panels{count: (rows + panelRows - 1) / panelRows}
	p.resize(columns)
	p.data = make([]float32, p.chunks*p.count*panelRows*sumColumns)
	return p
}

// resize sets the number of columns of the block, at most the columns of newPanels.
func (p *panels) resize(columns int) { p.chunks = (columns + sumColumns - 1) / sumColumns }

// at returns one panel's columns of one chunk.
func (p *panels) at(panel, chunk int) []float32 {
	const size = panelRows * sumColumns
	i := chunk*p.count + panel
	return p.data[i*size:][:size]
}

// setRows stores groupRows rows of the block from row i on, a multiple of groupRows.
// They begin every stride elements and are a whole number of chunks long.
func (p *panels) setRows(i int, rows []float32, stride int) {
	for chunk := range p.chunks {
		transpose(p.at(i/panelRows, chunk)[i%panelRows:], rows[chunk*sumColumns:], stride, sumColumns)
	}
}

// transposeGo copies n columns of groupRows rows, which begin every stride
// elements, so that each column is contiguous and the next one is panelRows
// further. Processors without the assembly run it, and tests compare the assembly with it.
func transposeGo(dst, src []float32, stride, n int) {
	for r := range groupRows {
		for j, v := range src[r*stride:][:n] {
			dst[j*panelRows+r] = v
		}
	}
}

// addTo adds the inner products of all rows to the lower triangle of g, whose
// rows are count*panelRows long; of the upper one it touches what shares a panel.
// Every entry is added to by one call at a time, in the order of the columns.
func (p *panels) addTo(g []float64, workers int) {
	stride := p.count * panelRows
	tiles := (p.count + tilePanels - 1) / tilePanels
	parallel.Each(workers, tiles*(tiles+1)/2, func(t int) {
		ti := 0
		for (ti+1)*(ti+2)/2 <= t {
			ti++
		}
		tj := t - ti*(ti+1)/2
		for chunk := range p.chunks {
			for i := ti * tilePanels; i < min((ti+1)*tilePanels, p.count); i++ {
				for j := tj * tilePanels; j < min((tj+1)*tilePanels, i+1); j++ {
					a, b := p.at(i, chunk), p.at(j, chunk)
					for r := 0; r < panelRows; r += panelGroup {
						panelProducts(g[(i*panelRows+r)*stride+j*panelRows:], stride, a[r:], b, sumColumns)
					}
				}
			}
		}
	})
}

// panelProductsGo adds to out, whose rows are stride long, the inner products of
// panelGroup rows of one panel, the first of which begins at a[0], with all rows
// of another, over n columns, each summed in float32. It is what processors
// without the assembly run, and what the assembly is tested against.
func panelProductsGo(out []float64, stride int, a, b []float32, n int) {
	for r := range panelGroup {
		var sums [panelRows]float32
		for c := range n {
			v := a[c*panelRows+r]
			for k, w := range b[c*panelRows:][:panelRows] {
				sums[k] += float32(v * w) // rounded on every processor
			}
		}
		for k, s := range sums {
			out[r*stride+k] += float64(s)
		}
	}
}
