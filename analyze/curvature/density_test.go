package curvature_test

import (
	"math"
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

// The density integrates to one and its first moments are those of the spectrum:
// trace/P and the mean square.
func TestDensityIntegratesToOneWithTheRightMoments(t *testing.T) {
	lambda := spread(400)
	mean, square := 0.0, 0.0
	for _, l := range lambda {
		mean, square = mean+l/400, square+l*l/400
	}
	r := compute(t, gaussian(400, 1), quadratic{full: rotated(lambda, 2)}, curvature.Options{Top: 3, DensityRuns: 40, DensityPoints: 4001})
	if got := integral(r.Density); !near(got, 1, 1e-9) {
		t.Errorf("the density integrates to %v", got)
	}
	m1, m2, weights := 0.0, 0.0, 0.0
	nodes, w := r.Spectrum.Column("node").Floats, r.Spectrum.Column("weight").Floats
	for i, x := range nodes {
		weights += w[i]
		m1, m2 = m1+w[i]*x, m2+w[i]*x*x
	}
	// One run's mean is z'Az/n, whose standard deviation is at most sqrt(2 tr A^2)/n.
	sd := math.Sqrt(2*square*400) / 400 / math.Sqrt(40)
	if !near(weights, 40, 1e-9) || !near(m1/40, mean, 4*sd) {
		t.Errorf("weights add up to %v of 40 runs; the mean is %v, want %v within %v", weights, m1/40, mean, 4*sd)
	}
	if !near(m2/40, square, 0.2*square) {
		t.Errorf("the mean square is %v, want %v", m2/40, square)
	}
}

// Hutchinson's estimator is unbiased and its standard error is honest. For a
// diagonal matrix every Rademacher sample is exact.
func TestHutchinsonMean(t *testing.T) {
	lambda := spread(60)
	want := 0.0
	for _, l := range lambda {
		want += l
	}
	r := compute(t, gaussian(60, 1), quadratic{full: rotated(lambda, 3)}, curvature.Options{Top: 1, TraceSamples: 400})
	tr := r.Summary.Trace
	if tr.Samples != 400 || !near(tr.Mean.Value, want, 4*tr.StandardError.Value) {
		t.Errorf("trace %v +- %v of %d samples; it is %v", tr.Mean.Value, tr.StandardError.Value, tr.Samples, want)
	}
	// Var z'Az = 2 (|A|_F^2 - sum A_ii^2) for Rademacher z.
	q, variance := rotated(lambda, 3), 0.0
	for i := range 60 {
		for j := range 60 {
			if i != j {
				variance += 2 * q.At(i, j) * q.At(i, j)
			}
		}
	}
	if se := math.Sqrt(variance / 400); !near(tr.StandardError.Value, se, 0.2*se) {
		t.Errorf("standard error %v; it should be near %v", tr.StandardError.Value, se)
	}
	r = compute(t, gaussian(60, 1), quadratic{diagonal: lambda}, curvature.Options{Top: 1, TraceSamples: 3})
	for i, v := range r.TraceSamples.Column("value").Floats {
		if !near(v, want, 1e-3) {
			t.Errorf("sample %d of a diagonal matrix is %v; the trace is %v", i, v, want)
		}
	}
}
