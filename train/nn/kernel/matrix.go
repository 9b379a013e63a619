package kernel

// Matrix is a view of a row-major matrix: element (r, c) is Data[r*Stride+c].
// It borrows Data. Stride is at least Cols, so that bands of rows and of columns
// of a matrix are matrices.
type Matrix[T Float] struct {
	Data               []T
	Rows, Cols, Stride int
}

// Dense views data as a matrix without gaps between its rows.
func Dense[T Float](data []T, rows, cols int) Matrix[T] {
	return Matrix[T]{Data: data, Rows: rows, Cols: cols, Stride: cols}
}

// Band returns rows low to high, high excluded.
func (m Matrix[T]) Band(low, high int) Matrix[T] {
	return Matrix[T]{Data: m.from(low * m.Stride), Rows: high - low, Cols: m.Cols, Stride: m.Stride}
}

// Columns returns columns low to high, high excluded.
func (m Matrix[T]) Columns(low, high int) Matrix[T] {
	return Matrix[T]{Data: m.from(low), Rows: m.Rows, Cols: high - low, Stride: m.Stride}
}

// from cuts the data off before i; an empty band may begin behind its end.
func (m Matrix[T]) from(i int) []T { return m.Data[min(i, len(m.Data)):] }
