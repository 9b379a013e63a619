package compare

import (
	"context"
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
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
	// OneLoss means that all runs have this loss, also if their headers name different
	// models or data.
	OneLoss bool `json:"one_loss"`
	// Align permutes the hidden units of the second run of every pair and evaluates the line
	// between the ends again. Then the pairs of one group with different seeds take part too.
	// nil aligns nothing.
	Align *Align `json:"-"`

	Progress analyze.Progress `json:"-"`
	Store    analyze.Store    `json:"-"`
}

// Align permutes the hidden units of points.
type Align struct {
	// Match aligns the point b with a. The loss and the running statistics at b are there to
	// check that the permuted copy is the same function.
	Match func(ctx context.Context, loss analyze.Loss, a, b, state []float32) (*align.Result, error)
	// Null aligns random points; the ends say how large they are.
	Null func(ctx context.Context, ends ...[]float32) (*align.NullSummary, error)
}

// PairAlignment has the numbers of two ends before and after the alignment of the second one.
type PairAlignment struct {
	align.Pair
	Before    record.Optional `json:"barrier_over_ends"`
	After     record.Optional `json:"aligned_barrier_over_ends"`
	Alignment align.Summary   `json:"alignment"`
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
	//
	// With BarrierOptions.Align also, for the end of run_b with permuted hidden units:
	//
	//	aligned_distance, aligned_barrier_over_ends, aligned_barrier_over_chord, aligned_barrier_height
	//	moved_ratio            share of the hidden units that change their place
	Table record.Table
	// Alignments and Null are those of the pairs, and of random points; empty without Align.
	// Lines, Tensors and Places are the tables of line.Pairs and align.Tables.
	Alignments             []PairAlignment
	Null                   *align.NullSummary
	Lines, Tensors, Places record.Table
	Warnings               []analyze.Warning
}

// Barriers evaluates the loss between the last iterates of every two runs that have
// the same seed and are of different groups, at 30 points of the straight line,
// and trains a curve between the baseline's ends and the others'. Two runs that end
// at one point have the distance 0 and no barrier, and nothing is evaluated. A loss that takes
// running statistics gets those of the last rows that have some, interpolated between the
// ends.
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
		return nil, fmt.Errorf("compare: the runs have different models, layouts or data: there is no barrier " +
			"between their ends")
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
		var state []float32
		if s[i].Trajectory.Header().State.Equal(s[0].Trajectory.Header().State) {
			if state, err = lastState(&s[i]); err != nil {
				return nil, err
			}
		}
		b.ends, b.states = append(b.ends, e.Theta), append(b.states, state)
	}
	if c.Start {
		start, err := record.ThetaOf(s[0].Trajectory, 0)
		if err != nil {
			return nil, fmt.Errorf("compare: run %s: row 0: %w", s[0].Name, err)
		}
		b.start = slices.Clone(start)
	}
	pairs := pairsOf(s, b.o.Baseline, b.o.Align != nil)
	b.o.Progress.Begin("lines between ends", len(pairs))
	for _, p := range pairs {
		if err := b.pair(ctx, s, p); err != nil {
			return nil, err
		}
		b.o.Progress.Add(1)
	}
	if b.unsettled > 0 {
		b.warnings = append(b.warnings, analyze.Warning{
			Code: "curves_still_improving",
			Text: fmt.Sprintf("%d of %d trained curves had not settled after %d steps: curve_barrier_over_ends is an "+
				"upper bound there, and more steps (--curve-steps) may find lower curves", b.unsettled, b.trained,
				b.o.CurveSteps),
		})
	}
	return b.result(ctx)
}

// result joins the rows.
func (b *barriers) result(ctx context.Context) (*BarrierResult, error) {
	r := &BarrierResult{Warnings: b.warnings}
	if b.o.Align == nil {
		r.Table = column.Of(b.rows)
		return r, nil
	}
	type alignedRow struct {
		barrierRow
		alignedColumns
	}
	var t column.Builder[alignedRow]
	for i := range b.rows {
		t.Add(alignedRow{b.rows[i], b.rows[i].aligned})
	}
	r.Table, r.Alignments = t.Table(), b.alignments
	r.Lines = line.Pairs(b.aligned.pairs, b.aligned.lines)
	r.Tensors, r.Places = align.Tables(b.aligned.pairs, b.aligned.matches)
	if len(b.aligned.pairs) == 0 {
		return r, nil
	}
	var err error
	r.Null, err = b.o.Align.Null(ctx, b.ends...)
	return r, err
}

