// Package vtk writes a landscape of package figure, and the paths on it, as files of
// VTK's XML format, which ParaView opens.
package vtk

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"strconv"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
	"sgdwalk/record/safefile"
)

// WriteGrid writes the grid as a structured grid of VTK's XML format (.vts), which
// ParaView opens as a surface: nx by ny by 1 points in the order of rows, the
// coordinates X, Y and the height: the loss, or its decimal logarithm where the
// landscape has a logarithmic scale. Point data:
//
//	full_loss (or ZName)  Float64  the value
//	valid                 UInt8    1 where there is a finite value
//	infinite              UInt8    1 where the value is +Inf
//	vtkGhostType          UInt8    2 where valid is 0, so that ParaView hides the point and its cells
//
// The arrays are text, in full precision; VTK's readers know no NaN as text, so that a point
// that is not valid has the smallest value of the valid points as a placeholder.
func WriteGrid(w io.Writer, l *figure.Landscape) error {
	if err := l.Validate(); err != nil {
		return err
	}
	r := l.Relief()
	nx, ny := len(l.X), len(l.Y)
	n := nx * ny
	points, loss := make([]float64, 0, 3*n), make([]float64, n)
	valid, infinite, ghost := make([]int, n), make([]int, n), make([]int, n)
	for k := range n {
		switch {
		case r.OK[k]:
			valid[k], loss[k] = 1, r.Z[k]
		default:
			ghost[k] = 2 // vtkDataSetAttributes::HIDDENPOINT
			loss[k] = r.Min
			if !canvas.Finite(r.Min) {
				loss[k] = 1 // no point has a value; 1 has a logarithm
			}
			if r.Infinite[k] {
				infinite[k] = 1
			}
		}
		points = append(points, l.X[k%nx], l.Y[k/nx], heightOf(&r, loss[k]))
	}
	name := cmp.Or(l.ZName, "full_loss")
	x := newFile("StructuredGrid")
	extent := fmt.Sprintf("0 %d 0 %d 0 0", nx-1, ny-1)
	x.open("StructuredGrid", "WholeExtent", extent)
	x.open("Piece", "Extent", extent)
	x.open("PointData", "Scalars", name)
	x.floats(name, 1, loss)
	x.ints("UInt8", "valid", valid)
	x.ints("UInt8", "infinite", infinite)
	x.ints("UInt8", "vtkGhostType", ghost)
	x.close("PointData")
	x.open("Points")
	x.floats("Points", 3, points)
	x.close("Points")
	x.close("Piece")
	x.close("StructuredGrid")
	return x.writeTo(w)
}

// WritePaths writes the paths as poly data of VTK's XML format (.vtp): one polyline
// for each piece of a path over the grid, a vertex for a piece of one iterate, on
// the surface of [WriteGrid]. Iterates outside the
// grid, or over points without a value, are left out and end a piece. Point data:
//
//	step, epoch          Int64    of the iterate
//	run                  Int32    index of the path
//	residual             Float64  distance from the plane; 0 where it is not known
//	plane_loss           Float64  the value of the plane at the projection, bilinear
//	full_loss (or ZName) Float64  that of the iterate itself where full_loss_known is 1, otherwise plane_loss
//	full_loss_known      UInt8
//
// The names of the runs are the string array run_names of the field data.
func WritePaths(w io.Writer, l *figure.Landscape) error {
	if err := l.Validate(); err != nil {
		return err
	}
	r := l.Relief()
	var d pathData
	trails := l.Trails()
	for run := range trails {
		d.add(&r, run, trails[run].Points)
	}
	name := cmp.Or(l.ZName, "full_loss")
	x := newFile("PolyData")
	x.open("PolyData")
	if len(l.Paths) > 0 {
		x.open("FieldData")
		x.names("run_names", trails)
		x.close("FieldData")
	}
	x.open("Piece", "NumberOfPoints", strconv.Itoa(len(d.step)), "NumberOfVerts", strconv.Itoa(len(d.verts.offsets)),
		"NumberOfLines", strconv.Itoa(len(d.lines.offsets)), "NumberOfStrips", "0", "NumberOfPolys", "0")
	x.open("PointData", "Scalars", "step")
	x.ints("Int64", "step", d.step)
	x.ints("Int64", "epoch", d.epoch)
	x.ints("Int32", "run", d.run)
	x.floats("residual", 1, d.residual)
	x.floats("plane_loss", 1, d.plane)
	x.floats(name, 1, d.loss)
	x.ints("UInt8", name+"_known", d.known)
	x.close("PointData")
	x.open("Points")
	x.floats("Points", 3, d.points)
	x.close("Points")
	for _, c := range []struct {
		name  string
		cells cellList
	}{{"Verts", d.verts}, {"Lines", d.lines}} {
		x.open(c.name)
		x.ints("Int64", "connectivity", c.cells.connectivity)
		x.ints("Int64", "offsets", c.cells.offsets)
		x.close(c.name)
	}
	x.close("Piece")
	x.close("PolyData")
	return x.writeTo(w)
}

// Save writes base.vts and, if the landscape has a path, base.vtp, and returns the
// names of the files that it wrote. Each file appears whole or not at all.
func Save(base string, l *figure.Landscape) ([]string, error) {
	var grid, paths bytes.Buffer
	if err := WriteGrid(&grid, l); err != nil {
		return nil, err
	}
	if err := safefile.WriteBytes(base+".vts", grid.Bytes()); err != nil {
		return nil, err
	}
	out := []string{base + ".vts"}
	if len(l.Trails()) == 0 {
		return out, nil
	}
	if err := WritePaths(&paths, l); err != nil {
		return out, err
	}
	if err := safefile.WriteBytes(base+".vtp", paths.Bytes()); err != nil {
		return out, err
	}
	return append(out, base+".vtp"), nil
}

// heightOf is the third coordinate of a value.
func heightOf(r *plane.Relief, loss float64) float64 {
	if r.Log {
		return math.Log10(loss)
	}
	return loss
}

// valueAt returns value and height of the plane over a place. Both are bilinear, so
// that the place is on the surface that ParaView draws.
func valueAt(r *plane.Relief, x, y float64) (value, height float64, ok bool) {
	i, s, ok := plane.Interval(r.X, x)
	j, t, ok2 := plane.Interval(r.Y, y)
	if !ok || !ok2 || !r.CellOK(i, j) {
		return 0, 0, false
	}
	nx := len(r.X)
	for c, k := range [4]int{j*nx + i, j*nx + i + 1, (j+1)*nx + i, (j+1)*nx + i + 1} {
		share := [4]float64{(1 - s) * (1 - t), s * (1 - t), (1 - s) * t, s * t}[c]
		value += share * r.Z[k]
		height += share * heightOf(r, r.Z[k])
	}
	return value, height, true
}
