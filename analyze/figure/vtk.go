package figure

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"

	"sgdwalk/record/safefile"
)

// VTKOptions says how a landscape stands in space in the files for ParaView.
type VTKOptions struct {
	Scale  Scale   // of the height: Auto as the landscape is drawn, Linear is the loss, Log its decimal logarithm
	Factor float64 // by which the height is multiplied; 0 is 1
	AtLoss bool    // the path at the iterates' own loss where it is known, otherwise on the plane's
}

// Validate names the field that is wrong, its value and what is allowed.
func (o VTKOptions) Validate() error {
	if math.IsNaN(o.Factor) || math.IsInf(o.Factor, 0) {
		return fmt.Errorf("%w: VTKOptions.Factor is %v; it must be finite", ErrInput, o.Factor)
	}
	return o.Scale.validate("VTKOptions.Scale")
}

// WriteVTS writes the grid as a structured grid of VTK's XML format (.vts), which
// ParaView opens as a surface: nx by ny by 1 points in the order of rows, the
// coordinates X, Y and the height. Point data:
//
//	full_loss (or ZName)  Float64  the value
//	valid                 UInt8    1 where there is a finite value
//	infinite              UInt8    1 where the value is +Inf
//	vtkGhostType          UInt8    2 where valid is 0, so that ParaView hides the point and its cells
//
// On a logarithmic scale values that are not positive are not valid. The arrays
// are text, in full precision; VTK's readers know no NaN as text, so that a point
// that is not valid has the smallest value of the others, which stands for nothing.
func (l *Landscape) WriteVTS(w io.Writer, o VTKOptions) error {
	if err := l.validateVTK(o); err != nil {
		return err
	}
	r := l.relief()
	v := newVTKSpace(&r, o)
	nx, ny := len(l.X), len(l.Y)
	n := nx * ny
	points, loss := make([]float64, 0, 3*n), make([]float64, n)
	valid, infinite, ghost := make([]int, n), make([]int, n), make([]int, n)
	for k := range n {
		value := v.lowest
		switch {
		case v.ok[k]:
			valid[k], value = 1, r.z[k]
		default:
			ghost[k] = 2 // vtkDataSetAttributes::HIDDENPOINT
			if r.infinite[k] {
				infinite[k] = 1
			}
		}
		loss[k] = value
		points = append(points, l.X[k%nx], l.Y[k/nx], v.height(value))
	}
	name := orDefault(l.ZName, "full_loss")
	x := newVTKFile("StructuredGrid")
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

// WriteVTP writes the paths as poly data of VTK's XML format (.vtp): one polyline
// for each piece of a path over the grid, a vertex for a piece of one iterate, on
// the surface of [Landscape.WriteVTS] with the same options. Iterates outside the
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
func (l *Landscape) WriteVTP(w io.Writer, o VTKOptions) error {
	if err := l.validateVTK(o); err != nil {
		return err
	}
	r := l.relief()
	v := newVTKSpace(&r, o)
	var d vtkPaths
	trails := l.trails()
	for run := range trails {
		d.add(&v, run, trails[run].points, o.AtLoss)
	}
	name := orDefault(l.ZName, "full_loss")
	x := newVTKFile("PolyData")
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
		cells vtkCells
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

// SaveVTK writes base.vts and, if there is a path, base.vtp, and returns what it
// wrote. Each file appears whole or not at all.
func (l *Landscape) SaveVTK(base string, o VTKOptions) ([]string, error) {
	var grid, paths bytes.Buffer
	if err := l.WriteVTS(&grid, o); err != nil {
		return nil, err
	}
	if err := safefile.WriteBytes(base+".vts", grid.Bytes()); err != nil {
		return nil, err
	}
	out := []string{base + ".vts"}
	if len(l.trails()) == 0 {
		return out, nil
	}
	if err := l.WriteVTP(&paths, o); err != nil {
		return out, err
	}
	if err := safefile.WriteBytes(base+".vtp", paths.Bytes()); err != nil {
		return out, err
	}
	return append(out, base+".vtp"), nil
}

func (l *Landscape) validateVTK(o VTKOptions) error {
	if err := o.Validate(); err != nil {
		return err
	}
	return l.Validate()
}

// vtkSpace is the plane's values as heights.
type vtkSpace struct {
	relief *relief
	ok     []bool // with a finite height
	log    bool
	factor float64
	lowest float64 // value of the samples that are ok
}

func newVTKSpace(r *relief, o VTKOptions) vtkSpace {
	out := vtkSpace{relief: r, log: r.log, factor: o.Factor, ok: make([]bool, len(r.z)), lowest: math.Inf(1)}
	if o.Scale != Auto {
		out.log = o.Scale == Log
	}
	if out.factor == 0 {
		out.factor = 1
	}
	for k, v := range r.z {
		out.ok[k] = r.ok[k] && finite(out.height(v))
		if out.ok[k] {
			out.lowest = math.Min(out.lowest, v)
		}
	}
	if math.IsInf(out.lowest, 1) {
		out.lowest = 1 // no sample is ok; one has a logarithm
	}
	return out
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (v *vtkSpace) height(loss float64) float64 {
	if v.log {
		return v.factor * math.Log10(loss)
	}
	return v.factor * loss
}

// at returns value and height of the plane over a place, both bilinear, so that
// the place is on the surface that is drawn.
func (v *vtkSpace) at(x, y float64) (value, height float64, ok bool) {
	r := v.relief
	i, s, ok := interval(r.x, x)
	j, t, ok2 := interval(r.y, y)
	if !ok || !ok2 {
		return 0, 0, false
	}
	nx := len(r.x)
	for c, k := range [4]int{j*nx + i, j*nx + i + 1, (j+1)*nx + i, (j+1)*nx + i + 1} {
		if !v.ok[k] {
			return 0, 0, false
		}
		share := [4]float64{(1 - s) * (1 - t), s * (1 - t), (1 - s) * t, s * t}[c]
		value += share * r.z[k]
		height += share * v.height(r.z[k])
	}
	return value, height, true
}
