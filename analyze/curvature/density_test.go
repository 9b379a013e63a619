package curvature_test

import (
	"testing"

	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
)

func integral(t record.Table) float64 {
	x, y, s := t.Column("eigenvalue").Floats, t.Column("density").Floats, 0.0
	for i := 1; i < len(x); i++ {
		s += (x[i] - x[i-1]) * (y[i] + y[i-1]) / 2
	}
	return s
}

// The eigenvalues that were found have the weight 1/P each and the density integrates
// to the rest; the moments are those of the spectrum: trace and squared Frobenius norm.
func TestDensityHasTheRightWeightAndMoments(t *testing.T) {
	lambda := spread(200)
	trace, square := 0.0, 0.0
	for _, l := range lambda {
		trace, square = trace+l, square+l*l
	}
	r := compute(t, gaussian(200, 1), exact{quadratic{full: rotated(lambda, 2)}}, curvature.Options{
		Top:           3,
		DensityProbes: 20, DensityPoints: 4001,
	})
	d := r.Summary.Density
	if want := 1 - float64(d.Eigenvalues)/200; d.Eigenvalues != 4 || !near(integral(r.Density), want, 1e-9) {
		t.Errorf("%d eigenvalues; the density integrates to %v, want %v", d.Eigenvalues, integral(r.Density), want)
	}
	weights := 0.0
	parts, w, nodes := r.Spectrum.Column("part").Strings, r.Spectrum.Column("weight").Floats,
		r.Spectrum.Column("node").Floats
	for i, part := range parts {
		if part == "eigenvalue" {
			weights += w[i]
			if w[i] != 1.0/200 || !near(nodes[i], []float64{20, 11, 7, -3}[i], 1e-4) {
				t.Errorf("eigenvalue %d is %v with the weight %v", i, nodes[i], w[i])
			}
			continue
		}
		weights += w[i] / float64(d.Probes)
	}
	if !near(weights, 1, 1e-9) {
		t.Errorf("the weights add up to %v", weights)
	}
	for _, m := range []struct {
		name      string
		got, err  record.Optional
		want      float64
		tolerance float64
	}{
		{"trace", d.Trace, d.TraceError, trace, 4},
		{"squared Frobenius norm", d.FrobeniusSquared, d.FrobeniusSquaredError, square, 4},
		{"trace by Hutchinson", r.Summary.Trace.Mean, r.Summary.Trace.StandardError, trace, 4},
		{
			"squared Frobenius norm by Hutchinson", r.Summary.Trace.FrobeniusSquared,
			r.Summary.Trace.FrobeniusSquaredError, square, 4,
		},
	} {
		if !near(m.got.Value, m.want, m.tolerance*m.err.Value+1e-5*square) || !(m.err.Value < 0.05*square) {
			t.Errorf("%s is %v +- %v; it is %v", m.name, m.got.Value, m.err.Value, m.want)
		}
	}
	low, high, mean := r.Density.Column("density_low").Floats, r.Density.Column("density_high").Floats,
		r.Density.Column("density").Floats
	for i := range mean {
		if low[i] > mean[i] || high[i] < mean[i] || low[i] < 0 {
			t.Fatalf("point %d: density %v in the band %v to %v", i, mean[i], low[i], high[i])
		}
	}
}

// A small matrix is known completely: its density is its eigenvalues, without probes.
func TestDensityOfACompleteSpectrum(t *testing.T) {
	r := compute(t, gaussian(40, 1), exact{quadratic{full: rotated(spread(40), 2)}}, curvature.Options{
		Top:    40,
		Bottom: -1,
	})
	if d := r.Summary.Density; !r.Summary.Complete || d.Eigenvalues != 40 || d.Probes != 0 ||
		len(r.Density.Column("density").Floats) != 0 {
		t.Errorf("complete %v, %+v", r.Summary.Complete, d)
	}
	if tr := r.Summary.Trace; tr.Samples != 0 || tr.StandardError.Value != 0 ||
		!near(tr.Mean.Value, r.Summary.Density.Trace.Value, 1e-4) {
		t.Errorf("trace %+v, of the eigenvalues %v", tr, r.Summary.Density.Trace)
	}
}

// The trace is within two of its standard errors in at least nine of ten seeds.
func TestTraceErrorHolds(t *testing.T) {
	lambda := make([]float64, 120)
	want := 0.0
	for i := range lambda {
		lambda[i] = 30/float64(i+1) - 0.2
		want += lambda[i]
	}
	q := exact{quadratic{full: rotated(lambda, 3)}}
	within := 0
	const seeds = 50
	for seed := range uint64(seeds) {
		r := compute(t, gaussian(120, 1), q, curvature.Options{Top: 1, Tolerance: 0.1, DensityProbes: -1, Seed: seed})
		if tr := r.Summary.Trace; near(tr.Mean.Value, want, 2*tr.StandardError.Value) {
			within++
		}
		if r.Summary.Complete {
			t.Fatal("the basis spans everything: nothing is estimated")
		}
	}
	if within < seeds*9/10 {
		t.Errorf("the trace is within two standard errors for %d of %d seeds", within, seeds)
	}
}
