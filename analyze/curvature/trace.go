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
	Samples       int             `json:"samples"`        // random vectors outside the basis; 0 when the basis spans everything
	Mean          record.Optional `json:"mean"`           // the estimate
	StandardError record.Optional `json:"standard_error"` // 0 when the basis spans everything
	// FrobeniusSquared is the sum of all squared eigenvalues, estimated in the same way.
	FrobeniusSquared      record.Optional `json:"frobenius_squared"`
	FrobeniusSquaredError record.Optional `json:"frobenius_squared_standard_error"`
}

// traceSample is what one random vector says of the part outside the basis.
type traceSample struct {
	value   float64 // z'Bz with B = (1-QQ') A (1-QQ')
	squares float64 // |Bz|^2, whose mean is |B|_F^2
	columns float64 // |A(1-QQ')z|^2, whose mean is that part of |A|_F^2
}

// trace estimates the trace as tr(Q'AQ) + tr((1-QQ') A (1-QQ')). The first term is
// known, Q being the Lanczos basis; Hutchinson's estimator with Rademacher vectors
// gives the second. This is Hutch++ (Meyer, Musco, Musco and Woodruff 2021) with the
// Lanczos basis as its sketch (Chen and Hallman 2022).
//
// The variance of z'Bz is 2(|B|_F^2 - sum B_ii^2). The standard error takes the upper
// bound 2|B|_F^2, with |B|_F^2 from the same products: it is steadier than the
// spread of a few samples.
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
	t := Trace{Mean: record.Some(inside), FrobeniusSquared: record.Some(squares), StandardError: record.Some(0), FrobeniusSquaredError: record.Some(0)}
	if m == k.products.dimension() {
		return t, nil, nil
	}
	samples, err := k.traceSamples(ctx, o, k.q[:m])
	if err != nil {
		return Trace{}, nil, err
	}
	value, bound, outside := make([]float64, len(samples)), 0.0, make([]float64, len(samples))
	for i, s := range samples {
		value[i], outside[i] = s.value, s.columns
		bound += 2 * s.squares / float64(len(samples))
	}
	mean, _ := meanAndError(value)
	rest, restError := meanAndError(outside)
	t.Samples = len(samples)
	t.Mean, t.StandardError = record.Some(inside+mean), record.Some(math.Sqrt(bound/float64(len(samples))))
	t.FrobeniusSquared, t.FrobeniusSquaredError = record.Some(squares+rest), restError
	return t, samples, nil
}

// traceSamples multiplies Rademacher vectors, projected out of the space of q.
func (k *krylov) traceSamples(ctx context.Context, o *Options, q [][]float32) ([]traceSample, error) {
	p := k.products
	samples := make([]traceSample, o.TraceSamples)
	for first := 0; first < len(samples); first += k.block {
		var units []int
		var lengths []float64
		var vectors [][]float32
		for i := first; i < min(first+k.block, len(samples)); i++ {
			if v, ok := o.Store.Lookup("trace " + strconv.Itoa(i)); ok && len(v) == 3 {
				samples[i] = traceSample{v[0], v[1], v[2]}
				p.skip(1)
				continue
			}
			z := rademacher(len(p.theta), o.Seed, streamTrace+uint64(i))
			p.mask(z)
			rest := widened(z)
			outside(rest, q)
			length := norm(rest)
			if length == 0 {
				continue
			}
			units, lengths, vectors = append(units, i), append(lengths, length*math.Sqrt(float64(len(p.theta)))), append(vectors, rounded(rest, 1/length))
		}
		if len(vectors) == 0 {
			continue
		}
		if err := p.multiply(ctx, vectors, k.w[:len(vectors)]); err != nil {
			return nil, err
		}
		for j, i := range units {
			w, square := k.w[j], lengths[j]*lengths[j]
			s := traceSample{value: square * dot(vectors[j], w), columns: square * norm(w) * norm(w)}
			outside(w, q)
			s.squares = square * norm(w) * norm(w)
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
