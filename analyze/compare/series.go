package compare

import (
	"context"
	"fmt"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/path"
	"sgdwalk/record"
)

// seriesColumns are the columns that Series takes from package path.
var seriesColumns = []string{
	"batch_loss", "full_loss", "test_loss", "grad_norm", "grad_cos", "update_norm",
	"update_cos", "displacement",
}

// Series has the per-step quantities of all runs, one row per iterate, run after
// run in the order of their names:
//
//	run, group, seed
//	step, epoch, evaluations
//
// passes evaluations in passes over the training set: where optimizers that look at more than one
// batch a step can be compared by their cost
//
//	batch_loss, full_loss, test_loss, grad_norm, grad_cos, update_norm, update_cos, displacement   as in package path
func Series(ctx context.Context, runs []Run) (*record.Table, error) {
	s, err := sorted(runs)
	if err != nil {
		return nil, err
	}
	var run, group, seed []string
	var step, epoch, evaluations []int64
	var cost column.Floats
	values := make([]column.Floats, len(seriesColumns))
	for i := range s {
		r := &s[i]
		p, err := path.Compute(ctx, r.Trajectory, path.Options{})
		if err != nil {
			return nil, fmt.Errorf("compare: run %s: %w", r.Name, err)
		}
		h := r.Trajectory.Header()
		for k, row := range p.Table.Column("row").Ints {
			sc, err := r.Trajectory.Read(int(row), record.ScalarsOnly)
			if err != nil {
				return nil, fmt.Errorf("compare: run %s: row %d: %w", r.Name, row, err)
			}
			run, group, seed = append(run, r.Name), append(group, r.group()), append(seed, fmt.Sprint(r.Seed))
			step, epoch, evaluations = append(step, sc.Step), append(epoch, int64(sc.Epoch)), append(evaluations,
				sc.Evaluations)
			cost.Add(passes(h, sc.Evaluations))
			for j, name := range seriesColumns {
				v := record.Optional{}
				if c := p.Table.Column(name); c != nil {
					v = record.Optional{Value: c.Floats[k], Valid: c.Valid == nil || c.Valid[k]}
				}
				values[j].Add(v)
			}
		}
	}
	t := &record.Table{Columns: []record.Column{
		column.Strings("run", run), column.Strings("group", group), column.Strings("seed", seed),
		column.Ints("step", step), column.Ints("epoch", epoch), column.Ints("evaluations",
			evaluations), cost.Column("passes"),
	}}
	for j, name := range seriesColumns {
		t.Columns = append(t.Columns, values[j].Column(name))
	}
	return t, nil
}
