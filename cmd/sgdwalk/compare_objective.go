package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/compare"
	"sgdwalk/analyze/objective"
)

// checkAlso refuses a wrong --also.
func (c *compareCmd) checkAlso() error {
	if c.Also == "" {
		return nil
	}
	if c.Objective == "" {
		return usagef("--also is %q; it is for --objective: without one, what the data have is measured", c.Also)
	}
	for name := range strings.SplitSeq(c.Also, ",") {
		if !slices.Contains([]string{"accuracy", "test_loss", "test_accuracy"}, name) {
			return usagef("--also has %q; allowed are accuracy, test_loss and test_accuracy", name)
		}
	}
	return nil
}

// openObjectives opens the loss of all runs: one program evaluates it for every
// one, with the run's own statistics of normalization layers.
func (w *joint) openObjectives(ctx context.Context) error {
	if !w.common.Layout {
		return fmt.Errorf("compare: the runs have different layouts, and --objective %s is the loss of one: compare those of each layout by themselves", w.c.Objective)
	}
	states := make([][]float32, len(w.runs))
	ends := make([][]float32, len(w.runs))
	without := ""
	for i, t := range w.traces {
		var err error
		if ends[i], states[i], err = lastVectors(t, w.dirs[i]); err != nil {
			return err
		}
		if states[i] == nil {
			without = w.runs[i].Name
		} else if !t.Header().State.Equal(w.trace.Header().State) {
			return fmt.Errorf("compare: %s and another run have different layouts of the statistics of normalization layers", w.runs[i].Name)
		}
	}
	o := objective.Options{Layout: w.trace.Header().Layout, Gradient: true, Hessian: w.c.Hessians > 0}
	if w.c.Also != "" {
		o.Also = strings.Split(w.c.Also, ",")
	}
	first := w.byName()[0]
	if without == "" {
		o.StateLayout, o.State = w.trace.Header().State, states[first]
	} else if slices.ContainsFunc(states, func(s []float32) bool { return s != nil }) {
		return fmt.Errorf("compare: %s recorded no statistics of normalization layers and another run did: --objective would take one's for the other", without)
	}
	if err := w.openObjective(ctx, w.c.objectiveFlags, o, ends[first]); err != nil {
		return err
	}
	for i := range w.runs {
		if _, err := w.objective.CheckRecorded(ctx, w.traces[i], states[i]); err != nil {
			return err
		}
		r := &w.runs[i]
		r.Loss = newExternal(w.objective, w.objective.LossAlone(), states[i])
		for _, name := range o.Also {
			v, err := w.objective.View(name, "")
			if err != nil {
				return err
			}
			r.Ends = append(r.Ends, compare.EndMeasure{Name: name, Loss: newExternal(w.objective, v, states[i])})
		}
	}
	w.oneLoss()
	return nil
}

// oneLoss notes that the runs have one loss, whatever their headers say of models and
// data.
func (w *joint) oneLoss() {
	if w.common.Loss {
		return
	}
	w.common.Loss, w.summary.Common.Loss = true, true
	w.warn = slices.DeleteFunc(w.warn, func(n analyze.Warning) bool { return n.Code == "different_models" || n.Code == "different_data" })
	w.warn = append(w.warn, analyze.Warning{Code: "objective_for_all", Text: "the runs say that they have different models or data; the loss is that of the objective for all of them"})
}
