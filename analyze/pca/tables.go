package pca

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// SpectrumTable returns the shares of variance, one row a principal direction.
func (r *Result) SpectrumTable() record.Table {
	n := len(r.ExplainedVarianceRatio)
	component := make([]int64, n)
	null := make([]float64, n) // a random walk has no more directions than rows
	lissajous := record.Column{Name: "lissajous_correlation", Floats: make([]float64, n), Valid: make([]bool, n)}
	for i := range n {
		component[i] = int64(i + 1)
		if random := r.Summary.RandomWalk.ExplainedVarianceRatio; i < len(random) {
			null[i] = random[i]
		}
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

// FromTables returns the result of a fit from its table of scores, the table of SpectrumTable and its summary. The result
// has no center and no components, as with ScoresOnly.
func FromTables(scores, spectrum *record.Table, s Summary) (*Result, error) {
	r := &Result{Table: *scores, Summary: s}
	n := scores.Len()
	r.Runs, r.Rows = make([]int, n), make([]int, n)
	for i := range n {
		if run := scores.Column("run"); run != nil {
			r.Runs[i] = int(run.Ints[i]) - 1
		}
		r.Rows[i] = int(scores.Column("row").Ints[i])
		r.Epochs = append(r.Epochs, int32(scores.Column("epoch").Ints[i]))
	}
	r.Steps = scores.Column("step").Ints
	r.Residuals, r.Distances = scores.Column("residual").Floats, scores.Column("distance").Floats
	for k := range spectrum.Len() {
		name := "pc" + strconv.Itoa(k+1)
		c := scores.Column(name)
		if c == nil {
			return nil, fmt.Errorf("pca: the scores have no column %s, and the spectrum has %d directions", name, spectrum.Len())
		}
		r.Scores = append(r.Scores, c.Floats)
	}
	r.ExplainedVariance = spectrum.Column("explained_variance").Floats
	r.ExplainedVarianceRatio = spectrum.Column("explained_variance_ratio").Floats
	return r, nil
}

// ComponentTable returns the principal directions, one row a parameter, with the center that scores are measured
// from. It shares the vectors of the result.
func (r *Result) ComponentTable() record.Table {
	index := make([]int64, len(r.Reference))
	for i := range index {
		index[i] = int64(i)
	}
	t := record.Table{Columns: []record.Column{
		{Name: "parameter", Ints: index},
		{Name: "reference", Singles: r.Reference},
	}}
	for k, c := range r.Components {
		t.Columns = append(t.Columns, record.Column{Name: "pc" + strconv.Itoa(k+1), Singles: c})
	}
	return t
}

// LayerTable fits every tensor alone, whatever takes part in the fit of all, and returns one row a tensor. The row of
// a tensor that never moved has no shares.
func LayerTable(ctx context.Context, run record.Trajectory, o Options) (record.Table, error) {
	o.Kinds, o.ScoresOnly, o.Surrogates, o.Components = "", true, -1, 2
	layout := run.Header().Layout
	names, kinds := make([]string, len(layout)), make([]string, len(layout))
	parameters := make([]int64, len(layout))
	columns := []record.Column{
		{Name: "total_variance"},
		{Name: "total_variance_ratio"},
		{Name: "explained_variance_ratio_1"},
		{Name: "explained_variance_ratio_2"},
		{Name: "participation_ratio"},
		{Name: "random_walk_ratio_1"},
		{Name: "random_walk_ratio_2"},
	}
	for i := range columns {
		columns[i].Floats, columns[i].Valid = make([]float64, len(layout)), make([]bool, len(layout))
	}
	set := func(column, row int, v float64) { columns[column].Floats[row], columns[column].Valid[row] = v, true }
	sum := 0.0
	for i, t := range layout {
		names[i], kinds[i], parameters[i] = t.Name, string(t.Kind), int64(t.Len())
		o.Tensors = []string{t.Name}
		r, err := Fit(ctx, run, o)
		if errors.Is(err, ErrNoVariation) {
			set(0, i, 0)
			continue
		}
		if err != nil {
			return record.Table{}, err
		}
		set(0, i, r.TotalVariance)
		sum += r.TotalVariance
		for k, share := range r.ExplainedVarianceRatio {
			set(2+k, i, share)
		}
		set(4, i, r.Participation)
		null := r.Summary.RandomWalk.ExplainedVarianceRatio
		for k, share := range null[:min(2, len(null))] {
			set(5+k, i, share)
		}
	}
	for i := range layout {
		if sum > 0 {
			set(1, i, columns[0].Floats[i]/sum)
		}
	}
	return record.Table{Columns: append([]record.Column{
		{Name: "tensor", Strings: names}, {Name: "kind", Strings: kinds}, {Name: "parameters", Ints: parameters},
	}, columns...)}, nil
}

// LossTable evaluates the loss at n iterates that are spread over the run, and at the nearest points of the plane of
// the first two components, in which the coordinates that take no part are those of the center. The store has a unit
// "row I" for every iterate.
func (r *Result) LossTable(
	ctx context.Context, run record.Trajectory, loss analyze.Loss, n int, progress analyze.Progress,
	store analyze.Store,
) (*record.Table, error) {
	plane, err := r.Plane(1, 2, nil)
	if err != nil {
		return nil, err
	}
	chosen := analyze.Spread(len(r.Rows), n)
	var row, step, epoch []int64
	columns := []record.Column{
		{Name: "pc1"}, {Name: "pc2"}, {Name: "residual"}, {Name: "true_loss"}, {Name: "plane_loss"},
	}
	theta := make([]float32, plane.Len())
	progress.Begin("losses", 2*len(chosen))
	for _, i := range chosen {
		unit := fmt.Sprintf("row %d", r.Rows[i])
		v, ok := store.Lookup(unit)
		if !ok {
			iterate, err := record.ThetaOf(run, r.Rows[i])
			if err != nil {
				return nil, err
			}
			copy(theta, iterate)
			v = make([]float64, 2)
			if v[0], err = loss.Loss(ctx, theta); err == nil {
				plane.Point(r.Scores[0][i], r.Scores[1][i], theta)
				v[1], err = loss.Loss(ctx, theta)
			}
			if err == nil {
				err = store.Save(unit, v)
			}
			if err != nil {
				return nil, err
			}
		}
		progress.Add(2)
		row = append(row, int64(r.Rows[i]))
		step = append(step, r.Steps[i])
		epoch = append(epoch, int64(r.Epochs[i]))
		for k, x := range []float64{r.Scores[0][i], r.Scores[1][i], r.Residuals[i], v[0], v[1]} {
			columns[k].Floats = append(columns[k].Floats, x)
		}
	}
	return &record.Table{Columns: append([]record.Column{
		{Name: "row", Ints: row}, {Name: "step", Ints: step}, {Name: "epoch", Ints: epoch},
	}, columns...)}, nil
}
