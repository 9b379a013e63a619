package vtk

import (
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
)

// cellList is a list of cells: the points of all, and where each ends.
type cellList struct{ connectivity, offsets []int }

// pathData is the content of a file of paths.
type pathData struct {
	points, residual, plane, loss []float64
	step, epoch, run, known       []int
	verts, lines                  cellList
}

func (d *pathData) add(r *plane.Relief, run int, path []figure.PathPoint) {
	first := len(d.step) // of the piece
	flush := func() {
		c := &d.lines
		if len(d.step)-first == 1 {
			c = &d.verts
		}
		for k := first; k < len(d.step); k++ {
			c.connectivity = append(c.connectivity, k)
		}
		if len(d.step) > first {
			c.offsets = append(c.offsets, len(c.connectivity))
		}
		first = len(d.step)
	}
	for _, q := range path {
		onPlane, z, ok := valueAt(r, q.A, q.B)
		if !ok {
			flush()
			continue
		}
		loss, known := onPlane, 0
		if q.HasLoss() && canvas.Finite(q.Loss) {
			loss, known = q.Loss, 1
		}
		residual := q.Residual
		if !canvas.Finite(residual) {
			residual = 0
		}
		d.points = append(d.points, q.A, q.B, z)
		d.step, d.epoch, d.run = append(d.step, q.Step), append(d.epoch, q.Epoch), append(d.run, run)
		d.residual, d.plane = append(d.residual, residual), append(d.plane, onPlane)
		d.loss, d.known = append(d.loss, loss), append(d.known, known)
	}
	flush()
}
