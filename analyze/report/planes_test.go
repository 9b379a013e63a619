package report_test

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/report"
	"sgdwalk/record"
)

func drawing(names ...string) map[string]figure.Figure {
	out := make(map[string]figure.Figure)
	for _, n := range names {
		out[n] = &figure.Curves{Title: "t", Series: []figure.Series{{X: []float64{0, 1}, Y: []float64{1, 2}}}}
	}
	return out
}

func keepJSON(t *testing.T, run, name, analysis, summary string, options any, figures ...string) {
	t.Helper()
	keep(t, run, name, analysis, header(""), json.RawMessage(summary), options, []analyze.Warning(nil), "", nil,
		drawing(figures...))
}

// A landscape is named for its plane: in the title, the contents, the captions and
// the answers.
func TestPlaneKinds(t *testing.T) {
	for _, c := range []struct{ plane, title, where, share string }{
		{
			`"plane": {"kind": "pca", "origin": "mean", "directions": ["pc2", "pc3"]}, "directions": ` +
				`{"explained_variance_ratio": [0.6, 0.25, 0.1], "random_walk": {"explained_variance_ratio": [0.5, ` +
				`0.2, 0.05]}}`,
			"Landscape, PC2 and PC3", "the plane of the principal directions PC2 and PC3 through the mean of the " +
				"iterates", "The plane holds 35 % of the variance of the iterates (a random walk: 25 %).",
		},
		{
			`"plane": {"kind": "random", "origin": "step 20", "directions": ["random1", "random2"], "normalization": "filter"}`,
			"Landscape, random directions", "the plane of two random directions, filter-normalized, through step 20",
			"the path was not projected",
		},
		{
			`"plane": {"kind": "hessian", "origin": "step 20", "directions": ["eigenvector 1", "eigenvector -1"], ` +
				`"eigenvalues": [4, -0.5]}`,
			"Landscape, Hessian eigenvectors", "the plane of the eigenvectors 1 and -1 of the Hessian through step " +
				"20 (λ = 4 and -0.5 there)", "",
		},
		{
			`"plane": {"kind": "through", "origin": "a step 0", "directions": ["a step 20", "b step 20"]}`,
			"Landscape, through points", "the plane through a step 0, a step 20 and b step 20", "",
		},
		{
			`"plane": {"kind": "through", "origin": "a step 0", "directions": ["a step 20", "random1"], ` +
				`"normalization": "layer"}`,
			"Landscape, through points", "the plane through a step 0 and a step 20, with a random direction, " +
				"layer-normalized, as its second", "",
		},
		{
			`"plane": {"kind": "file", "origin": "step 20", "directions": ["u", "v"]}`,
			"Landscape, given directions", "the plane of the given directions u and v through step 20", "",
		},
	} {
		run := emptyRun(t, "run", header(""))
		keepJSON(t, run, "landscape", "landscape", `{"cells": 9, "evaluated": 9, "path_rows": 0, `+c.plane+`}`, nil,
			"landscape", "accuracy")
		html := write(t, report.Options{}, open(t, run))
		for _, want := range []string{
			">" + c.title + ": the loss on a plane</h2>", ">" + c.title + "</a>", "<figcaption>The loss on " +
				c.where + ".</figcaption>",
			"<figcaption>Training accuracy on " + c.where + ".</figcaption>", "It shows " + c.where + ".", c.share,
		} {
			if !strings.Contains(html, want) {
				t.Errorf("%s: the page lacks %q", c.title, want)
			}
		}
		if strings.Contains(html, "two leading directions") ||
			strings.Contains(c.plane, `"pca"`) != strings.Contains(html, "The plane holds") {
			t.Errorf("%s: it is described as another plane", c.title)
		}
	}
}

