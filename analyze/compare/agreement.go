package compare

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Predictor says which class each example of a fixed probe set is given at theta.
type Predictor func(ctx context.Context, theta []float32, classes []int32) error

// Probe is the examples on which predictions are compared.
type Probe struct {
	Labels  []int32   // the right classes
	Classes int       // how many there are
	Predict Predictor // of each run, unless the run has one of its own
	Own     map[string]Predictor
}

// Agreement compares the predictions of the last iterates of every two runs with
// one seed, and of every two runs of one group, on the probe set:
//
//	run_a, run_b, group_a, group_b
//	pair                 "groups" (one seed, different groups) or "seeds" (one group, different seeds)
//	agreement            share of the examples that both give the same class (Fort et al. 2019)
//	independent          what two classifiers of these accuracies would have whose mistakes have nothing to do with each other
//	accuracy_a, accuracy_b
//	both_wrong_same      share of the examples that both give the same wrong class
//
// A prediction that a NaN left out agrees with nothing.
func Agreement(ctx context.Context, runs []Run, probe Probe) (*record.Table, error) {
	s, err := sorted(runs)
	if err != nil {
		return nil, err
	}
	if len(probe.Labels) == 0 || probe.Classes < 2 {
		return nil, fmt.Errorf("compare: the probe set has %d examples of %d classes; it needs at least one, and two classes", len(probe.Labels), probe.Classes)
	}
	classes := make([][]int32, len(s))
	for i := range s {
		end, err := last(&s[i])
		if err != nil {
			return nil, err
		}
		predict := probe.Own[s[i].Name]
		if predict == nil {
			predict = probe.Predict
		}
		if predict == nil {
			return nil, fmt.Errorf("compare: run %s has nobody to predict", s[i].Name)
		}
		classes[i] = make([]int32, len(probe.Labels))
		if err := predict(ctx, end.Theta, classes[i]); err != nil {
			return nil, fmt.Errorf("compare: run %s: predictions: %w", s[i].Name, err)
		}
	}
	var runA, runB, groupA, groupB, pair []string
	var agreement, independent, accuracyA, accuracyB, wrong []float64
	for i := range s {
		for j := i + 1; j < len(s); j++ {
			kind := "groups"
			switch {
			case s[i].group() == s[j].group():
				kind = "seeds"
			case s[i].Seed != s[j].Seed:
				continue
			}
			runA, runB, pair = append(runA, s[i].Name), append(runB, s[j].Name), append(pair, kind)
			groupA, groupB = append(groupA, s[i].group()), append(groupB, s[j].group())
			both, same, a, b := counts(classes[i], classes[j], probe.Labels)
			agreement, wrong = append(agreement, both), append(wrong, same)
			accuracyA, accuracyB = append(accuracyA, a), append(accuracyB, b)
			independent = append(independent, a*b+(1-a)*(1-b)/float64(probe.Classes-1))
		}
	}
	return &record.Table{Columns: []record.Column{
		column.Strings("run_a", runA), column.Strings("run_b", runB), column.Strings("group_a", groupA), column.Strings("group_b", groupB),
		column.Strings("pair", pair),
		{Name: "agreement", Floats: notNil(agreement)},
		{Name: "independent", Floats: notNil(independent)},
		{Name: "accuracy_a", Floats: notNil(accuracyA)},
		{Name: "accuracy_b", Floats: notNil(accuracyB)},
		{Name: "both_wrong_same", Floats: notNil(wrong)},
	}}, nil
}

// counts returns the shares of examples that two predictions have in common, that
// both give the same wrong class, and that each gets right.
func counts(x, y, labels []int32) (agree, wrong, a, b float64) {
	for i, l := range labels {
		if x[i] >= 0 && x[i] == y[i] {
			agree++
			if x[i] != l {
				wrong++
			}
		}
		if x[i] == l {
			a++
		}
		if y[i] == l {
			b++
		}
	}
	n := float64(len(labels))
	return agree / n, wrong / n, a / n, b / n
}

// cosine is that of the angle between two vectors, absent where one is zero.
func cosine(u, v []float64) record.Optional {
	uu, vv := dot(u, u), dot(v, v)
	if uu == 0 || vv == 0 {
		return record.Optional{}
	}
	return record.Some(dot(u, v) / math.Sqrt(uu*vv))
}
