package optim

import (
	"context"
	"math"
	"slices"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/nn/kernel"
)

// Muon makes the momentum of every matrix approximately orthogonal (Jordan et al. 2024,
// kellerjordan.github.io/posts/muon, and the released code). The buffer M starts at zero:
//
//	M <- m M + (1-m) g
//	U = (1-m) g + m M               U = M without nesterov
//	theta <- theta - eta (s NewtonSchulz(U) + w theta)
//
// NewtonSchulz sets X = U / (|U| + 1e-7), with the Frobenius norm, and does ns_steps times
//
//	A = X X',  X <- a X + (b A + c A^2) X        a, b, c = 3.4445, -4.7750, 2.0315
//
// which keeps the singular vectors and brings the singular values to about 0.7 to 1.2.
// The released code computes it in bfloat16, this one in float32.
//
// The scale s of a matrix of (rows, columns), its units and their inputs, is
// sqrt(max(1, rows/columns)), as in the released code, or with match_rms
// 0.2 sqrt(max(rows, columns)), as in Liu et al. 2025 (arXiv:2502.16982), so that a step
// has about the root mean square of a step of AdamW.
//
// Matrices are the weights of linear layers and the filters of convolutions, which are
// (filters, inputs of a filter) here. (The released code takes s of a filter from the
// height and the width of the filter alone.) [AdamW] trains everything else: biases,
// normalization, and the last layer unless last_layer is 1. The released code also leaves
// the first layer to AdamW; here that is first_layer=0, because a network with one
// hidden layer would have no matrix left. AdamW has its own learning rate, on which the
// schedule acts in the same way. Both have the same weight decay.
type Muon struct {
	prepare    preparation
	momentum   float64
	nesterov   bool
	iterations int
	ratio      float64 // of the learning rate of AdamW to that of Muon
	matrices   []matrix
	buffer     []float32 // M of all matrices
	rest       *AdamW
	parts      []interval // of theta, for rest
	theta      []float32  // copies of these parts
	grad       []float32
	newton     newtonSchulz
	buffers
}

// matrix is a tensor of theta that Muon trains.
type matrix struct {
	interval
	rows, columns int
	scale         float64 // s
}

var (
	_ train.Optimizer    = (*Muon)(nil)
	_ train.Checkpointed = (*Muon)(nil)
)

func muonRule() rule {
	return rule{
		name: "muon", doc: "orthogonalized momentum of matrices (Jordan et al. 2024), AdamW for the rest",
		hyper: slices.Concat([]Hyperparameter{
			learningRate(0.02, "approximate spectral norm of a step of a matrix, before its scale"),
			factor("momentum", 0.95, "share of the buffer that is kept each step"),
			toggle("nesterov", 1, "1 takes the mean of gradient and buffer, 0 the buffer"),
			{Name: "ns_steps", Default: 5, Doc: "Newton-Schulz iterations", Min: 1, Max: 100, Whole: true},
			toggle("match_rms", 0, "1 scales a step to the root mean square of AdamW, 0 by sqrt(max(1, rows/columns))"),
			toggle("first_layer", 1, "1 trains the first matrix with Muon, 0 with AdamW"),
			toggle("last_layer", 0, "1 trains the last matrix with Muon, 0 with AdamW"),
			positive("adamw_learning_rate", 3e-4, "learning rate of AdamW, with the same schedule"),
			factor("beta1", 0.9, "decay of the mean of the gradient in AdamW"),
			factor("beta2", 0.95, "decay of the mean of its square in AdamW"),
			positive("epsilon", 1e-10, "added to the root of the mean square in AdamW"),
		}, weightDecay(0, decoupledDoc), []Hyperparameter{clipNorm()}),
		build:      func(v values, layout record.Layout, _ uint64) train.Optimizer { return newMuon(v, layout) },
		edge:       muonEdge,
		coupled:    true, // an optimizer of some tensors does not know which is the last layer
		sensitive:  "the directions in which a matrix is small decide as much of the update as the others",
		usesKernel: true,
	}
}

