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

	pairs             []pairRow
	fulls             []fullRow
	wholes, unordered int // pairs left out, pairs of unknown order
	// weight, runDot and runTrace are the state of the exponential averages.
	weight, runDot, runTrace float64
}

// pairRow is a row of NoiseResult.Table, which defines the columns.
type pairRow struct {
	Row          int64           `col:"row"`
	Step         int64           `col:"step"`
	Epoch        int32           `col:"epoch"`
	Examples     int64           `col:"examples"`
	GradNorm2    float64         `col:"grad_norm2"`
	InnerProduct float64         `col:"inner_product"`
	GradDot      float64         `col:"grad_dot"`
	Trace        float64         `col:"trace"`
	MeanGradDot  record.Optional `col:"mean_grad_dot"`
	MeanTrace    record.Optional `col:"mean_trace"`
	NoiseScale   record.Optional `col:"noise_scale"`
	Temperature  record.Optional `col:"temperature"`
}

// isFinite reports whether both estimates of the pair are finite.
func (p *pairRow) isFinite() bool { return p.Trace-p.Trace == 0 && p.GradDot-p.GradDot == 0 }

// fullRow is a row of NoiseResult.Full.
type fullRow struct {
	Row        int64           `col:"row"`
	Step       int64           `col:"step"`
	Epoch      int32           `col:"epoch"`
	Examples   int64           `col:"examples"`
	FullNorm2  float64         `col:"full_norm2"`
	Trace      float64         `col:"trace"`
	NoiseScale record.Optional `col:"noise_scale"`
}

// epochRow is a row of NoiseResult.Epochs.
type epochRow struct {
	Epoch       int32           `col:"epoch"`
	Pairs       int             `col:"pairs"`
	GradDot     record.Optional `col:"grad_dot"`
	GradDotLow  record.Optional `col:"grad_dot_low"`
	GradDotHigh record.Optional `col:"grad_dot_high"`
	Trace       record.Optional `col:"trace"`
	TraceLow    record.Optional `col:"trace_low"`
	TraceHigh   record.Optional `col:"trace_high"`
	NoiseScale  record.Optional `col:"noise_scale"`
}

// size returns the number of examples of a batch. If the recording does not have it,
// size returns 1: the unit of the noise scale is then a batch.
func size(s *record.Step) float64 { return math.Max(1, float64(s.Examples)) }

// drawn tells how the examples of two consecutive batches were drawn.
type drawn int

const (
	// independently is the assumption if nothing else is known.
	independently drawn = iota
	// sameEpoch batches have no example in common.
	sameEpoch
	// differentEpochs batches are independent, each drawn without replacement.
	differentEpochs
)

// how derives from epochs and sizes how two batches were drawn. An epoch is a
// pass over the training set unless its batches have more examples than the set.
func (n *noise) how(a, b *record.Step) drawn {
	whole := func(s *record.Step) bool { return n.perEpoch[s.Epoch] <= int64(n.examples) }
	switch {
	case n.examples == 0 || a.Examples == 0 || b.Examples == 0 || !whole(a) || !whole(b):
		return independently
	case a.Epoch == b.Epoch:
		return sameEpoch
	default:
		return differentEpochs
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
	if how == differentEpochs {
		rest = 1 / float64(n.examples)
	}
	trace = ((a2-ab)/(1/a-rest) + (b2-ab)/(1/b-rest)) / 2
	if how == sameEpoch {
		return ab + trace/float64(n.examples), trace
	}
	return ab, trace
}

// pair compares two consecutive batches. A batch that is the whole training set has no
// noise.
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
	p := pairRow{
		Row: int64(row), Step: a.Step, Epoch: a.Epoch, Examples: int64(size(a)), GradNorm2: a2, InnerProduct: product,
		Temperature: record.Optional{
			Value: a.LearningRate.Value * float64(n.examples) / size(a),
			Valid: a.LearningRate.Valid && n.examples > 0 && a.Examples > 0,
		},
	}
	p.GradDot, p.Trace = n.estimate(size(a), size(b), a2, b2, product, how)
	if p.isFinite() {
		d := n.opts.Decay
		n.runDot = float64(d*n.runDot) + float64((1-d)*p.GradDot)
		n.runTrace = float64(d*n.runTrace) + float64((1-d)*p.Trace)
		n.weight = float64(d*n.weight) + (1 - d)
	}
	some := n.weight > 0
	p.MeanGradDot = record.Optional{Value: n.runDot / n.weight, Valid: some}
	p.MeanTrace = record.Optional{Value: n.runTrace / n.weight, Valid: some}
	p.NoiseScale = ratio(n.runTrace, n.runDot)
	n.pairs = append(n.pairs, p)
}

// ratio returns trace / gradient2, absent unless gradient2 is above 0.
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
		return nil // the batch is the training set and has no noise
	}
	trace := v[1] / (1/b - 1/float64(n.examples))
	n.fulls = append(n.fulls, fullRow{int64(row), s.Step, s.Epoch, int64(b), v[0], trace, ratio(trace, v[0])})
	return nil
}

