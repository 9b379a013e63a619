package main

import (
	"strconv"

	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// spectrumTable has the shares of variance, one row a principal direction.
func spectrumTable(r *pca.Result) record.Table {
	n := len(r.ExplainedVarianceRatio)
	component, null := make([]int64, n), make([]float64, n)
	lissajous := record.Column{Name: "lissajous_correlation", Floats: make([]float64, n), Valid: make([]bool, n)}
	for i := range n {
		component[i] = int64(i + 1)
		null[i] = at(r.Summary.RandomWalk.ExplainedVarianceRatio, i)
		if i < len(r.Summary.LissajousCorrelation) {
			c := r.Summary.LissajousCorrelation[i]
			lissajous.Floats[i], lissajous.Valid[i] = c.Value, c.Valid
		}
	}
	return record.Table{Columns: []record.Column{
		{Name: "component", Ints: component},
		{Name: "explained_variance", Floats: r.ExplainedVariance},
		{Name: "explained_variance_ratio", Floats: r.ExplainedVarianceRatio},
		{Name: "random_walk_ratio", Floats: null},
		lissajous,
	}}
}

// componentTable has the principal directions themselves, one row a parameter,
// with the centre that scores are measured from.
func componentTable(r *pca.Result) record.Table {
	index := make([]int64, len(r.Reference))
	for i := range index {
		index[i] = int64(i)
	}
	t := record.Table{Columns: []record.Column{{Name: "parameter", Ints: index}, {Name: "reference", Singles: r.Reference}}}
	for k, c := range r.Components {
		t.Columns = append(t.Columns, record.Column{Name: "pc" + strconv.Itoa(k+1), Singles: c})
	}
	return t
}

func widen(v []float32) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}
