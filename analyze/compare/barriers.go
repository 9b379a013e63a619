package compare

import (
	"context"
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/analyze/line"
	"sgdwalk/record"
)

// BarrierOptions of Barriers. The zero value is the documented default.
type BarrierOptions struct {
	// Baseline is the group from whose ends curves are trained, and the one that
	// comes first in its pairs; "" is the group of the first run by name.
	Baseline string `json:"baseline"`
	// CurveSteps is the number of gradient steps of every trained curve; 0 means 100,
	// a negative number trains none. Curves join the baseline's ends to the others'.
	CurveSteps int `json:"curve_steps"`
	// OneLoss says that the loss is that of all runs, whatever their headers say of
	// models and data.
	OneLoss bool `json:"one_loss"`

	Progress analyze.Progress `json:"-"`
	Store    analyze.Store    `json:"-"`
}

// BarrierResult is the loss between the ends of the runs of each seed.
type BarrierResult struct {
	// Table has one row per pair of runs of one seed:
	//
	//	run_a, run_b, group_a, group_b, seed
	//	distance               between the ends
	//	cosine                 between the displacements from the common start; absent without one
	//	loss_a, loss_b         at the ends
	//	barrier_over_ends      highest loss on the straight line over the higher end, at least 0
	//	barrier_over_chord     largest excess over the straight line between the two losses
	//	barrier_height         highest loss minus the mean of the ends (Frankle et al. 2020)
	//	curve_barrier_over_ends, curve_length_ratio   of the trained curve; absent where none was trained
	Table    record.Table
	Warnings []analyze.Warning
}

// Barriers evaluates the loss between the last iterates of every two runs that have
// the same seed and are of different groups, at 30 points of the straight line,
// and trains a curve between the baseline's ends and the others'. Two runs that end
// at one point have the distance 0 and no barrier, and nothing is evaluated.
//
// The runs must have one loss, which is passed in, and one layout.
func Barriers(ctx context.Context, runs []Run, loss analyze.Gradient, opts BarrierOptions) (*BarrierResult, error) {
	s, err := sorted(runs)
	if err != nil {
		return nil, err
	}
	c, _, err := Check(runs)
	switch {
	case err != nil:
		return nil, err
	case !c.Loss && (!opts.OneLoss || !c.Layout):
		return nil, fmt.Errorf("compare: the runs have different models, layouts or data: there is no barrier between their ends")
	}
	b := &barriers{loss: loss, o: opts, common: c}
	if b.o.Progress == nil {
		b.o.Progress = analyze.NoProgress{}
	}
	if b.o.Store == nil {
		b.o.Store = analyze.NoStore{}
	}
	if b.o.CurveSteps == 0 {
		b.o.CurveSteps = 100
	}
	if b.o.Baseline == "" {
		b.o.Baseline = s[0].group()
	}
	for i := range s {
		e, err := last(&s[i])
		if err != nil {
			return nil, err
		}
		b.ends = append(b.ends, e.Theta)
	}
	if c.Start {
		start, err := record.ThetaOf(s[0].Trajectory, 0)
		if err != nil {
			return nil, fmt.Errorf("compare: run %s: row 0: %w", s[0].Name, err)
		}
		b.start = slices.Clone(start)
	}
	pairs := pairsOf(s, b.o.Baseline)
	b.o.Progress.Begin("lines between ends", len(pairs))
	for _, p := range pairs {
		if err := b.pair(ctx, s, p); err != nil {
			return nil, err
		}
		b.o.Progress.Add(1)
	}
	if b.unsettled > 0 {
		b.warnings = append(b.warnings, analyze.Warning{Code: "curves_still_improving", Text: fmt.Sprintf("%d of %d trained curves had not settled after %d steps: curve_barrier_over_ends is an upper bound there, and more steps (--curve-steps) may find lower curves", b.unsettled, b.trained, b.o.CurveSteps)})
	}
	return &BarrierResult{Table: b.table(), Warnings: b.warnings}, nil
}

// pairsOf lists the pairs of different groups with one seed, the baseline's first
// within a pair, otherwise in the order of the names.
func pairsOf(s []Run, baseline string) [][2]int {
	var out [][2]int
	for i := range s {
		for j := i + 1; j < len(s); j++ {
			switch {
			case s[i].Seed != s[j].Seed || s[i].group() == s[j].group():
			case s[j].group() == baseline:
				out = append(out, [2]int{j, i})
			default:
				out = append(out, [2]int{i, j})
			}
		}
	}
	return out
}