// result makes tables, summary and warnings.
func (n *noise) result() *NoiseResult {
	r := &NoiseResult{Table: column.Of(n.pairs)}
	if n.opts.Full != nil {
		r.Full = column.Of(n.fulls)
	}
	dots, traces := finite(n.pairs)
	s := &r.Summary
	*s = NoiseSummary{
		Pairs: len(n.pairs), Examples: n.examples, NonfinitePairs: len(n.pairs) - len(dots), FullRows: len(n.fulls),
		GradDot: analyze.Describe(r.Table.Column("grad_dot")), Trace: analyze.Describe(r.Table.Column("trace")),
		NoiseScale:           ratio(mean(traces), mean(dots)),
		InBatches:            !n.sized && len(n.pairs) > 0,
		GradDotInterval:      analyze.MeanInterval(dots, rand.New(rand.NewPCG(n.opts.Seed, 0))),
		GradDotNegativeRatio: negative(r.Table.Column("inner_product")),
		WholePairs:           n.wholes, UnorderedPairs: n.unordered,
	}
	if len(n.fulls) > 0 {
		s.FullNorm2 = record.Some(mean(r.Full.Column("full_norm2").Floats))
		s.FullTrace = record.Some(mean(r.Full.Column("trace").Floats))
		s.FullNoiseScale = ratio(s.FullTrace.Value, s.FullNorm2.Value)
	}
	r.Epochs = n.epochs()
	r.warn(n.rebuilt)
	return r
}

// finite returns the estimates of the pairs whose estimates are both finite.
func finite(pairs []pairRow) (dots, traces []float64) {
	for _, p := range pairs {
		if p.isFinite() {
			dots, traces = append(dots, p.GradDot), append(traces, p.Trace)
		}
	}
	return dots, traces
}

// epochs returns the means of the pairs of each epoch.
func (n *noise) epochs() record.Table {
	var table column.Builder[epochRow]
	for rest := n.pairs; len(rest) > 0; {
		epoch, count := rest[0].Epoch, 1
		for count < len(rest) && rest[count].Epoch == epoch {
			count++
		}
		dots, traces := finite(rest[:count])
		rng := rand.New(rand.NewPCG(n.opts.Seed, uint64(int64(epoch))))
		dot, trace := analyze.MeanInterval(dots, rng), analyze.MeanInterval(traces, rng)
		table.Add(epochRow{
			Epoch: epoch, Pairs: count,
			GradDot:    record.Optional{Value: mean(dots), Valid: len(dots) > 0},
			GradDotLow: dot.Low, GradDotHigh: dot.High,
			Trace:    record.Optional{Value: mean(traces), Valid: len(traces) > 0},
			TraceLow: trace.Low, TraceHigh: trace.High,
			NoiseScale: ratio(mean(traces), mean(dots)),
		})
		rest = rest[count:]
	}
	return table.Table()
}

// warn adds the warnings. canRebuild means that the loss of the run can be rebuilt from
// its header.
func (r *NoiseResult) warn(canRebuild bool) {
	add := r.Warnings.Add
	s := &r.Summary
	add(s.NonfinitePairs > 0, "nonfinite_gradients", "%d of %d pairs of gradients are NaN or infinite: they are "+
		"kept, and left out of the means", s.NonfinitePairs, s.Pairs)
	add(s.WholePairs > 0, "whole_batches", "%d pairs of batches are left out: a batch that is the whole training set "+
		"has no noise", s.WholePairs)
	add(s.UnorderedPairs > 0 && s.Pairs > 0, "batches_unordered", "of %d of %d pairs the recording does not say how "+
		"their examples were drawn (it needs the size of the training set, of each batch, and epochs that are passes "+
		"over the set): they are taken for independent, and where they have no example in common |G|^2 is too low by "+
		"tr Sigma / N", s.UnorderedPairs, s.Pairs)
	add(s.Pairs > 0 && !s.NoiseScale.Valid && s.GradDot.Mean.Valid, "no_noise_scale", "%s",
		noEstimate(s.GradDot.Mean.Value, s.GradDotNegativeRatio.Value, canRebuild))
	if i := s.GradDotInterval; s.NoiseScale.Valid && i.Low.Valid {
		add(i.Low.Value <= 0, "noise_scale_uncertain", "the 95 %% interval of |G|^2 is %.3g to %.3g: the noise scale "+
			"of %.3g examples may as well be any larger number", i.Low.Value, i.High.Value, s.NoiseScale.Value)
	}
	if s.FullNoiseScale.Valid && s.NoiseScale.Valid {
		q := s.FullNoiseScale.Value / s.NoiseScale.Value
		add(q < 0.5 || q > 2, "noise_scales_differ", "the noise scale is %.3g examples from consecutive batches and "+
			"%.3g from full gradients: consecutive batches are taken at two points, and the change of the gradient "+
			"between them counts as noise", s.NoiseScale.Value, s.FullNoiseScale.Value)
	}
}

// mostly is the share of a yes/no quantity above which a sentence says "most".
const mostly = 0.5

// noEstimate returns the reason why two consecutive batches give no noise scale. The
// reason depends on how often a gradient points against the one before.
func noEstimate(mean, negative float64, canRebuild bool) string {
	why := fmt.Sprintf("%.3g %% of the inner products are below 0, so a few large ones decide", 100*negative)
	if negative > mostly {
		why = fmt.Sprintf("%.3g %% of the gradients turn against the one before, so that two consecutive batches are "+
			"not two batches at one point", 100*negative)
	}
	if canRebuild {
		why += "; full gradients give an estimate (--full-gradients)"
	}
	return fmt.Sprintf("consecutive gradients give %.3g as the mean estimate of |G|^2, which is not above 0: %s", mean,
		why)
}

// rebuilt reports whether full gradients can be computed: the run has iterates, and this
// program knows its data and model.
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
