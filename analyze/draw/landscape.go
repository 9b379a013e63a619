package draw

import (
	"fmt"
	"math"
	"strings"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/animate"
	"sgdwalk/analyze/figure/surface"
	"sgdwalk/analyze/figure/vtk"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/pca"
)

// Landscape draws the loss on a plane with the path of a run, where the result has
// one. run is its name. The labels name the two directions; see [Directions].
func Landscape(run, xlabel, ylabel string, r *landscape.Result) *figure.Landscape {
	f := measured(run, xlabel, ylabel, r, r.Grid.Loss)
	f.Title = onPlane("full training loss", r.Summary.Plane)
	// A refined grid shows the contours that it was refined around.
	if len(r.Contours) > 0 {
		f.Levels = r.Contours
	}
	for _, w := range r.Warnings {
		if w.Code == "plane_disagrees" {
			f.Notes = append(f.Notes, fmt.Sprintf("Contours are not the loss of the path: at the iterates the plane is %s "+
				"off (median).", percent(r.Summary.PlaneErrorRelative.Value)))
		}
	}
	loss, projected := Values(&r.Path, "true_loss"), Values(&r.Path, "plane_loss")
	for i := range f.Path {
		if loss != nil {
			f.Path[i].Loss, f.Path[i].PlaneLoss = loss[i], projected[i]
		}
	}
	return f
}

// onPlane says what is shown on which plane; nil is a plane of which nothing is known.
func onPlane(measure string, p *landscape.PlaneRecipe) string {
	where := "a plane"
	if p != nil {
		switch p.Kind {
		case landscape.PrincipalPlane:
			where = "the plane of " + p.Direction(0) + " and " + p.Direction(1)
		case landscape.RandomKind:
			where = "a random plane through " + p.Origin
		case landscape.HessianPlane:
			where = "the plane of two Hessian eigenvectors at " + p.Origin
		case landscape.ThroughPlane:
			where = "a plane through given points"
		case landscape.FilePlane:
			where = "the plane of given directions through " + p.Origin
		}
	}
	return capitalized(measure) + " on " + where
}

