package main

import (
	"fmt"
	"math"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
)

// landscapeFigure is the loss on the plane with the path.
func landscapeFigure(title string, r *landscape.Result, p *planeOf) *figure.Landscape {
	f := mapFigure(title, r, p, r.Grid.Loss)
	// A refined grid shows the contours that it was refined around.
	if len(r.Contours) > 0 {
		f.Levels = r.Contours
	}
	for _, w := range r.Warnings {
		if w.Code == "plane_disagrees" {
			f.Notes = append(f.Notes, fmt.Sprintf("Contours are not the loss of the path: at the iterates the plane is %s off (median).", percent(r.Summary.PlaneErrorRelative.Value)))
		}
	}
	a, b, residual := column(&r.Path, "a"), column(&r.Path, "b"), column(&r.Path, "residual")
	loss := column(&r.Path, "true_loss")
	steps, epochs := r.Path.Column("step").Ints, r.Path.Column("epoch").Ints
	for i := range a {
		q := figure.PathPoint{A: a[i], B: b[i], Residual: residual[i], Loss: nan, Step: int(steps[i]), Epoch: int(epochs[i])}
		if loss != nil {
			q.Loss = loss[i]
		}
		f.Path = append(f.Path, q)
	}
	return f
}

// mapFigure is a measure on the plane. Cells that were not evaluated are
// interpolated, and the figure says how many.
func mapFigure(title string, r *landscape.Result, p *planeOf, values []float64) *figure.Landscape {
	f := &figure.Landscape{Title: title, XLabel: p.labels[0], YLabel: p.labels[1], X: r.Grid.A, Y: r.Grid.B}
	filled, ok, interpolated := r.Grid.Filled(values)
	nx, ny := r.Grid.Dims()
	for j := range ny {
		f.Z = append(f.Z, filled[j*nx:(j+1)*nx])
		f.Valid = append(f.Valid, ok[j*nx:(j+1)*nx])
	}
	switch s := &r.Summary; {
	case interpolated == 0:
	case s.Evaluated < s.Planned:
		f.Notes = append(f.Notes, fmt.Sprintf("Unfinished: %d of %d grid points are evaluated, the others interpolated.", s.Evaluated, s.Planned))
	default:
		f.Notes = append(f.Notes, fmt.Sprintf("%d of %d grid points, away from contours, are interpolated.", interpolated, nx*ny))
	}
	return f
}

// measureFigures are what was measured beside the loss, and the ratio of the
// extreme eigenvalues as Li et al. map it.
func measureFigures(title string, r *landscape.Result, p *planeOf) []*figure.Landscape {
	labels := map[string]string{
		landscape.AccuracyName: "training accuracy", landscape.TestLossName: "held-out loss", landscape.TestAccuracyName: "held-out accuracy",
		landscape.LambdaMinName: "smallest eigenvalue of the Hessian", landscape.LambdaMaxName: "largest eigenvalue of the Hessian",
	}
	maps := map[string]figure.Map{
		landscape.AccuracyName: figure.Reversed, landscape.TestAccuracyName: figure.Reversed,
		landscape.LambdaMinName: figure.Diverging, landscape.LambdaMaxName: figure.Diverging,
	}
	var out []*figure.Landscape
	for i, name := range r.Grid.Names {
		label, ok := labels[name]
		if !ok {
			continue
		}
		f := mapFigure(title, r, p, r.Grid.Also[i])
		f.ZName, f.ZLabel, f.Map = name, label, maps[name]
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
	f := mapFigure(title, r, p, ratio)
	f.ZName, f.ZLabel, f.Scale = "lambda_ratio", "|\u03bb_{min} / \u03bb_{max}|", figure.Linear
	return append(out, f)
}
