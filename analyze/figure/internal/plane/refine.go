package plane

import (
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// Refine returns the field on a grid with r times as many cells a side. Between
// two samples it follows the parabola through them whose curvature is the smaller
// one of those at either sample, and the straight line where the two curvatures
// differ in sign (an essentially non-oscillatory interpolation of second order).
//
// A quadratic is reproduced exactly, so a bowl has elliptic contours and a narrow
// valley between two rows of samples does not fall apart into islands; and a
// cliff does not ring: cubic interpolation was tried and invented a moat in front
// of every diverging corner. Samples keep their values. A positive field stays
// positive. Nothing is filled in: a cell without a corner has no values.
func (f *Field) Refine(r int) Field {
	if r <= 1 {
		return *f
	}
	nx, ny := len(f.X), len(f.Y)
	x, y := refineAxis(f.X, r), refineAxis(f.Y, r)
	mx, my := len(x), len(y)
	// First along the rows, then along the columns of the result.
	rows := Field{X: x, Y: f.Y, Z: make([]float64, mx*ny), OK: make([]bool, mx*ny)}
	for j := range ny {
		refineLine(f.X, f.Z[j*nx:(j+1)*nx], f.OK[j*nx:(j+1)*nx], x, rows.Z[j*mx:(j+1)*mx], rows.OK[j*mx:(j+1)*mx], r)
	}
	out := Field{X: x, Y: y, Z: make([]float64, mx*my), OK: make([]bool, mx*my)}
	column, okIn := make([]float64, ny), make([]bool, ny)
	fine, okOut := make([]float64, my), make([]bool, my)
	for i := range mx {
		for j := range ny {
			column[j], okIn[j] = rows.Z[j*mx+i], rows.OK[j*mx+i]
		}
		refineLine(f.Y, column, okIn, y, fine, okOut, r)
		for j := range my {
			out.Z[j*mx+i], out.OK[j*mx+i] = fine[j], okOut[j]
		}
	}
	return out
}

func refineAxis(x []float64, r int) []float64 {
	out := make([]float64, 0, (len(x)-1)*r+1)
	for i := range len(x) - 1 {
		for k := range r {
			out = append(out, x[i]+(x[i+1]-x[i])*float64(k)/float64(r))
		}
	}
	return append(out, x[len(x)-1])
}

func refineLine(x, z []float64, ok []bool, fine, out []float64, okOut []bool, r int) {
	// curvature is the second divided difference around sample i.
	curvature := func(i int) (float64, bool) {
		if i < 1 || i >= len(x)-1 || !ok[i-1] || !ok[i] || !ok[i+1] {
			return 0, false
		}
		left, right := (z[i]-z[i-1])/(x[i]-x[i-1]), (z[i+1]-z[i])/(x[i+1]-x[i])
		return (right - left) / (x[i+1] - x[i-1]), true
	}
	for i := range len(x) - 1 {
		out[i*r], okOut[i*r] = z[i], ok[i]
		both := ok[i] && ok[i+1]
		c := 0.0
		if both {
			a, okA := curvature(i)
			b, okB := curvature(i + 1)
			switch {
			case okA && okB && a*b > 0 && math.Abs(a) < math.Abs(b), okA && !okB:
				c = a
			case okA && okB && a*b > 0, okB && !okA:
				c = b
			}
		}
		floor := math.Inf(-1)
		if z[i] > 0 && z[i+1] > 0 {
			floor = math.Min(z[i], z[i+1]) / 4
		}
		for k := 1; k < r; k++ {
			v := fine[i*r+k]
			value := z[i] + (z[i+1]-z[i])*float64(k)/float64(r) + c*(v-x[i])*(v-x[i+1])
			if !canvas.Finite(value) { // the difference or the curvature of huge samples overflows
				value = z[i]*(1-float64(k)/float64(r)) + z[i+1]*(float64(k)/float64(r))
			}
			out[i*r+k] = math.Max(value, floor)
			okOut[i*r+k] = both
		}
	}
	last := len(x) - 1
	out[last*r], okOut[last*r] = z[last], ok[last]
}
