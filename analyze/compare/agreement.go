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
	Predict Predictor // of all runs that are not in Own
	Own     map[string]Predictor
}

// Agreement compares the predictions of the last iterates of every two runs with
// one seed, and of every two runs of one group, on the probe set:
//
//	run_a, run_b, group_a, group_b
//	pair                 "groups" (one seed, different groups) or "seeds" (one group, different seeds)
//	agreement            share of the examples that both give the same class (Fort et al. 2019)
//
// independent what two classifiers of these accuracies would have whose mistakes have nothing to do
// with each other
//
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
		return nil, fmt.Errorf("compare: the probe set has %d examples of %d classes; it needs at least one, and two "+
			"classes", len(probe.Labels), probe.Classes)
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
			return nil, fmt.Errorf("compare: run %s has no predictor", s[i].Name)
		}
		classes[i] = make([]int32, len(probe.Labels))
		if err := predict(ctx, end.Theta, classes[i]); err != nil {
			return nil, fmt.Errorf("compare: run %s: predictions: %w", s[i].Name, err)
		}
	}
	var table column.Builder[agreementRow]
	for i := range s {
		for j := i + 1; j < len(s); j++ {
			kind := "groups"
			switch {
			case s[i].group() == s[j].group():
				kind = "seeds"
			case s[i].Seed != s[j].Seed:
				continue
			}
			agree, wrong, a, b := counts(classes[i], classes[j], probe.Labels)
			independent := a*b + (1-a)*(1-b)/float64(probe.Classes-1)
			table.Add(agreementRow{newRunPair(&s[i], &s[j]), kind, agree, independent, a, b, wrong})
		}
	}
	t := table.Table()
	return &t, nil
}

// agreementRow is a row of the table of Agreement, which defines the columns.
type agreementRow struct {
	runPair
	Pair          string  `col:"pair"`
	Agreement     float64 `col:"agreement"`
	Independent   float64 `col:"independent"`
	AccuracyA     float64 `col:"accuracy_a"`
	AccuracyB     float64 `col:"accuracy_b"`
	BothWrongSame float64 `col:"both_wrong_same"`
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

// cosine returns the cosine of the angle between two vectors, absent if one is zero.
func cosine(u, v []float64) record.Optional {
	uu, vv := dot(u, u), dot(v, v)
	if uu == 0 || vv == 0 {
		return record.Optional{}
	}
	return record.Some(dot(u, v) / math.Sqrt(uu*vv))
}