func capitalized(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// pathOn returns the path of a result without losses.
func pathOn(r *landscape.Result) (path []figure.PathPoint) {
	a, b, residual := Values(&r.Path, "a"), Values(&r.Path, "b"), Values(&r.Path, "residual")
	if a == nil {
		return nil
	}
	steps, epochs := r.Path.Column("step").Ints, r.Path.Column("epoch").Ints
	for i := range a {
		path = append(path, figure.PathPoint{
			A: a[i], B: b[i], Residual: residual[i], Loss: math.NaN(), Step: int(steps[i]), Epoch: int(epochs[i]),
		})
	}
	return path
}

// measured draws one measure on the plane, with the path. Cells that were not evaluated are
// interpolated, and the figure says how many; where many cells are missing, every
// evaluated cell is a tile.
func measured(run, xlabel, ylabel string, r *landscape.Result, values []float64) *figure.Landscape {
	f := &figure.Landscape{Subtitle: run, XLabel: xlabel, YLabel: ylabel, X: r.Grid.A, Y: r.Grid.B, Path: pathOn(r)}
	f.Units = [2]float64{r.Summary.NormU, r.Summary.NormV}
	if c := r.Summary.Cosine; math.Abs(c) > obliqueCosine {
		f.Notes = append(f.Notes, fmt.Sprintf("The directions are drawn at a right angle; their angle is %.0f\u00b0.",
			math.Acos(max(-1, min(1, c)))*180/math.Pi))
	}
	filled, ok, interpolated := values, r.Grid.Valid, 0
	if f.Mosaic = r.Scattered(); !f.Mosaic {
		filled, ok, interpolated = r.Grid.Filled(values)
	}
	nx, ny := r.Grid.Dims()
	for j := range ny {
		f.Z = append(f.Z, filled[j*nx:(j+1)*nx])
		f.Valid = append(f.Valid, ok[j*nx:(j+1)*nx])
	}
	switch s := &r.Summary; {
	case interpolated == 0:
	case s.Evaluated < s.Planned:
		f.Notes = append(f.Notes, fmt.Sprintf("Unfinished: %d of %d grid points are evaluated, the others "+
			"interpolated.",
			s.Evaluated, s.Planned))
	default:
		f.Notes = append(f.Notes, fmt.Sprintf("%d of %d grid points, away from contours, are interpolated.",
			interpolated,
			nx*ny))
	}
	return f
}

// obliqueCosine is the cosine of the angle of two directions from which a figure says that it
// is not a right one.
const obliqueCosine = 0.05

// measureLabels names what a landscape or a line measures.
var measureLabels = map[string]string{
	"loss":                     "full training loss",
	landscape.AccuracyName:     "training accuracy",
	landscape.TestLossName:     "held-out loss",
	landscape.TestAccuracyName: "held-out accuracy",
	landscape.LambdaMinName:    "smallest eigenvalue of the Hessian",
	landscape.LambdaMaxName:    "largest eigenvalue of the Hessian",
}

// Measures draws the quantities that were measured in addition to the loss, and the
// ratio of the extreme eigenvalues as Li et al. map it; the field ZName has their
// names.
func Measures(run, xlabel, ylabel string, r *landscape.Result) []*figure.Landscape {
	maps := map[string]figure.Map{
		landscape.AccuracyName: figure.Reversed, landscape.TestAccuracyName: figure.Reversed,
		landscape.LambdaMinName: figure.Diverging, landscape.LambdaMaxName: figure.Diverging,
	}
	var out []*figure.Landscape
	for i, name := range r.Grid.Names {
		label, ok := measureLabels[name]
		if !ok {
			continue
		}
		f := measured(run, xlabel, ylabel, r, r.Grid.Also[i])
		f.ZName, f.ZLabel, f.Map = name, label, maps[name]
		f.Title = onPlane(label, r.Summary.Plane)
		out = append(out, f)
	}
	low, high := r.Grid.Measured(landscape.LambdaMinName), r.Grid.Measured(landscape.LambdaMaxName)
	if low == nil || high == nil {
		return out
	}
	ratio := make([]float64, len(low))
	for i := range ratio {
		ratio[i] = math.Abs(low[i] / high[i])
	}
	f := measured(run, xlabel, ylabel, r, ratio)
	f.ZName, f.ZLabel, f.Scale = "lambda_ratio", "|\u03bb_{min} / \u03bb_{max}|", figure.Linear
	f.Title = onPlane("Ratio of the extreme eigenvalues of the Hessian", r.Summary.Plane)
	return append(out, f)
}

// Directions labels the first two principal directions with their shares of the
// variance, next to the shares of a random walk.
func Directions(s *pca.Summary) (x, y string) {
	label := func(i int) string {
		null := s.RandomWalk.ExplainedVarianceRatio
		if i >= len(null) {
			return fmt.Sprintf("PC%d: %s of variance", i+1, percent(s.ExplainedVarianceRatio[i]))
		}
		return fmt.Sprintf("PC%d: %s of variance (random walk %s)", i+1, percent(s.ExplainedVarianceRatio[i]),
			percent(null[i]))
	}
	return label(0), label(1)
}

// percent writes a share for a reader.
func percent(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") + " %"
}

// Surface draws a landscape as a surface in space.
func Surface(f *figure.Landscape) figure.Figure { return &surface.Figure{Landscape: f} }

// files is a landscape that is saved in the format of another program.
type files struct {
	*figure.Landscape
	write func(f *figure.Landscape, base string) ([]string, error)
}

func (f files) save(base string) ([]string, error) { return f.write(f.Landscape, base) }

// WithStyle implements figure.Figure.
func (f files) WithStyle(s figure.Style) figure.Figure {
	return files{f.Landscape.WithStyle(s).(*figure.Landscape), f.write}
}

// WithScale implements figure.Figure.
func (f files) WithScale(s figure.Scale) figure.Figure {
	return files{f.Landscape.WithScale(s).(*figure.Landscape), f.write}
}

// WithLabels implements figure.Figure.
func (f files) WithLabels(l figure.Labels) figure.Figure {
	return files{f.Landscape.WithLabels(l).(*figure.Landscape), f.write}
}

// saveAnimation writes the walk over a landscape to base.gif as an animation. Its frames have
// their own resolution.
func saveAnimation(f *figure.Landscape, base string) ([]string, error) {
	l := *f
	l.Style.DPI = 0
	path := base + ".gif"
	return []string{path}, (&animate.Animation{Landscape: &l}).SaveGIF(path)
}

// saveVTK writes a landscape for ParaView as base.vts and, if it has a path, base.vtp.
func saveVTK(f *figure.Landscape, base string) ([]string, error) { return vtk.Save(base, f) }