// muonEdge has no threshold, for the reason of lionEdge. The norm that belongs to Muon is
// the spectral norm (Islamov et al. 2026, arXiv:2603.05002).
func muonEdge(record.Optimizer) Edge {
	return Edge{Absent: "the steps of optimizer muon have the same length for every gradient, so no learning rate makes " +
		"them grow or shrink; floor positions of walk and the critical sharpness say whether a step overshoots"}
}

func newMuon(v values, layout record.Layout) *Muon {
	o := &Muon{
		prepare: newPreparation("muon", v, layout), momentum: v["momentum"], nesterov: v["nesterov"] == 1,
		iterations: int(v["ns_steps"]), ratio: v["adamw_learning_rate"] / v["learning_rate"],
	}
	var candidates []int
	for i, t := range layout {
		if (t.Kind == record.Filter || t.Kind == record.Weight) && len(t.Shape) > 1 {
			candidates = append(candidates, i)
		}
	}
	var rest record.Layout
	length := 0
	for i, t := range layout {
		at := slices.Index(candidates, i)
		if at < 0 || at == 0 && v["first_layer"] == 0 || at == len(candidates)-1 && v["last_layer"] == 0 {
			rest = append(rest, t)
			o.parts = append(o.parts, interval{t.Offset, t.Offset + t.Len()})
			continue
		}
		m := matrix{interval: interval{t.Offset, t.Offset + t.Len()}, rows: t.Shape[0], columns: t.Len() / t.Shape[0]}
		if m.scale = math.Sqrt(max(1, float64(m.rows)/float64(m.columns))); v["match_rms"] == 1 {
			m.scale = 0.2 * math.Sqrt(float64(max(m.rows, m.columns)))
		}
		o.matrices = append(o.matrices, m)
		o.newton.reserve(m.rows, m.columns)
		length += t.Len()
	}
	rest = record.Pack(rest...)
	own := values{"clip_norm": 0} // the whole gradient is clipped before
	for _, name := range []string{"beta1", "beta2", "epsilon", "weight_decay", "decay_all"} {
		own[name] = v[name]
	}
	o.rest = &AdamW{*newAdam("muon", own, rest)}
	o.theta, o.grad, o.buffer = make([]float32, rest.Len()), make([]float32, rest.Len()), make([]float32, length)
	o.buffers = buffers{"muon", append([]train.Buffer{{Name: "momentum", Float32: o.buffer}}, o.rest.all...)}
	return o
}

// Step updates theta.
func (o *Muon) Step(ctx context.Context, theta, grad []float32, learningRate float64, probe train.Probe) error {
	if err := o.prepare.check(theta, grad, learningRate); err != nil {
		return err
	}
	o.prepare.clipGradient(grad)
	at := 0
	for _, p := range o.parts {
		copy(o.theta[at:], theta[p.from:p.to])
		at += copy(o.grad[at:], grad[p.from:p.to])
	}
	if err := o.rest.Step(ctx, o.theta, o.grad, learningRate*o.ratio, probe); err != nil {
		return err
	}
	at = 0
	for _, p := range o.parts {
		at += copy(theta[p.from:p.to], o.theta[at:])
	}
	at = 0
	keep := float32(1 - learningRate*o.prepare.decay)
	for _, m := range o.matrices {
		t, g := theta[m.from:m.to], grad[m.from:m.to]
		o.direction(g, o.buffer[at:at+len(g)])
		at += len(g)
		o.newton.orthogonalize(kernel.Dense(g, m.rows, m.columns), o.iterations)
		eta := float32(learningRate * m.scale)
		for i, u := range g {
			t[i] = float32(keep*t[i]) - float32(eta*u)
		}
	}
	return nil
}

// direction updates the buffer and replaces the gradient by U.
func (o *Muon) direction(grad, buffer []float32) {
	m, rest := float32(o.momentum), float32(1-o.momentum)
	for i, g := range grad {
		b := float32(m*buffer[i]) + float32(rest*g)
		buffer[i] = b
		if grad[i] = b; o.nesterov {
			grad[i] = float32(rest*g) + float32(m*b)
		}
	}
}
