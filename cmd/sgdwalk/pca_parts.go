package main

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
)

// layerTable has the directions of every tensor alone, one row a tensor, whatever
// takes part in the fit of all. A tensor that never moved has no shares.
func layerTable(ctx context.Context, a *analysis, o pca.Options) (record.Table, error) {
	o.Kinds, o.ScoresOnly, o.Surrogates, o.Components = "", true, -1, 2
	layout := a.trace.Header().Layout
	names, kinds := make([]string, len(layout)), make([]string, len(layout))
	parameters := make([]int64, len(layout))
	columns := []record.Column{{Name: "total_variance"}, {Name: "total_variance_ratio"}, {Name: "explained_variance_ratio_1"}, {Name: "explained_variance_ratio_2"}, {Name: "participation_ratio"}, {Name: "random_walk_ratio_1"}, {Name: "random_walk_ratio_2"}}
	for i := range columns {
		columns[i].Floats, columns[i].Valid = make([]float64, len(layout)), make([]bool, len(layout))
	}
	set := func(column, row int, v float64) { columns[column].Floats[row], columns[column].Valid[row] = v, true }
	sum := 0.0
	for i, t := range layout {
		names[i], kinds[i], parameters[i] = t.Name, string(t.Kind), int64(t.Len())
		o.Tensors = []string{t.Name}
		r, err := pca.Fit(ctx, a.trace, o)
		if errors.Is(err, pca.ErrNoVariation) {
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
		for k, share := range r.Summary.RandomWalk.ExplainedVarianceRatio[:min(2, len(r.Summary.RandomWalk.ExplainedVarianceRatio))] {
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

// losses evaluates the training loss at iterates that are spread over the run, and
// at the nearest points of the plane of the first two components, in which the
// coordinates that take no part are those of the center.
func (c *pcaCmd) losses(ctx context.Context, a *analysis, r *pca.Result, recipe *pcaRecipe, loss analyze.Loss) (*record.Table, error) {
	plane, err := r.Plane(1, 2, nil)
	if err != nil {
		return nil, err
	}
	journal, err := a.journal(recipe)
	if err != nil {
		return nil, err
	}
	defer journal.Close()
	chosen := analyze.Spread(len(r.Rows), c.Losses)
	var row, step, epoch []int64
	columns := []record.Column{{Name: "pc1"}, {Name: "pc2"}, {Name: "residual"}, {Name: "true_loss"}, {Name: "plane_loss"}}
	theta := make([]float32, plane.Len())
	a.progress.Begin("losses", 2*len(chosen))
	for _, i := range chosen {
		unit := fmt.Sprintf("row %d", r.Rows[i])
		v, ok := journal.Lookup(unit)
		if !ok {
			iterate, err := record.ThetaOf(a.trace, r.Rows[i])
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
				err = journal.Save(unit, v)
			}
			if err != nil {
				return nil, a.interrupted(ctx, err)
			}
		}
		a.progress.Add(2)
		row, step, epoch = append(row, int64(r.Rows[i])), append(step, r.Steps[i]), append(epoch, int64(r.Epochs[i]))
		for k, x := range []float64{r.Scores[0][i], r.Scores[1][i], r.Residuals[i], v[0], v[1]} {
			columns[k].Floats = append(columns[k].Floats, x)
		}
	}
	return &record.Table{Columns: append([]record.Column{{Name: "row", Ints: row}, {Name: "step", Ints: step}, {Name: "epoch", Ints: epoch}}, columns...)}, nil
}
