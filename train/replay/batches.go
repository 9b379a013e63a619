package replay

import (
	"fmt"

	"sgdwalk/train"
	"sgdwalk/train/optim"
)

// Batches computes the losses and the gradients of single mini-batches with the
// operations of the training loop. On the instruction set of the run, the results
// are therefore the recorded ones, bit for bit.
type Batches struct {
	model   train.Model
	source  *source
	perStep int64 // mini-batches that a step draws
}

// Batches returns the mini-batches of the run. Its Gradient changes theta and the
// running statistics of the experiment's model.
func (e *Experiment) Batches() (*Batches, error) {
	h := e.header
	source, err := newSource(e.data, h.Seed, h.Batch)
	if err != nil {
		return nil, err
	}
	return &Batches{e.batchModel(), source, int64(optim.BatchesPerStep(h.Optimizer))}, nil
}

// Gradient fills grad with the gradient at theta of a mini-batch of a step, and
// returns its loss. Batch 0 is the one that the row of the step belongs to. Inner
// loops draw the batches 1, 2, and so on. theta and grad have the length of the
// model's theta.
func (b *Batches) Gradient(step int64, batch int, theta, grad []float32) (train.Measure, error) {
	own := b.model.Theta()
	if len(theta) != len(own) {
		return train.Measure{}, fmt.Errorf("replay: step %d: theta has %d elements; the model has %d",
			step, len(theta), len(own))
	}
	inputs, labels, err := b.examples(step, batch)
	if err != nil {
		return train.Measure{}, err
	}
	copy(own, theta)
	return b.model.Gradient(inputs, labels, grad)
}

// examples returns the mini-batch, which is valid until the next call.
func (b *Batches) examples(step int64, batch int) ([]float32, []int32, error) {
	const most = 1 << 48 // keeps the products below from overflowing
	if step < 0 || step > most {
		return nil, nil, fmt.Errorf("replay: step is %d; it must be from 0 to %d", step, int64(most))
	}
	n, perEpoch := step*b.perStep+int64(batch), int64(b.source.PerEpoch())
	return b.source.Batch(int(n/perEpoch)+1, int(n%perEpoch))
}
