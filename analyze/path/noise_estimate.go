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
	rebuilt  bool // the loss can be made from the header
	sized    bool // some row says how many examples its batch has
	store    analyze.Store
	grad     []float32 // scratch of the full gradient

	perEpoch map[int32]int64 // examples in the batches of an epoch

	row, step, epoch, batch                    []int64
	norm2, products, dots, traces              []float64
	wholes, unordered                          int // pairs left out, pairs of unknown order
	meanDot, meanTrace, scale, temperature     column.Floats
	weight, runDot, runTrace                   float64
	fullRow, fullStep, fullEpoch, fullExamples []int64
	fullNorm2, fullTrace                       []float64
	fullScale                                  column.Floats
}

// size returns the examples of a batch; 1 where the recording does not say, which
// makes a trace that of a batch's gradient and a noise scale one in batches.
func size(s *record.Step) float64 { return math.Max(1, float64(s.Examples)) }

// drawn says how the examples of two consecutive batches were drawn.
type drawn int

const (
	independently drawn = iota // nothing is known that ties them
	apart                      // two batches of one epoch: they have no example in common
	anew                       // two epochs: each without replacement, independent of one another
)

// how tells from the epochs and the sizes how two batches were drawn. An epoch is a
// pass over the training set unless its batches have more examples than the set.
func (n *noise) how(a, b *record.Step) drawn {
	whole := func(s *record.Step) bool { return n.perEpoch[s.Epoch] <= int64(n.examples) }
	switch {
	case n.examples == 0 || a.Examples == 0 || b.Examples == 0 || !whole(a) || !whole(b):
		return independently
	case a.Epoch == b.Epoch:
		return apart
	default:
		return anew
	}
}

// estimate returns the estimates of |G|^2 and of tr S from two batch gradients at
// one point, from their squared lengths and their inner product. G is the mean over
// the N examples of the training set and S their covariance, N-1 in the denominator.
// A batch of B drawn without replacement has E|g|^2 = |G|^2 + tr S (1/B - 1/N). Two
// batches without a common example have E<g,g'> = |G|^2 - tr S/N, the mean of
// <g_i,g_j> over i != j; two independent ones have |G|^2. Solved for |G|^2 and tr S:
func (n *noise) estimate(a, b, a2, b2, ab float64, how drawn) (gradient2, trace float64) {
	rest := 0.0
	if how == anew {
		rest = 1 / float64(n.examples)
	}
	trace = ((a2-ab)/(1/a-rest) + (b2-ab)/(1/b-rest)) / 2
	if how == apart {
		return ab + trace/float64(n.examples), trace
	}
	return ab, trace
}

// pair compares two consecutive batches. A batch that is the whole training set has
// no noise to see.
func (n *noise) pair(row int, a, b *record.Step) {
	how := n.how(a, b)
	if n.examples > 0 && (int(a.Examples) >= n.examples || int(b.Examples) >= n.examples) {
		n.wholes++
		return
	}
	if how == independently {
		n.unordered++
	}
	a2, b2, product := dot(a.Grad, a.Grad), dot(b.Grad, b.Grad), dot(a.Grad, b.Grad)
	n.sized = n.sized || a.Examples > 0
	ab, trace := n.estimate(size(a), size(b), a2, b2, product, how)
	n.products = append(n.products, product)
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
		floats("grad_norm2", n.norm2), floats("inner_product", n.products), floats("grad_dot", n.dots), floats("trace", n.traces),
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
		GradDotNegativeRatio: negative(r.Table.Column("inner_product")),
		WholePairs:           n.wholes, UnorderedPairs: n.unordered,
	}
	if len(n.fullRow) > 0 {
		s.FullNorm2, s.FullTrace = record.Some(mean(n.fullNorm2)), record.Some(mean(n.fullTrace))
		s.FullNoiseScale = ratio(s.FullTrace.Value, s.FullNorm2.Value)
	}
	r.Epochs = n.epochs()
	r.warn(n.rebuilt)
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

// warn says what to know. canRebuild: the loss of the run can be rebuilt from its header.
func (r *NoiseResult) warn(canRebuild bool) {
	add := func(when bool, code, format string, args ...any) {
		if when {
			r.Warnings = append(r.Warnings, analyze.Warning{Code: code, Text: fmt.Sprintf(format, args...)})
		}
	}
	s := &r.Summary
	add(s.NonfinitePairs > 0, "nonfinite_gradients", "%d of %d pairs of gradients are NaN or infinite: they are kept, and left out of the means", s.NonfinitePairs, s.Pairs)
	add(s.WholePairs > 0, "whole_batches", "%d pairs of batches are left out: a batch that is the whole training set has no noise", s.WholePairs)
	add(s.UnorderedPairs > 0 && s.Pairs > 0, "batches_unordered", "of %d of %d pairs the recording does not say how their examples were drawn (it needs the size of the training set, of each batch, and epochs that are passes over the set): they are taken for independent, and where they have no example in common |G|^2 is too low by tr Sigma / N", s.UnorderedPairs, s.Pairs)
	add(s.Pairs > 0 && !s.NoiseScale.Valid && s.GradDot.Mean.Valid, "no_noise_scale", "%s", noEstimate(s.GradDot.Mean.Value, s.GradDotNegativeRatio.Value, canRebuild))
	if i := s.GradDotInterval; s.NoiseScale.Valid && i.Low.Valid {
		add(i.Low.Value <= 0, "noise_scale_uncertain", "the 95 %% interval of |G|^2 is %.3g to %.3g: the noise scale of %.3g examples may as well be any larger number", i.Low.Value, i.High.Value, s.NoiseScale.Value)
	}
	if s.FullNoiseScale.Valid && s.NoiseScale.Valid {
		q := s.FullNoiseScale.Value / s.NoiseScale.Value
		add(q < 0.5 || q > 2, "noise_scales_differ", "the noise scale is %.3g examples from consecutive batches and %.3g from full gradients: consecutive batches are taken at two points, and the change of the gradient between them counts as noise", s.NoiseScale.Value, s.FullNoiseScale.Value)
	}
}

// mostly is the share of a yes/no quantity above which a sentence says "most".
const mostly = 0.5

// noEstimate says why two consecutive batches give no noise scale: how often the
// gradient turns against the one before decides between the reasons.
func noEstimate(mean, negative float64, canRebuild bool) string {
	why := fmt.Sprintf("%.3g %% of the inner products are below 0, so a few large ones decide", 100*negative)
	if negative > mostly {
		why = fmt.Sprintf("%.3g %% of the gradients turn against the one before, so that two consecutive batches are not two batches at one point", 100*negative)
	}
	if canRebuild {
		why += "; full gradients give an estimate (--full-gradients)"
	}
	return fmt.Sprintf("consecutive gradients give %.3g as the mean estimate of |G|^2, which is not above 0: %s", mean, why)
}

// rebuilt reports whether full gradients can be had: the run has iterates, and data
// and model are of this program.
func rebuilt(h *record.Header) bool {
	return h.Columns.Theta && h.Data.Spec != "" && h.Model != record.ImportedModel
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
