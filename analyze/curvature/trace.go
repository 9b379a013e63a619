package curvature

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"sgdwalk/record"
)

// Trace is Hutchinson's estimate of the trace of the Hessian.
type Trace struct {
	Samples       int             `json:"samples"`
	Mean          record.Optional `json:"mean"`           // of z'Hz over Rademacher vectors z
	StandardError record.Optional `json:"standard_error"` // standard deviation of the samples / sqrt(samples); absent for one sample
}

// traceSamples returns z'Hz for every Rademacher vector; first is that of the
// Lanczos start.
func (p *products) traceSamples(ctx context.Context, o *Options, first float64) ([]float64, error) {
	if o.TraceSamples < 0 {
		return nil, nil
	}
	n := len(p.theta)
	samples := []float64{first}
	w := make([]float64, n)
	for i := 1; i < o.TraceSamples; i++ {
		unit := "trace " + strconv.Itoa(i)
		if v, ok := o.Store.Lookup(unit); ok && len(v) == 1 {
			samples = append(samples, v[0])
			p.skip(1)
			continue
		}
		z := rademacher(n, o.Seed, streamTrace+uint64(i))
		if err := p.apply(ctx, w, z, p.step); err != nil {
			return nil, err
		}
		v := float64(n) * dot(z, w) / norm32(z)
		if err := o.Store.Save(unit, []float64{v}); err != nil {
			return nil, fmt.Errorf("curvature: %s: %w", unit, err)
		}
		samples = append(samples, v)
	}
	return samples, nil
}

func estimate(samples []float64) Trace {
	t := Trace{Samples: len(samples)}
	if t.Samples == 0 {
		return t
	}
	n, mean, squares := float64(t.Samples), 0.0, 0.0
	for _, v := range samples {
		mean += v / n
	}
	for _, v := range samples {
		squares += float64((v - mean) * (v - mean))
	}
	t.Mean = record.Some(mean)
	if t.Samples > 1 {
		t.StandardError = record.Some(math.Sqrt(squares / (n - 1) / n))
	}
	return t
}
