package path

import (
	"context"
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// TwoBatches returns the unbiased estimates of McCandlish et al. (2018) of the
// squared length |G|^2 of the true gradient and of the trace of the covariance of
// one example's gradient, from the squared lengths of the gradients of a batch of
// small and one of big examples at the same theta, big > small:
//
//	|G|^2    = (big |g_big|^2 - small |g_small|^2) / (big - small)
//	tr Sigma = (|g_small|^2 - |g_big|^2) / (1/small - 1/big)
//
// Average both over many pairs before dividing: tr Sigma / |G|^2 is the simple
// noise scale, the batch size at which noise and gradient are equally large.
func TwoBatches(small, big, small2, big2 float64) (gradient2, trace float64) {
	gradient2 = (big*big2 - small*small2) / (big - small)
	trace = (small2 - big2) / (1/small - 1/big)
	return gradient2, trace
}

// NoiseOptions of Noise. The zero value is the documented default.
type NoiseOptions struct {
	// Rows chooses by step and epoch the rows whose batch is compared with the one
	// after it; the zero value is all.
	Rows analyze.Segments `json:"rows"`
	// Decay is the decay of the exponential averages of numerator and denominator, in
	// (0, 1); 0 means 0.99.
	Decay float64 `json:"decay"`
	// Full, when given, evaluates the gradient over all Examples of the training set
	// at the rows that FullRows chooses. This gives a separate estimate, from two batch
	// sizes at one point.
	Full analyze.Gradient `json:"-"`
	// FullRows chooses the rows for Full; the zero value is all, one full gradient
	// each.
	FullRows analyze.Segments `json:"full_rows"`
	// Examples is the size of Full's data, at least 2; 0 means what the header says.
	Examples int `json:"examples"`
	// Seed seeds the bootstrap.
	Seed uint64 `json:"seed"`

	// Progress counts rows; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
	// Store keeps the full gradients' numbers ("full 12"); nil keeps nothing.
	Store analyze.Store `json:"-"`
}

// Validate names the first field whose value is not allowed.
func (o *NoiseOptions) Validate() error {
	if !(o.Decay >= 0 && o.Decay < 1) {
		return fmt.Errorf("path: decay is %v; it must be above 0 and less than 1, or 0 for 0.99", o.Decay)
	}
	if o.Examples < 0 || o.Examples == 1 {
		return fmt.Errorf("path: examples is %d; it must be at least 2, or 0 for what the header says", o.Examples)
	}
	return nil
}

// Effective returns the options with the defaults filled in, except the number of
// examples, which the header has.
func (o NoiseOptions) Effective() NoiseOptions {
	if o.Decay == 0 {
		o.Decay = 0.99
	}
	return o
}

// NoiseResult is the noise of the mini-batch gradients. The tables are the
// caller's. A ratio of two estimates is absent unless the estimate of |G|^2 is above 0,
// because otherwise it has no meaning.
type NoiseResult struct {
	// Table has one row per pair of consecutive batches:
	//
	//	row, step, epoch, examples   of the first batch
	//	grad_norm2                   |g_k|^2
	//	inner_product                <g_k, g_{k+1}>
	// grad_dot estimate of |G|^2 over the training set, unbiased if theta did not move in between:
	// inner_product + trace/N for two batches of one epoch, which have no example in common;
	// otherwise inner_product
	// trace estimate of tr Sigma: mean of B (|g|^2 - inner_product) over the two batches of an
	// epoch,
	//	                             of (|g|^2 - inner_product) / (1/B - 1/N) over those of two epochs
	//	mean_grad_dot, mean_trace    exponential averages of the two, corrected for their start
	//	noise_scale                  mean_trace / mean_grad_dot, in examples
	//	temperature                  learning_rate * N / B (Smith and Le 2018); absent without a training set size
	Table record.Table
	// Full has one row per full gradient: row, step, epoch, examples, full_norm2
	// (|G|^2 over the whole training set), trace, noise_scale. No columns without
	// NoiseOptions.Full.
	Full record.Table
	// Epochs has one row per epoch: epoch, pairs, grad_dot and trace (means),
	// grad_dot_low, grad_dot_high, trace_low, trace_high (95 % bootstrap intervals),
	// noise_scale (the ratio of the means).
	Epochs   record.Table
	Summary  NoiseSummary
	Warnings analyze.Warnings
}

// NoiseSummary has the noise over all pairs.
type NoiseSummary struct {
	Pairs    int `json:"pairs"`
	Examples int `json:"examples"` // of the training set; 0 when unknown
	// GradDot and Trace describe the estimates of |G|^2 and tr Sigma; NoiseScale is
	// the ratio of their means, in examples, or in batches where no row says how many
	// examples its batch has.
	GradDot              analyze.Distribution `json:"grad_dot"`
	Trace                analyze.Distribution `json:"trace"`
	NoiseScale           record.Optional      `json:"noise_scale"`
	InBatches            bool                 `json:"noise_scale_in_batches,omitempty"`
	GradDotInterval      analyze.Interval     `json:"grad_dot_interval"`
	GradDotNegativeRatio record.Optional      `json:"grad_dot_negative_ratio"`
	// From full gradients; zero and null without them.
	FullRows       int             `json:"full_rows"`
	FullTrace      record.Optional `json:"full_trace"` // mean
	FullNorm2      record.Optional `json:"full_norm2"` // mean of |G|^2
	FullNoiseScale record.Optional `json:"full_noise_scale"`
	NonfinitePairs int             `json:"nonfinite_pairs"` // left out of every mean
	// pairs with a batch that is the whole training set, left out
	WholePairs int `json:"whole_pairs"`
	// pairs for which the recording does not tell how they were drawn
	UnorderedPairs int `json:"unordered_pairs"`
}

// Noise estimates the gradient noise scale tr Sigma / |G|^2 from the recorded
// mini-batch gradients: from every two consecutive batches, which are a batch of B
// and, together, one of 2B (see TwoBatches), and on request from full gradients.
//
// G and Sigma are those of the training set. The batches of an epoch have no example
// in common, so that their inner product alone is too low by tr Sigma / N: grad_dot
// corrects it.
//
// Consecutive batches are taken at two points: where the walk bounces from wall to
// wall the true gradients there point against each other, grad_dot is negative on
// the average, and there is no estimate. Inner iterates are left out.
//
// It returns an error when options are wrong, the run recorded no gradients, a row
// cannot be read, or Full or the store fails, and the context's error when it was
// cancelled.
func Noise(ctx context.Context, t record.Trajectory, opts NoiseOptions) (*NoiseResult, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	h := t.Header()
	n := &noise{opts: &opts, examples: opts.Examples, store: opts.Store, rebuilt: rebuilt(h)}
	if n.examples == 0 {
		n.examples = h.Data.TrainExamples
	}
	opts = opts.Effective()
	if n.store == nil {
		n.store = analyze.NoStore{}
	}
	progress := opts.Progress
	if progress == nil {
		progress = analyze.NoProgress{}
	}
	if t.Len() > 0 && !h.Columns.Grad {
		return nil, fmt.Errorf("path: the run recorded no gradients; their noise needs them")
	}
	if opts.Full != nil && (n.examples < 2 || !h.Columns.Theta) {
		return nil, fmt.Errorf("path: the run says %d training examples and records theta: %v; full gradients need "+
			"both", n.examples, h.Columns.Theta)
	}
	if err := n.count(t); err != nil {
		return nil, err
	}
	parts := record.GradPart
	if opts.Full != nil {
		parts |= record.ThetaPart
	}
	progress.Begin("noise", t.Len())
	var before record.Step
	beforeRow := -1
	for i := range t.Len() {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("path: stopped at row %d: %w", i, err)
		}
		s, err := t.Read(i, parts)
		if err != nil {
			return nil, fmt.Errorf("path: row %d: %w", i, err)
		}
		progress.Add(1)
		if s.Substep > 0 {
			continue
		}
		if s.Grad == nil {
			beforeRow = -1
			continue
		}
		if beforeRow >= 0 && s.Step == before.Step+1 && opts.Rows.Contains(before.Step, before.Epoch) {
			n.pair(beforeRow, &before, &s)
		}
		if opts.Full != nil && opts.FullRows.Contains(s.Step, s.Epoch) {
			if err := n.full(ctx, i, &s); err != nil {
				return nil, err
			}
		}
		before, beforeRow = s, i
	}
	if len(n.pairs) == 0 && len(n.fulls) == 0 && n.wholes == 0 {
		return nil, fmt.Errorf("path: rows %q: no two consecutive gradients are recorded there", opts.Rows)
	}
	return n.result(), nil
}

// count adds up the examples of every epoch.
func (n *noise) count(t record.Trajectory) error {
	n.perEpoch = make(map[int32]int64)
	for i := range t.Len() {
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return fmt.Errorf("path: row %d: %w", i, err)
		}
		if s.Substep == 0 {
			n.perEpoch[s.Epoch] += int64(s.Examples)
		}
	}
	return nil
}
