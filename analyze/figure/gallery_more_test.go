package figure_test

import (
	"math"
	"math/rand/v2"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/animate"
	"sgdwalk/analyze/figure/surface"
)

// exampleRuns is the valley with four runs from one start.
func exampleRuns() *figure.Landscape {
	l := exampleLandscape()
	l.Path = nil
	l.Title = "lenet on MNIST: four optimizers from one initialization"
	l.XLabel = "joint PC 1 (48.0 % of variance; random walks 31.2 %)"
	l.YLabel = "joint PC 2 (21.5 % of variance; random walks 16.4 %)"
	for i, name := range []string{"SGD", "momentum 0.9", "Adam", "Entropy-SGD"} {
		path := descend(120, 30, 0.05+0.05*float64(i), []float64{0.7, 0.35, 0.9, 0.1}[i], uint64(i+10))
		for k := range path {
			share := float64(k) / 120
			path[k].Residual *= float64(i+1) / 2
			path[k].Loss = valley(path[k].A, path[k].B) * (1 + 0.2*share*float64(i))
			path[k].B += 0.25 * float64(i-1) * share
		}
		l.Paths = append(l.Paths, figure.LabelledPath{Name: name, Points: path})
	}
	return l
}

// exampleAccuracy is a map on which higher is better.
func exampleAccuracy() *figure.Landscape {
	l := exampleLandscape()
	for j := range l.Z {
		for i := range l.Z[j] {
			l.Z[j][i] = 10 + 89*math.Exp(-l.Z[j][i]*0.7)
		}
	}
	l.Map, l.ZLabel, l.ZName = figure.Reversed, "training accuracy in %", "accuracy"
	l.Style.Width = figure.SingleColumn
	return l
}

// exampleCurvature is a map of both signs.
func exampleCurvature() *figure.Landscape {
	x, y := grid(-2, 2, 41), grid(-1, 1.5, 33)
	return &figure.Landscape{
		X: x, Y: y, Z: sample(x, y, func(a, b float64) float64 { return 6*math.Cos(2*a)*math.Exp(-b*b) + 2*b }),
		Map: figure.Diverging, ZLabel: "\u03bb_{min} of the Hessian", ZName: "lambda_min",
		Path: descend(60, 20, 0.1, 0.4, 5), Title: "Smallest eigenvalue",
		XLabel: "PC 1", YLabel: "PC 2", Style: figure.Style{Width: 5},
	}
}

// examplePanels is per-step quantities of several runs.
func examplePanels() *figure.Panels {
	rng := rand.New(rand.NewPCG(4, 4))
	out := &figure.Panels{
		Title: "lenet on MNIST: per step", XLabel: "step", XWhole: true,
		Panels: []figure.Panel{
			{YLabel: "batch loss"},
			{YLabel: "step length"},
			{YLabel: "cosine of updates", References: []float64{0}},
			{YLabel: "sharpness", References: []float64{40}},
		},
	}
	for i, name := range []string{"SGD", "momentum 0.9", "Adam", "Entropy-SGD"} {
		var x, loss, length, cosine, sharp []float64
		for k := range 300 {
			s := float64(k)
			x = append(x, s)
			loss = append(loss, (2.3*math.Exp(-s/(30+20*float64(i)))+0.01)*math.Exp(0.2*rng.NormFloat64()))
			length = append(length, 0.05*float64(i+1)*math.Exp(-s/200)*(1+0.1*rng.NormFloat64()))
			cosine = append(cosine, math.Max(-1, math.Min(1, 0.25*float64(i)-0.4+0.1*rng.NormFloat64())))
			sharp = append(sharp, 40*(1-math.Exp(-s/(60+10*float64(i))))*(1+0.03*rng.NormFloat64()))
		}
		for j, y := range [][]float64{loss, length, cosine, sharp} {
			series := figure.Series{Name: name, X: x, Y: y}
			if j == 3 && i == 3 {
				continue
			}
			out.Panels[j].Series = append(out.Panels[j].Series, series)
		}
	}
	return out
}

// exampleSurfaces are landscapes of the gallery in space.
func exampleSurfaces() map[string]*surface.Figure {
	single, dark, holes, above := exampleRuns(), exampleLandscape(), exampleLandscape(), exampleLandscape()
	single.Style.Width = figure.SingleColumn
	dark.Style.Theme = figure.Dark
	for j := range holes.Z {
		for i := range holes.Z[j] {
			if holes.X[i]-holes.Y[j] > 3 || i == 12 && j == 14 {
				holes.Z[j][i] = math.NaN()
			}
			if holes.X[i]+holes.Y[j] > 5.2 {
				holes.Z[j][i] = math.Inf(1)
			}
		}
	}
	holes.Style.Width = 5
	above.Path = descend(60, 12, 0.2, 0.3, 9)
	for i := range above.Path {
		above.Path[i].Loss = valley(above.Path[i].A, above.Path[i].B) * (1 + above.Path[i].Residual)
	}
	x, y := grid(-1, 1, 15), grid(-1, 1, 11)
	coarse := &figure.Landscape{
		X: x, Y: y, Z: sample(x, y, func(a, b float64) float64 {
			return 2.1 + 0.4*math.Sin(3*a)*math.Cos(2.5*b) + 0.2*a
		}), XLabel: "random direction 1 (filter normalized)", YLabel: "random direction 2",
		Style: figure.Style{Width: figure.SingleColumn},
	}
	return map[string]*surface.Figure{
		"double": {Landscape: exampleLandscape()},
		"single": {Landscape: single},
		"dark":   {Landscape: dark, Azimuth: 130, Elevation: 30},
		"holes":  {Landscape: holes, Azimuth: -120, Elevation: 50},
		"above":  {Landscape: above, Elevation: 25},
		"coarse": {Landscape: coarse},
		"signed": {Landscape: exampleCurvature(), Azimuth: -30},
	}
}

// exampleAnimations are walks over landscapes of the gallery.
func exampleAnimations() map[string]*animate.Animation {
	dark := exampleLandscape()
	dark.Style = figure.Style{Width: figure.SingleColumn, Theme: figure.Dark, DPI: 130}
	return map[string]*animate.Animation{
		"animation":      {Landscape: exampleLandscape()},
		"animation-runs": {Landscape: exampleRuns(), Frames: 60},
		"animation-dark": {Landscape: dark, Frames: 40},
	}
}
