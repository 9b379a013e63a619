package figure_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
)

// valley is a curved, ill-conditioned valley with losses from 1e-3 to 10.
func valley(a, b float64) float64 {
	u := b - 0.35*a*a
	return 1e-3 + 0.06*(a-1.2)*(a-1.2)*(1+0.3*math.Sin(2*a)) + 1.4*u*u + 0.02*u*u*u*u
}

// descend is SGD with noise on the valley, one residual per iterate.
func descend(steps, perEpoch int, lr, noise float64, seed uint64) []figure.PathPoint {
	rng := rand.New(rand.NewPCG(seed, 1))
	a, b := -1.9, 2.4
	var out []figure.PathPoint
	const h = 1e-5
	for k := 0; k <= steps; k++ {
		progress := float64(k) / float64(steps)
		out = append(out, figure.PathPoint{
			A: a, B: b, Step: k, Epoch: k / perEpoch,
			Residual: 1.3 * math.Sin(math.Pi*progress) * (0.9 + 0.1*rng.Float64()),
		})
		ga := (valley(a+h, b) - valley(a-h, b)) / (2 * h)
		gb := (valley(a, b+h) - valley(a, b-h)) / (2 * h)
		a -= lr * (ga + noise*rng.NormFloat64())
		b -= lr * (gb + noise*rng.NormFloat64())
	}
	return out
}

func grid(lo, hi float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return out
}

func sample(x, y []float64, f func(a, b float64) float64) [][]float64 {
	z := make([][]float64, len(y))
	for j := range y {
		z[j] = make([]float64, len(x))
		for i := range x {
			z[j][i] = f(x[i], y[j])
		}
	}
	return z
}

func exampleLandscape() *figure.Landscape {
	x, y := grid(-2.6, 2.8, 51), grid(-1.3, 3.3, 45)
	return &figure.Landscape{
		X: x, Y: y, Z: sample(x, y, valley), Path: descend(300, 50, 0.12, 0.9, 3),
		Title:  "mlp:128 on MNIST, SGD \u03b7 = 0.1, batch 100",
		XLabel: "PC 1 (62.1 % of variance; random walk 60.8 %)",
		YLabel: "PC 2 (17.9 % of variance; random walk 15.2 %)",
	}
}

// walk is SGD on a noisy quadratic with one stiff and several soft directions,
// evaluated exactly between the iterates.
func exampleWalk(n int, lr float64) *figure.Walk {
	rng := rand.New(rand.NewPCG(5, 8))
	const dim = 30
	lambda, theta, start, last := make([]float64, dim), make([]float64, dim), make([]float64, dim), make([]float64, dim)
	for i := range lambda {
		lambda[i] = 1.0 / (1 + float64(i*i)*0.4)
		theta[i] = 1.5 + rng.NormFloat64()
	}
	lambda[0] = 14
	theta[0] = 0.25
	copy(start, theta)
	loss := func(t []float64) float64 {
		s := 0.08
		for i, v := range t {
			s += 0.5 * lambda[i] * v * v / 8
		}
		return s
	}
	w := &figure.Walk{
		Alphas: grid(0, 1, 11), Title: "mlp:128 on MNIST, SGD \u03b7 = 0.1, batch 100, epoch 1",
	}
	var lastNorm float64
	iterate := func(g []float64) {
		dot, norm := 0.0, 0.0
		for i := range g {
			dot += g[i] * last[i]
			norm += g[i] * g[i]
		}
		if lastNorm > 0 {
			w.Cosine = append(w.Cosine, dot/math.Sqrt(norm*lastNorm))
		} else {
			w.Cosine = append(w.Cosine, math.NaN())
		}
		copy(last, g)
		lastNorm = norm
		d := 0.0
		for i := range theta {
			d += (theta[i] - start[i]) * (theta[i] - start[i])
		}
		w.Distance = append(w.Distance, math.Sqrt(d))
	}
	for k := 0; k < n; k++ {
		g := make([]float64, dim)
		for i := range g {
			g[i] = lambda[i]*theta[i] + 0.35*math.Sqrt(lambda[i])*rng.NormFloat64()
		}
		iterate(g)
		w.Steps = append(w.Steps, k)
		var row []float64
		best, where := math.Inf(1), 0.0
		p := make([]float64, dim)
		for _, a := range w.Alphas {
			for i := range p {
				p[i] = theta[i] - a*lr*g[i]
			}
			v := loss(p)
			if v < best {
				best, where = v, a
			}
			row = append(row, v)
		}
		barrier := k%17 == 9
		if barrier {
			row[4] = math.Max(row[0], row[10]) * 1.02
		}
		w.Losses, w.Floor, w.FloorAlpha = append(w.Losses, row), append(w.Floor, best), append(w.FloorAlpha, where)
		w.Barriers = append(w.Barriers, barrier)
		w.Height = append(w.Height, (row[0]+row[10])/2-best)
		w.NullLow, w.NullHigh, w.NullName = append(w.NullLow, 1e-3), append(w.NullHigh, 0.1), "middle of a null"
		copy(theta, p)
	}
	return w
}

