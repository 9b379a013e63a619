package draw

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

// Density draws the spectrum of the Hessian: the eigenvalues that are known as stems,
// the rest as a density with its band, and the edge of stability. A stem stands for one
// eigenvalue; it is as high as the Gaussian of one eigenvalue with the broadening of the
// bulk, so that both have one unit: eigenvalues per unit of the axis.
func Density(run string, r *curvature.Result) *figure.Curves {
	d := &r.Summary.Density
	f := &figure.Curves{
		Title: "Eigenvalues of the " + r.Summary.Matrix.Name(), Subtitle: run, XLabel: "eigenvalue of the " + r.Summary.Matrix.Name(),
		YLabel: "eigenvalues per unit of \u03bb", YScale: figure.Log,
	}
	p := float64(r.Summary.Parameters)
	stems := values(&r.Spectrum, "eigenvalue")
	sigma := d.Broadening
	if sigma == 0 { // all eigenvalues are known
		sigma = 1
		if low, high := slices.Min(stems), slices.Max(stems); high > low {
			sigma = math.Sqrt(1e-5) * (high - low)
		}
	}
	peak := 1 / (sigma * math.Sqrt(2*math.Pi))
	top, floor := peak, peak/10
	bulk := figure.Series{
		Name: fmt.Sprintf("the other %.0f: density, mean of %d probes \u00b1 2 standard errors",
			p-float64(len(stems)), d.Probes),
		X: Values(&r.Density, "eigenvalue"),
	}
	for i, y := range Values(&r.Density, "density") {
		y, low, high := p*y, p*r.Density.Column("density_low").Floats[i], p*r.Density.Column("density_high").Floats[i]
		if y < floor { // less than a tenth of an eigenvalue: a gap, not a line along the axis
			y, low, high = math.NaN(), math.NaN(), math.NaN()
		} else {
			top = max(top, high)
		}
		bulk.Y, bulk.Low, bulk.Top = append(bulk.Y, y), append(bulk.Low, max(low, floor)), append(bulk.Top, high)
	}
	if len(bulk.X) > 0 {
		f.Series = append(f.Series, bulk)
	}
	if len(stems) > 0 {
		slices.Sort(stems)
		s := figure.Series{X: stems, Stems: true}
		s.Name = strings.ReplaceAll(fmt.Sprintf("%s, from %.3g to %.3g", analyze.Count(len(stems), "single eigenvalue"), stems[0],
			stems[len(stems)-1]), "-", "\u2212")
		for range stems {
			s.Y = append(s.Y, peak)
		}
		f.Series = append(f.Series, s)
	}
	if e := &r.Summary.Stability; e.Threshold.Valid && e.LearningRate.Valid && e.Preconditioned == nil {
		x := e.Threshold.Value / e.LearningRate.Value
		name := fmt.Sprintf("edge of stability, %.3g/\u03b7 = %.3g", e.Threshold.Value, x)
		if x <= 3*r.Top[0].Value { // farther out it would squeeze the spectrum
			f.Series = append(f.Series, figure.Series{Name: name, X: []float64{x, x}, Y: []float64{floor, top}})
		} else {
			f.Notes = append(f.Notes, "The "+name+", is to the right of the figure.")
		}
	}
	if s := &r.Summary; s.ProductMethod != curvature.Exact {
		f.Notes = append(f.Notes, "Products are "+s.ProductMethod+".")
	}
	f.Notes = append(f.Notes, fmt.Sprintf("Gaussians of standard deviation %.2g. Less than a tenth of an eigenvalue "+
		"is not drawn.", sigma))
	return f
}

// Fisher draws the spectrum of an empirical Fisher matrix as Density draws one whose
// eigenvalues are all known. It has no edge of stability.
func Fisher(run string, f *curvature.Fisher) *figure.Curves {
	s := &f.Summary
	c := Density(run, &curvature.Result{
		Top: f.Top, Spectrum: f.Spectrum,
		Summary: curvature.Summary{Parameters: s.Parameters, Matrix: s.Matrix, ProductMethod: curvature.Exact},
	})
	c.Notes = []string{
		fmt.Sprintf("%d mini-batch gradients of %s, steps %d to %d.",
			s.Gradients, s.Batches(), s.FirstStep, s.LastStep),
		fmt.Sprintf("The other %d eigenvalues are 0. A stem stands for one eigenvalue; its height has no meaning.",
			s.Parameters-s.Rank),
	}
	return c
}

// values returns the nodes of a part of a spectrum.
func values(t *record.Table, part string) []float64 {
	var out []float64
	for i, name := range t.Column("part").Strings {
		if name == part {
			out = append(out, t.Column("node").Floats[i])
		}
	}
	return out
}

// Curvatures draws the curvature along a run: the largest eigenvalue and the critical
// sharpness against the edge of stability, and the shares of gradient and update in the
// dominant space. A figure without data is left out.
func Curvatures(run string, t *record.Table) []Named {
	steps := Values(t, "step")
	var notes []string
	if s := analyze.Describe(t.Column("product_step")); s.Min.Valid {
		notes = []string{fmt.Sprintf("Products are finite differences of gradients over a step of %.3g to %.3g.",
			s.Min.Value, s.Max.Value)}
	}
	var out []Named
	add := func(name, title, label string, scale figure.Scale, series ...figure.Series) {
		series = slices.DeleteFunc(series, func(s figure.Series) bool { return s.Y == nil })
		if len(series) > 0 {
			out = append(out, Named{name, &figure.Curves{
				Title: title, Subtitle: run, XLabel: "step", XWhole: true, XSteps: true, YLabel: label,
				YScale: scale, Series: series, Notes: notes,
			}})
		}
	}
	points := sparse(steps)
	largest, name := Values(t, "lambda_max"), "\u03bb_{max}"
	edge, edgeName := divided(Values(t, "threshold"), Values(t, "learning_rate")), "edge of stability, threshold/\u03b7"
	if s := analyze.Describe(t.Column("threshold")); s.Min.Valid && s.Min == s.Max {
		edgeName = fmt.Sprintf("edge of stability, %.3g/\u03b7", s.Min.Value)
	}
	if scaled := Values(t, "preconditioned_lambda_max"); scaled != nil {
		largest, name = scaled, "\u03bb_{max}, preconditioned"
	}
	add("curvature", "Curvature along the run", "curvature", figure.Auto,
		figure.Series{
			Name: "critical sharpness along the update, 2/\u03b7_{c}", X: steps,
			Y: Values(t, "critical_sharpness"), Points: true, Apart: true,
		},
		figure.Series{Name: name, X: steps, Y: largest, Points: points},
		stairs(figure.Series{Name: edgeName, X: steps, Y: edge}),
	)
	batch, update := Values(t, "batch_grad_dominant_share"), Values(t, "update_dominant_share")
	batchName := "mini-batch gradient"
	if same(batch, update) { // as of plain SGD
		batchName, update = "mini-batch gradient and update", nil
	}
	add("dominant", "Gradient and update in the dominant space", "share in the dominant space", figure.Linear,
		figure.Series{Name: "full gradient", X: steps, Y: Values(t, "grad_dominant_share"), Points: points},
		figure.Series{Name: batchName, X: steps, Y: batch, Points: points},
		figure.Series{Name: "update", X: steps, Y: update, Points: points},
	)
	return out
}

// divided returns a/b element by element, nil when one of them is nil.
func divided(a, b []float64) []float64 {
	if a == nil || b == nil {
		return nil
	}
	for i := range a {
		if a[i] /= b[i]; math.IsInf(a[i], 0) {
			a[i] = math.NaN()
		}
	}
	return a
}
