package path

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// noise is the state of the computation.
type noise struct {
	opts     *NoiseOptions
	examples int
	sized    bool // some row says how many examples its batch has
	store    analyze.Store
	grad     []float32 // scratch of the full gradient

	row, step, epoch, batch                    []int64
	norm2, dots, traces                        []float64
	meanDot, meanTrace, scale, temperature     column.Floats
	weight, runDot, runTrace                   float64
	fullRow, fullStep, fullEpoch, fullExamples []int64
	fullNorm2, fullTrace                       []float64
	fullScale                                  column.Floats
}

// size returns the examples of a batch; 1 where the recording does not say, which
// makes a trace that of a batch's gradient and a noise scale one in batches.
func size(s *record.Step) float64 { return math.Max(1, float64(s.Examples)) }

// pair compares two consecutive batches.
func (n *noise) pair(row int, a, b *record.Step) {
	a2, b2, ab := dot(a.Grad, a.Grad), dot(b.Grad, b.Grad), dot(a.Grad, b.Grad)
	n.sized = n.sized || a.Examples > 0
	trace := (size(a)*(a2-ab) + size(b)*(b2-ab)) / 2
	n.row, n.step, n.epoch = append(n.row, int64(row)), append(n.step, a.Step), append(n.epoch, int64(a.Epoch))
	n.batch = append(n.batch, int64(size(a)))
	n.norm2, n.dots, n.traces = append(n.norm2, a2), append(n.dots, ab), append(n.traces, trace)
	if trace-trace == 0 && ab-ab == 0 {
		d := n.opts.Decay
		n.runDot, n.runTrace = float64(d*n.runDot)+float64((1-d)*ab), float64(d*n.runTrace)+float64((1-d)*trace)
		n.weight = float64(d*n.weight) + (1 - d)
	}
	some := n.weight > 0
	n.meanDot.Add(record.Optional{Value: n.runDot / n.weight, Valid: some})
	n.meanTrace.Add(record.Optional{Value: n.runTrace / n.weight, Valid: some})
	n.scale.Add(ratio(n.runTrace, n.runDot))
	n.temperature.Add(record.Optional{
		Value: a.LearningRate.Value * float64(n.examples) / size(a),
		Valid: a.LearningRate.Valid && n.examples > 0 && a.Examples > 0,
	})
}

// ratio returns trace / gradient2, absent unless the latter is above 0.
func ratio(trace, gradient2 float64) record.Optional {
	return record.Optional{Value: trace / gradient2, Valid: gradient2 > 0 && trace-trace == 0}
}

// full compares the batch with the whole training set at the same point. The
// batch is part of the set and drawn without replacement, so that the expected
// squared difference of the two means is tr Sigma (1/B - 1/N), with Sigma over
// N-1: what TwoBatches divides by.
func (n *noise) full(ctx context.Context, row int, s *record.Step) error {
	unit := fmt.Sprintf("full %d", row)
	v, ok := n.store.Lookup(unit)
	if !ok || len(v) != 2 {
		if s.Theta == nil {
			return fmt.Errorf("path: row %d has no theta; a full gradient needs it", row)
		}
		if n.grad == nil {
			n.grad = make([]float32, len(s.Theta))
		}
		if _, err := n.opts.Full.Gradient(ctx, s.Theta, n.grad); err != nil {
			return fmt.Errorf("path: row %d: %w", row, err)
		}
		v = []float64{dot(n.grad, n.grad), distance2(n.grad, s.Grad)}
		if err := n.store.Save(unit, v); err != nil {
			return fmt.Errorf("path: %s: %w", unit, err)
		}
	}
	b := size(s)
	if b >= float64(n.examples) {
		return nil // the batch is the training set: there is no noise to see
	}
	trace := v[1] / (1/b - 1/float64(n.examples))
	n.fullRow, n.fullStep, n.fullEpoch = append(n.fullRow, int64(row)), append(n.fullStep, s.Step), append(n.fullEpoch, int64(s.Epoch))
	n.fullExamples = append(n.fullExamples, int64(b))
	n.fullNorm2, n.fullTrace = append(n.fullNorm2, v[0]), append(n.fullTrace, trace)
	n.fullScale.Add(ratio(trace, v[0]))
	return nil
}