// gallery is every figure that is looked at by eye before a release.
func gallery() map[string]figure.Figure {
	out := map[string]figure.Figure{}
	land := exampleLandscape()
	out["landscape-double"] = land
	single := exampleLandscape()
	single.Style.Width = figure.SingleColumn
	out["landscape-single"] = single
	dark := exampleLandscape()
	dark.Style.Theme = figure.Dark
	out["landscape-dark"] = dark

	gaps := exampleLandscape()
	for j := range gaps.Z {
		for i := range gaps.Z[j] {
			if gaps.X[i]+gaps.Y[j] > 5 {
				gaps.Z[j][i] = math.Inf(1)
			}
			if gaps.X[i]-gaps.Y[j] > 3.2 || i == 12 && j == 14 {
				gaps.Z[j][i] = math.NaN()
			}
		}
	}
	for i := range gaps.Path {
		gaps.Path[i].A *= 1.5
	}
	gaps.Style.Width = 5
	out["landscape-gaps"] = gaps

	noisy := exampleLandscape()
	noisy.Path = descend(3000, 250, 0.1, 1.2, 4)
	out["landscape-noisy"] = noisy

	x, y := grid(-1, 1, 31), grid(-1, 1, 31)
	out["landscape-linear"] = &figure.Landscape{
		X: x, Y: y, Z: sample(x, y, func(a, b float64) float64 {
			return 2.1 + 0.4*math.Sin(3*a)*math.Cos(2.5*b) + 0.2*a
		}), XLabel: "random direction 1 (filter normalized)", YLabel: "random direction 2",
		Style: figure.Style{Width: figure.SingleColumn},
	}

	out["runs"] = exampleRuns()
	runs := exampleRuns()
	runs.Style.Width = figure.SingleColumn
	out["runs-single"] = runs
	out["accuracy"] = exampleAccuracy()
	out["diverging"] = exampleCurvature()
	out["panels"] = examplePanels()
	panels := examplePanels()
	panels.Style = figure.Style{Width: figure.SingleColumn, Theme: figure.Dark}
	out["panels-dark"] = panels

	for name, s := range exampleSurfaces() {
		out["surface-"+name] = s
	}

	walk := exampleWalk(50, 0.12)
	out["walk-double"] = walk
	ws := exampleWalk(50, 0.12)
	ws.Style.Width = figure.SingleColumn
	ws.Cosine2 = append([]float64(nil), ws.Cosine...)
	for i := range ws.Cosine2 {
		ws.Cosine2[i] = ws.Cosine2[i]*0.5 + 0.3
	}
	out["walk-single"] = ws
	out["walk-window"] = exampleWalk(449, 0.12)

	apart := exampleWalk(40, 0.12)
	for i := range apart.Steps {
		apart.Steps[i] = i + 6*(i/8)
		for k := range apart.Losses[i] {
			apart.Losses[i][k] *= math.Exp(-float64(i) / 6)
		}
		apart.Floor[i] *= math.Exp(-float64(i) / 6)
	}
	apart.Style.Theme = figure.Dark
	out["walk-gaps-log"] = apart
	flat := exampleLandscape()
	for j := range flat.Z {
		for i := range flat.Z[j] {
			flat.Z[j][i] = 2.3
		}
	}
	flat.Style.Width = figure.SingleColumn
	out["landscape-equal"] = flat
	spike := exampleLandscape()
	for j := range spike.Z {
		for i := range spike.Z[j] {
			if r := spike.X[i] - 1.2; r > 0 {
				spike.Z[j][i] *= math.Exp(r * r * 20)
			}
		}
	}
	spike.Style.Width = figure.SingleColumn
	out["landscape-diverging"] = spike

	steps, loss, mean, low, top := []float64{}, []float64{}, []float64{}, []float64{}, []float64{}
	rng := rand.New(rand.NewPCG(3, 3))
	for k := range 400 {
		m := 2.3*math.Exp(-float64(k)/60) + 0.01
		v := m * math.Exp(0.35*rng.NormFloat64())
		steps, loss, mean = append(steps, float64(k)), append(loss, v), append(mean, m)
		low, top = append(low, m*0.6), append(top, m*1.7)
	}
	out["curves-band"] = &figure.Curves{
		Title: "Batch loss per step", XLabel: "step", YLabel: "loss", XWhole: true,
		Series: []figure.Series{
			{Name: "batch loss", X: steps, Y: loss},
			{Name: "full training loss", X: steps, Y: mean, Low: low, Top: top},
		},
	}
	lengths := figure.Curves{
		XLabel: "step", YLabel: "step length", XWhole: true,
		Style: figure.Style{Width: figure.SingleColumn},
	}
	for i := range 4 {
		y := make([]float64, len(steps))
		for k := range y {
			y[k] = 0.004 * (1 + float64(i)*0.5 + math.Sin(steps[k]/float64(20+i*9)))
		}
		lengths.Series = append(lengths.Series,
			figure.Series{Name: []string{"SGD", "momentum 0.9", "Adam", "Entropy-SGD"}[i], X: steps, Y: y})
	}
	out["curves-four"] = &lengths
	var ratios, null []float64
	for k := 1; k <= 30; k++ {
		ratios = append(ratios, 0.7/math.Pow(float64(k), 2.6))
		null = append(null, 6/(math.Pi*math.Pi*float64(k*k)))
	}
	for name, d := range exampleSeries() {
		out["distances-"+name] = d
		narrow := *d
		narrow.Style = figure.Style{Width: figure.SingleColumn, Theme: figure.Dark}
		out["distances-"+name+"-dark"] = &narrow
	}
	out["spectrum"] = &figure.Spectrum{Title: "Principal directions of 300 iterates", Ratios: ratios, Null: null}
	var half, above []float64
	for _, v := range null[:10] {
		half, above = append(half, v/2), append(above, v*1.3)
	}
	out["spectrum-intervals"] = &figure.Spectrum{
		Title: "Principal directions of 300 iterates", Subtitle: "mlp:128 on MNIST", Ratios: ratios[:10], Null: null[:10],
		Intervals: []figure.NullInterval{
			{Name: "signs at random", Mean: null[:10], Low: half, High: above},
			{Name: "order at random", Mean: half, Low: ratios[:10], High: null[:10]},
		},
		Style: figure.Style{Width: figure.SingleColumn, Theme: figure.Dark},
	}
	out["walk-strip"] = figure.Marked(exampleWalk(300, 0.1), longTimeline(30, false))
	out["walk-strip-single-dark"] = figure.Styled(figure.Marked(exampleWalk(300, 0.1), longTimeline(30, true)),
		figure.Style{Width: figure.SingleColumn, Theme: figure.Dark})
	out["spectrum-linear"] = &figure.Spectrum{
		Ratios: ratios[:6], Null: null[:6], Scale: figure.Linear,
		Style: figure.Style{Width: figure.SingleColumn},
	}
	return out
}

// TestGallery writes all figures (or those whose names begin with
// SGDWALK_FIGURES_ONLY) to the directory in SGDWALK_FIGURES, to be looked at, and
// does nothing without it.
func TestGallery(t *testing.T) {
	dir := os.Getenv("SGDWALK_FIGURES")
	if dir == "" {
		t.Skip("SGDWALK_FIGURES names no directory to draw into")
	}
	only := os.Getenv("SGDWALK_FIGURES_ONLY")
	for name, fig := range gallery() {
		if only != "" && !strings.HasPrefix(name, only) {
			continue
		}
		if _, err := figure.Save(fig, filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	for name, a := range exampleAnimations() {
		if only != "" && !strings.HasPrefix(name, only) {
			continue
		}
		if err := a.SaveGIF(filepath.Join(dir, name+".gif")); err != nil {
			t.Error(err)
		}
	}
}
