package curvature

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Trace is the trace of the matrix: exact in the space of the Lanczos basis,
// estimated outside it.
type Trace struct {
	// random vectors outside the basis; 0 when the basis spans everything
	Samples       int             `json:"samples"`
	Mean          record.Optional `json:"mean"`           // the estimate
	StandardError record.Optional `json:"standard_error"` // 0 when the basis spans everything
	// FrobeniusSquared is the sum of all squared eigenvalues, estimated in the same way.
	FrobeniusSquared      record.Optional `json:"frobenius_squared"`
	FrobeniusSquaredError record.Optional `json:"frobenius_squared_standard_error"`
}

// traceSample is the estimate of one random vector for the part outside the basis.
type traceSample struct {
	value   float64 // d u'Bu with B = (1-QQ') A (1-QQ') and d the dimension outside Q; its mean is tr B
	squares float64 // d |Bu|^2, whose mean is |B|_F^2
	columns float64 // d |Au|^2, whose mean is that part of |A|_F^2
}

// trace estimates the trace as tr(Q'AQ) + tr((1-QQ') A (1-QQ')). The first term is
// known, Q being the Lanczos basis; Hutchinson's estimator gives the second. This is
// Hutch++ (Meyer, Musco, Musco and Woodruff 2021) with the Lanczos basis as its sketch
// (Chen and Hallman 2022).
//
// The random vectors u are uniform on the unit sphere outside Q, of dimension d. Then
// d u'Bu has the mean tr B and the variance 2d/(d+2) (|B|_F^2 - (tr B)^2/d), which is 0
// for a multiple of the identity. The standard error takes both norms from the same
// products: it is steadier than the spread of a few samples.
func (k *krylov) trace(ctx context.Context, o *Options) (Trace, []traceSample, error) {
	if o.TraceSamples < 0 {
		return Trace{}, nil, nil
	}
	m := len(k.columns)
	inside, squares := 0.0, 0.0
	for j, column := range k.columns {
		inside += column[j]
		length := norm(column)
		squares += length * length
	}
	t := Trace{
		Mean: record.Some(inside), FrobeniusSquared: record.Some(squares), StandardError: record.Some(0),
		FrobeniusSquaredError: record.Some(0),
	}
	if m == k.products.dimension() {
		return t, nil, nil
	}
	samples, err := k.traceSamples(ctx, o, k.q[:m])
	if err != nil {
		return Trace{}, nil, err
	}
	value, squaresOutside, outside := make([]float64, len(samples)), 0.0, make([]float64, len(samples))
	for i, s := range samples {
		value[i], outside[i] = s.value, s.columns
		squaresOutside += s.squares / float64(len(samples))
	}
	mean, _ := meanAndError(value)
	variance := 2 * max(0, squaresOutside-mean*mean/float64(k.products.dimension()-m))
	rest, restError := meanAndError(outside)
	t.Samples = len(samples)
	t.Mean, t.StandardError = record.Some(inside+mean), record.Some(math.Sqrt(variance/float64(len(samples))))
	t.FrobeniusSquared, t.FrobeniusSquaredError = record.Some(squares+rest), restError
	return t, samples, nil
}

// traceSamples multiplies random unit vectors outside the space of q.
func (k *krylov) traceSamples(ctx context.Context, o *Options, q [][]float32) ([]traceSample, error) {
	p := k.products
	rest := float64(p.dimension() - len(q))
	samples := make([]traceSample, o.TraceSamples)
	for first := 0; first < len(samples); first += k.block {
		var units []int
		var vectors [][]float32
		for i := first; i < min(first+k.block, len(samples)); i++ {
			if v, ok := o.Store.Lookup("trace " + strconv.Itoa(i)); ok && len(v) == 3 {
				samples[i] = traceSample{v[0], v[1], v[2]}
				p.skip(1)
				continue
			}
			z := gaussian(len(p.theta), o.Seed, streamTrace+uint64(i))
			p.mask(z)
			u := widened(z)
			outside(u, q)
			units, vectors = append(units, i), append(vectors, rounded(u, 1/norm(u)))
		}
		if len(vectors) == 0 {
			continue
		}
		if err := p.multiply(ctx, vectors, k.w[:len(vectors)]); err != nil {
			return nil, err
		}
		for j, i := range units {
			w := k.w[j]
			s := traceSample{value: rest * dot(vectors[j], w), columns: rest * norm(w) * norm(w)}
			outside(w, q)
			s.squares = rest * norm(w) * norm(w)
			samples[i] = s
			if err := o.Store.Save("trace "+strconv.Itoa(i), []float64{s.value, s.squares, s.columns}); err != nil {
				return nil, fmt.Errorf("curvature: trace %d: %w", i, err)
			}
		}
	}
	return samples, nil
}

// outside takes the part in the space of the orthonormal q out of w.
func outside(w []float64, q [][]float32) {
	for range 2 {
		for _, v := range q {
			addScaled(w, -dot(v, w), v)
		}
	}
}

// meanAndError returns the mean and its standard error, which is absent for one value.
func meanAndError(v []float64) (mean float64, standardError record.Optional) {
	n := float64(len(v))
	for _, x := range v {
		mean += x / n
	}
	if len(v) < 2 {
		return mean, record.Optional{}
	}
	squares := 0.0
	for _, x := range v {
		squares += float64((x - mean) * (x - mean))
	}
	return mean, record.Some(math.Sqrt(squares / (n - 1) / n))
}

func samplesTable(samples []traceSample) record.Table {
	var number []int64
	var values column.Floats
	for i, s := range samples {
		number = append(number, int64(i))
		values.Add(record.Some(s.value))
	}
	return record.Table{Columns: []record.Column{column.Ints("sample", number), values.Column("value")}}
}
