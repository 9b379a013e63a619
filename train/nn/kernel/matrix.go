package kernel

// Matrix is a view of a row-major matrix: element (r, c) is Data[r*Stride+c].
// Data is borrowed. Stride is at least Cols, so that bands of rows and of columns
// are matrices too.
type Matrix[T Float] struct {
	Data               []T
	Rows, Cols, Stride int
}

// Dense returns data as a matrix without gaps between its rows.
func Dense[T Float](data []T, rows, cols int) Matrix[T] {
	return Matrix[T]{Data: data, Rows: rows, Cols: cols, Stride: cols}
}

// Band returns rows low to high-1.
func (m Matrix[T]) Band(low, high int) Matrix[T] {
	return Matrix[T]{Data: m.from(low * m.Stride), Rows: high - low, Cols: m.Cols, Stride: m.Stride}
}

// Columns returns columns low to high-1.
func (m Matrix[T]) Columns(low, high int) Matrix[T] {
	return Matrix[T]{Data: m.from(low), Rows: m.Rows, Cols: high - low, Stride: m.Stride}
}

// from drops the data before i. An empty band may begin after the end.
func (m Matrix[T]) from(i int) []T { return m.Data[min(i, len(m.Data)):] }