// result makes tables, summary and warnings.
func (n *noise) result() *NoiseResult {
	r := &NoiseResult{Table: record.Table{Columns: []record.Column{
		column.Ints("row", n.row), column.Ints("step", n.step), column.Ints("epoch", n.epoch), column.Ints("examples", n.batch),
		floats("grad_norm2", n.norm2), floats("grad_dot", n.dots), floats("trace", n.traces),
		n.meanDot.Column("mean_grad_dot"), n.meanTrace.Column("mean_trace"), n.scale.Column("noise_scale"), n.temperature.Column("temperature"),
	}}}
	if n.opts.Full != nil {
		r.Full = record.Table{Columns: []record.Column{
			column.Ints("row", n.fullRow), column.Ints("step", n.fullStep), column.Ints("epoch", n.fullEpoch), column.Ints("examples", n.fullExamples),
			floats("full_norm2", n.fullNorm2), floats("trace", n.fullTrace), n.fullScale.Column("noise_scale"),
		}}
	}
	dots, traces := n.finite(0, len(n.row))
	s := &r.Summary
	*s = NoiseSummary{
		Pairs: len(n.row), Examples: n.examples, NonfinitePairs: len(n.row) - len(dots), FullRows: len(n.fullRow),
		GradDot: analyze.Describe(r.Table.Column("grad_dot")), Trace: analyze.Describe(r.Table.Column("trace")),
		NoiseScale:           ratio(mean(traces), mean(dots)),
		InBatches:            !n.sized && len(n.row) > 0,
		GradDotInterval:      analyze.MeanInterval(dots, rand.New(rand.NewPCG(n.opts.Seed, 0))),
		GradDotNegativeRatio: negative(r.Table.Column("grad_dot")),
	}
	if len(n.fullRow) > 0 {
		s.FullNorm2, s.FullTrace = record.Some(mean(n.fullNorm2)), record.Some(mean(n.fullTrace))
		s.FullNoiseScale = ratio(s.FullTrace.Value, s.FullNorm2.Value)
	}
	r.Epochs = n.epochs()
	r.warn()
	return r
}

// finite returns the finite estimates of the pairs from one index up to another.
func (n *noise) finite(from, to int) (dots, traces []float64) {
	for i := from; i < to; i++ {
		if n.dots[i]-n.dots[i] == 0 && n.traces[i]-n.traces[i] == 0 {
			dots, traces = append(dots, n.dots[i]), append(traces, n.traces[i])
		}
	}
	return dots, traces
}

func (n *noise) epochs() record.Table {
	var epoch, pairs []int64
	var dots, dotLow, dotHigh, traces, traceLow, traceHigh, scale column.Floats
	for from := 0; from < len(n.epoch); {
		to := from
		for to < len(n.epoch) && n.epoch[to] == n.epoch[from] {
			to++
		}
		d, t := n.finite(from, to)
		epoch, pairs = append(epoch, n.epoch[from]), append(pairs, int64(to-from))
		rng := rand.New(rand.NewPCG(n.opts.Seed, uint64(n.epoch[from])))
		di, ti := analyze.MeanInterval(d, rng), analyze.MeanInterval(t, rng)
		dots.Add(record.Optional{Value: mean(d), Valid: len(d) > 0})
		dotLow.Add(di.Low)
		dotHigh.Add(di.High)
		traces.Add(record.Optional{Value: mean(t), Valid: len(t) > 0})
		traceLow.Add(ti.Low)
		traceHigh.Add(ti.High)
		scale.Add(ratio(mean(t), mean(d)))
		from = to
	}
	return record.Table{Columns: []record.Column{
		column.Ints("epoch", epoch), column.Ints("pairs", pairs),
		dots.Column("grad_dot"), dotLow.Column("grad_dot_low"), dotHigh.Column("grad_dot_high"),
		traces.Column("trace"), traceLow.Column("trace_low"), traceHigh.Column("trace_high"), scale.Column("noise_scale"),
	}}
}

func (r *NoiseResult) warn() {
	add := func(when bool, code, format string, args ...any) {
		if when {
			r.Warnings = append(r.Warnings, analyze.Warning{Code: code, Text: fmt.Sprintf(format, args...)})
		}
	}
	s := &r.Summary
	add(s.NonfinitePairs > 0, "nonfinite_gradients", "%d of %d pairs of gradients are NaN or infinite: they are kept, and left out of the means", s.NonfinitePairs, s.Pairs)
	add(s.Pairs > 0 && !s.NoiseScale.Valid, "no_noise_scale", "consecutive gradients have the mean inner product %.3g: the walk turns back at every step, so that two consecutive batches are not two batches at one point; full gradients give an estimate", s.GradDot.Mean.Value)
	if i := s.GradDotInterval; s.NoiseScale.Valid && i.Low.Valid {
		add(i.Low.Value <= 0, "noise_scale_uncertain", "the 95 %% interval of |G|^2 is %.3g to %.3g: the noise scale of %.3g examples may as well be any larger number", i.Low.Value, i.High.Value, s.NoiseScale.Value)
	}
	if s.FullNoiseScale.Valid && s.NoiseScale.Valid {
		q := s.FullNoiseScale.Value / s.NoiseScale.Value
		add(q < 0.5 || q > 2, "noise_scales_differ", "the noise scale is %.3g examples from consecutive batches and %.3g from full gradients: the former is of the population, the latter of the training set, and the former counts the change of the gradient from step to step", s.NoiseScale.Value, s.FullNoiseScale.Value)
	}
}

func mean(x []float64) float64 {
	m := 0.0
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

func floats(name string, v []float64) record.Column {
	if v == nil {
		v = []float64{}
	}
	return record.Column{Name: name, Floats: v}
}