// pairsOf lists the pairs of different groups with one seed, the baseline's first
// within a pair, otherwise in the order of the names. With seeds it lists the pairs of one
// group with different seeds too.
func pairsOf(s []Run, baseline string, seeds bool) [][2]int {
	var out [][2]int
	for i := range s {
		for j := i + 1; j < len(s); j++ {
			switch {
			case seeds && s[i].Seed != s[j].Seed && s[i].group() == s[j].group():
				out = append(out, [2]int{i, j})
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
	ends, states       [][]float32 // of every run
	start              []float32
	warnings           []analyze.Warning

	rows       []barrierRow
	alignments []PairAlignment
	aligned    struct { // of the pairs that were aligned
		pairs   []align.Pair
		lines   []*line.Result
		matches []*align.Result
	}
}

// runPair names two runs in a row of a table.
type runPair struct {
	RunA   string `col:"run_a"`
	RunB   string `col:"run_b"`
	GroupA string `col:"group_a"`
	GroupB string `col:"group_b"`
}

func newRunPair(a, b *Run) runPair { return runPair{a.Name, b.Name, a.group(), b.group()} }

// barrierRow is a row of BarrierResult.Table, which defines the columns.
type barrierRow struct {
	runPair
	Seed                 string          `col:"seed"`
	Distance             float64         `col:"distance"`
	Cosine               record.Optional `col:"cosine"`
	LossA                record.Optional `col:"loss_a"`
	LossB                record.Optional `col:"loss_b"`
	BarrierOverEnds      record.Optional `col:"barrier_over_ends"`
	BarrierOverChord     record.Optional `col:"barrier_over_chord"`
	BarrierHeight        record.Optional `col:"barrier_height"`
	CurveBarrierOverEnds record.Optional `col:"curve_barrier_over_ends"`
	CurveLengthRatio     record.Optional `col:"curve_length_ratio"`

	aligned alignedColumns
}

// alignedColumns are the further columns with BarrierOptions.Align.
type alignedColumns struct {
	Distance         record.Optional `col:"aligned_distance"`
	BarrierOverEnds  record.Optional `col:"aligned_barrier_over_ends"`
	BarrierOverChord record.Optional `col:"aligned_barrier_over_chord"`
	BarrierHeight    record.Optional `col:"aligned_barrier_height"`
	MovedRatio       record.Optional `col:"moved_ratio"`
}

// pair adds the row of the runs p of s.
func (b *barriers) pair(ctx context.Context, s []Run, p [2]int) error {
	x, y := &s[p[0]], &s[p[1]]
	from, to := b.ends[p[0]], b.ends[p[1]]
	name := fmt.Sprintf("%s and %s", x.Name, y.Name)
	row := barrierRow{runPair: newRunPair(x, y), Seed: fmt.Sprint(x.Seed), Cosine: b.cosineOf(from, to)}
	if x.Seed != y.Seed {
		row.Seed += fmt.Sprintf(" and %d", y.Seed)
	}
	if slices.Equal(from, to) {
		loss, err := b.loss.Loss(ctx, from)
		row.LossA = record.Optional{Value: loss, Valid: err == nil}
		row.LossB, row.BarrierOverEnds, row.BarrierOverChord = row.LossA, record.Some(0), record.Some(0)
		row.BarrierHeight, row.CurveBarrierOverEnds = record.Some(0), record.Some(0)
		b.rows = append(b.rows, row)
		return nil
	}
	if !finite(from) || !finite(to) {
		b.rows = append(b.rows, row)
		b.warnings = append(b.warnings, analyze.Warning{
			Code: "nonfinite_end",
			Text: fmt.Sprintf("an end of %s is not finite: no line between the ends exists", name),
		})
		return nil
	}
	states := line.States{A: b.states[p[0]], B: b.states[p[1]]}
	if states.A == nil || states.B == nil {
		states = line.States{}
	}
	o := line.Options{Mode: line.Connectivity, Store: analyze.Prefixed(b.o.Store, "line "+name+" ")}
	var match *align.Result
	if b.o.Align != nil {
		var err error
		if match, err = b.o.Align.Match(ctx, b.loss, from, to, states.B); err != nil {
			return fmt.Errorf("compare: %s: %w", name, err)
		}
		o.Aligned = match.Theta
		if states.B != nil {
			states.Aligned = match.State(states.B)
		}
	}
	o.States = states
	r, err := line.Between(ctx, from, to, b.loss, o)
	if err != nil {
		return fmt.Errorf("compare: %s: %w", name, err)
	}
	if match != nil {
		b.addAligned(&row, r, match)
	}
	row.Distance, row.LossA, row.LossB = r.Summary.Distance, r.Summary.LossStart, r.Summary.LossEnd
	row.BarrierOverEnds, row.BarrierOverChord = r.Summary.BarrierOverEnds, r.Summary.BarrierOverChord
	row.BarrierHeight = r.Summary.BarrierHeight
	if b.o.CurveSteps < 0 || x.group() != b.o.Baseline || x.group() == y.group() {
		b.rows = append(b.rows, row)
		return nil
	}
	k, err := line.Connect(ctx, from, to, b.loss, line.ConnectOptions{
		Steps: b.o.CurveSteps, States: states,
		Store: analyze.Prefixed(b.o.Store, "curve "+name+" "),
	})
	if err != nil {
		return fmt.Errorf("compare: %s: %w", name, err)
	}
	if b.trained++; !k.Summary.Settled {
		b.unsettled++
	}
	row.CurveBarrierOverEnds, row.CurveLengthRatio = k.Summary.Curve.BarrierEnds, record.Some(k.Summary.LengthRatio)
	b.rows = append(b.rows, row)
	return nil
}

// addAligned adds what the alignment of a pair found.
func (b *barriers) addAligned(row *barrierRow, r *line.Result, match *align.Result) {
	s := r.Aligned
	row.aligned = alignedColumns{
		record.Some(s.Distance), s.BarrierOverEnds, s.BarrierOverChord, s.BarrierHeight,
		record.Some(float64(match.Summary.Moved) / float64(match.Summary.Units)),
	}
	pair := align.Pair{From: row.RunA, To: row.RunB}
	b.alignments = append(b.alignments, PairAlignment{pair, r.Summary.BarrierOverEnds, s.BarrierOverEnds, match.Summary})
	b.aligned.pairs, b.aligned.lines = append(b.aligned.pairs, pair), append(b.aligned.lines, r)
	b.aligned.matches = append(b.aligned.matches, match)
	for _, w := range r.Warnings {
		if w.Code == "aligned_end_differs" {
			b.warnings = append(b.warnings, analyze.Warning{Code: w.Code, Text: row.RunA + " and " + row.RunB + ": " + w.Text})
		}
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