// The questions that lines and the curvature answer.
func TestBarriersAndEdge(t *testing.T) {
	run := emptyRun(t, "run", header(""))
	html := write(t, report.Options{}, open(t, run))
	for _, want := range []string{
		"The result of sgdwalk walk run is missing.",
		"The result of sgdwalk curvature run is missing.",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page of a run without results lacks %q", want)
		}
	}
	keepJSON(t, run, "line", "line", `{"line": {"points": 5, "distance": 2, "loss_start": 1, "loss_end": 0.5, "monotone": false, "largest_rise": 0.25, "barrier_over_ends": 0.125, "also": [{"name": "test_loss", "start": 1, "end": 0.75, "min": 0.5, "max": 1.5}]},
		"curve": {"form": "bezier", "curve": {"length": 3, "barrier_over_ends": 0}, "straight": {"length": 2, "barrier_over_ends": 0.125}}}`,
		map[string]any{"from_step": 0, "to_step": 20, "to_run": "/somewhere/other"}, "line", "curve")
	keepJSON(t, run, "far", "line", `{"line": {"points": 5, "distance": 2, "barrier_over_ends": 0}}`,
		map[string]any{"from_step": 3, "to_step": 20, "to_run": ""}, "line")
	keepJSON(t, run, "lines", "lines",
		`{"lines": 8, "x": "-1:1:51", "loss_at_origin": 0.5, "loss": {"min": 0.25, "max": 4}, "spread_ratio": 0.5, `+
			`"plane": {"origin": "step 20", "normalization": "filter"}}`, nil, "lines", "test_loss")
	keepJSON(t, run, "curvature", "curvature",
		`{"at_step": 20, "lambda_max": 8, "lambda_min": -2, "top": [8, 4], "stability": {"optimizer": "sgd", `+
			`"learning_rate": 0.3, "eta_lambda_max": 2.4, "threshold": 2}}`, nil, "curvature")
	keepJSON(t, run, "fisher", "curvature",
		`{"at_step": 20, "matrix": "empirical-fisher", "gradients": 8, "first_step": 12, "last_step": 19, `+
			`"lambda_max": 0.5, "trace": {"mean": 2}, "mean_gradient_share": 0.25, "stability": {"threshold_absent": `+
			`"it is not the Hessian"}}`, nil, "curvature")
	keepJSON(t, run, "along", "curvature",
		`{"rows": 4, "first_step": 0, "last_step": 20, "lambda_max": {"min": 1, "max": 8}, "eta_lambda_max": `+
			`{"mean": 0.6, "max": 2.4}}`, nil, "curvature", "dominant")
	html = write(t, report.Options{}, open(t, run))
	for _, want := range []string{
		"Step 0 to step 20 of other, distance 2: loss 1 at the first end and 0.5 at the second.", "(barrier above " +
			"the higher end: 0.125).",
		"The bezier curve that was trained for 0 steps has no point above the higher end; the straight line has a " +
			"barrier of 0.125 above the higher end",
		"In far: step 3 to step 20, distance 2: loss",
		">Line from step 0 to step 20 of other: the loss between two points</h2>", ">Line from step 3 to step 20 " +
			"(far): the loss between two points</h2>",
		"The loss rises by up to 0.25 on the way", `<th scope="row">test loss</th>`,
		`<th scope="row">barrier above the higher end</th><td class="n">0</td><td class="n">0.125</td>`,
		">Random lines: the loss around one point</h2>", "8 random lines of 51 points, filter-normalized, through " +
			"step 20; loss 0.5 there, 0.25 to 4 on them.", "<figcaption>Held-out loss along the same " +
			"lines.</figcaption>",
		"Hessian at step 20: lambda_max 8, lambda_min -2", "The loss curves down in some direction, 25 % as much as " +
			"it curves up in the steepest one.",
		"Eta lambda_max is 2.4 (eta 0.3); the edge of stability of sgd is at 2: the run is above it, at 120 % of it.",
		"4 iterates, steps 0 to 20: lambda_max from 1 to 8",
		"Empirical Fisher matrix around step 20, from 8 mini-batch gradients of an unknown number of examples (steps " +
			"12 to 19)", "The empirical Fisher matrix is not the Hessian: no edge of stability applies.",
		"<figcaption>Eigenvalues of the empirical Fisher matrix: their spectral density.</figcaption>",
		"<figcaption>Eigenvalues of the Hessian: their spectral density.</figcaption>", "<figcaption>Learning rate " +
			"times largest eigenvalue over the steps, compared with the edge of stability.</figcaption>",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"/somewhere", "Figure line of", "Numbers, line"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

// A refined grid leaves cells out; the surface to rotate has no holes there, and a
// loss that is not finite stays one.
func TestRefinedSurface(t *testing.T) {
	run, h := emptyRun(t, "run", header("")), header("")
	m, ctx := walked(t, h), context.Background()
	u, v := []float32{1, 0, 0, 0, 0, 0}, []float32{0, 1, 0, 0, 0, 0}
	plane, err := analyze.NewPlane(make([]float32, 6), u, v)
	ok(t, err)
	loss := func(ctx context.Context, theta []float32) (float64, error) {
		if theta[0] == 4 && theta[1] == 4 {
			return math.NaN(), nil
		}
		return bowl(ctx, theta)
	}
	r, err := landscape.Compute(ctx, plane, analyze.LossFunc(loss), landscape.Options{
		X: analyze.Range{Min: -4, Max: 4, N: 9}, Y: analyze.Range{
			Min: -4, Max: 4,
			N: 9,
		}, Path: m, Refine: 2, Contours: func(_, _ float64) []float64 { return []float64{2} },
	})
	ok(t, err)
	if r.Summary.Planned == r.Summary.Cells {
		t.Fatal("the refined grid leaves nothing out")
	}
	keep(t, run, "landscape", "landscape", h, r.Summary, nil, r.Warnings, "",
		map[string]*record.Table{"grid": &r.Table, "path": &r.Path}, drawing("landscape"))
	html := write(t, report.Options{Plotly: fakePlotly}, open(t, run))
	if !strings.Contains(html, strconv.Itoa(r.Summary.Cells-r.Summary.Evaluated)+
		" of the grid points, away from contours, are interpolated") && r.Summary.Cells-r.Summary.Evaluated < 1000 {
		t.Error("the page does not say how much is interpolated")
	}
	block := html[strings.Index(html, `<script type="application/json"`):]
	block = block[strings.Index(block, ">")+1 : strings.Index(block, "</script>")]
	var data struct {
		Landscape struct{ Z [][]*float64 }
	}
	ok(t, json.Unmarshal([]byte(block), &data))
	z, holes := data.Landscape.Z, 0
	for j := range z {
		for i := range z[j] {
			if z[j][i] == nil {
				holes++
			}
		}
	}
	last := len(z) - 1
	if len(z) != 33 || len(z[0]) != 33 || z[last][last] != nil || holes > 9 {
		t.Errorf("%d rows, %d holes; want 33 rows, and holes only where the loss is not finite", len(z), holes)
	}
}