type barriers struct {
	trained, unsettled int // curves, and those whose training ended too early
	loss               analyze.Gradient
	o                  BarrierOptions
	common             Common
	ends               [][]float32
	start              []float32
	warnings           []analyze.Warning

	runA, runB, groupA, groupB, seed               []string
	distance                                       []float64
	cosine, lossA, lossB                           column.Floats
	overEnds, overChord, height, curve, curveRatio column.Floats
}

func (b *barriers) pair(ctx context.Context, s []Run, p [2]int) error {
	x, y := &s[p[0]], &s[p[1]]
	from, to := b.ends[p[0]], b.ends[p[1]]
	name := fmt.Sprintf("%s and %s", x.Name, y.Name)
	b.runA, b.runB = append(b.runA, x.Name), append(b.runB, y.Name)
	b.groupA, b.groupB = append(b.groupA, x.group()), append(b.groupB, y.group())
	b.seed = append(b.seed, fmt.Sprint(x.Seed))
	b.cosine.Add(b.cosineOf(from, to))
	if slices.Equal(from, to) {
		b.same(ctx, from)
		return nil
	}
	if !finite(from) || !finite(to) {
		b.nothing()
		b.warnings = append(b.warnings, analyze.Warning{Code: "nonfinite_end", Text: fmt.Sprintf("an end of %s is not finite: there is no line between them", name)})
		return nil
	}
	r, err := line.Between(ctx, from, to, b.loss, line.Options{Mode: line.Connectivity, Store: analyze.Prefixed(b.o.Store, "line "+name+" ")})
	if err != nil {
		return fmt.Errorf("compare: %s: %w", name, err)
	}
	b.distance = append(b.distance, r.Summary.Distance)
	b.lossA.Add(r.Summary.LossStart)
	b.lossB.Add(r.Summary.LossEnd)
	b.overEnds.Add(r.Summary.BarrierOverEnds)
	b.overChord.Add(r.Summary.BarrierOverChord)
	b.height.Add(r.Summary.BarrierHeight)
	if b.o.CurveSteps < 0 || x.group() != b.o.Baseline {
		b.curve.Add(record.Optional{})
		b.curveRatio.Add(record.Optional{})
		return nil
	}
	k, err := line.Connect(ctx, from, to, b.loss, line.ConnectOptions{Steps: b.o.CurveSteps, Store: analyze.Prefixed(b.o.Store, "curve "+name+" ")})
	if err != nil {
		return fmt.Errorf("compare: %s: %w", name, err)
	}
	if b.trained++; !k.Summary.Settled {
		b.unsettled++
	}
	b.curve.Add(k.Summary.Curve.BarrierEnds)
	b.curveRatio.Add(record.Some(k.Summary.LengthRatio))
	return nil
}

// same is a pair that ends at one point.
func (b *barriers) same(ctx context.Context, theta []float32) {
	loss, err := b.loss.Loss(ctx, theta)
	at := record.Optional{Value: loss, Valid: err == nil}
	b.distance = append(b.distance, 0)
	b.lossA.Add(at)
	b.lossB.Add(at)
	for _, c := range []*column.Floats{&b.overEnds, &b.overChord, &b.height, &b.curve} {
		c.Add(record.Some(0))
	}
	b.curveRatio.Add(record.Optional{})
}

// nothing is a pair without a line.
func (b *barriers) nothing() {
	b.distance = append(b.distance, 0)
	for _, c := range []*column.Floats{&b.lossA, &b.lossB, &b.overEnds, &b.overChord, &b.height, &b.curve, &b.curveRatio} {
		c.Add(record.Optional{})
	}
}

// cosineOf is the cosine between the displacements of two ends from the start.
func (b *barriers) cosineOf(x, y []float32) record.Optional {
	if b.start == nil {
		return record.Optional{}
	}
	u, v := difference(x, b.start), difference(y, b.start)
	return cosine(u, v)
}

func finite(v []float32) bool {
	return !slices.ContainsFunc(v, func(x float32) bool { return x-x != 0 })
}

func (b *barriers) table() record.Table {
	return record.Table{Columns: []record.Column{
		column.Strings("run_a", b.runA), column.Strings("run_b", b.runB), column.Strings("group_a", b.groupA), column.Strings("group_b", b.groupB),
		column.Strings("seed", b.seed),
		{Name: "distance", Floats: notNil(b.distance)},
		b.cosine.Column("cosine"),
		b.lossA.Column("loss_a"), b.lossB.Column("loss_b"), b.overEnds.Column("barrier_over_ends"), b.overChord.Column("barrier_over_chord"),
		b.height.Column("barrier_height"), b.curve.Column("curve_barrier_over_ends"), b.curveRatio.Column("curve_length_ratio"),
	}}
}
