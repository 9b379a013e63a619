package dataset

import (
	"fmt"
	"math/rand/v2"

	"sgdwalk/train/internal/random"
)

// Order is the order in which the examples of a training set form mini-batches: in
// every epoch a seeded permutation of all examples, cut into batches. It is a pure
// function of seed, number of examples, batch size, epoch and batch, so a run can
// be resumed or replayed from any step.
//
// An Order keeps the permutation of the last requested epoch. It is not safe for
// concurrent use.
type Order struct {
	seed        uint64
	examples    int
	batch       int
	epoch       int // epoch of the permutation; 0 before the first call
	permutation []int
	generator   rand.PCG
}

// NewOrder returns the order for a training set with the given number of examples.
// batch may be 1 to examples; with batch == examples every epoch is one full batch.
func NewOrder(seed uint64, examples, batch int) (*Order, error) {
	if examples < 1 {
		return nil, fmt.Errorf("dataset: %w", &OptionError{"number of examples", fmt.Sprint(examples), "at least 1"})
	}
	if batch < 1 || batch > examples {
		allowed := fmt.Sprintf("1 to %d, the number of training examples", examples)
		return nil, fmt.Errorf("dataset: %w", &OptionError{"batch", fmt.Sprint(batch), allowed})
	}
	return &Order{seed: seed, examples: examples, batch: batch, permutation: make([]int, examples)}, nil
}

// Batches returns the number of batches per epoch. The last batch is smaller if
// the batch size does not divide the number of examples.
func (o *Order) Batches() int { return (o.examples + o.batch - 1) / o.batch }

// Batch returns the indices of the examples of batch b (from 0) of an epoch (from
// 1). The slice is borrowed and valid until Batch is called for another epoch. An
// epoch or batch out of range is a bug of the caller and panics.
func (o *Order) Batch(epoch, b int) []int {
	if epoch < 1 || b < 0 || b >= o.Batches() {
		panic(fmt.Sprintf("dataset: batch %d of epoch %d: batches are 0 to %d, epochs start at 1",
			b, epoch, o.Batches()-1))
	}
	if epoch != o.epoch {
		o.shuffle(epoch)
	}
	from, to := b*o.batch, min((b+1)*o.batch, o.examples)
	return o.permutation[from:to:to]
}

// shuffle draws the permutation of an epoch (Durstenfeld 1964). It starts from the
// identity every time, so that an epoch does not depend on earlier ones.
func (o *Order) shuffle(epoch int) {
	p := o.permutation
	for i := range p {
		p[i] = i
	}
	random.Seed(&o.generator, o.seed, purposeOrder, uint64(epoch))
	for i := len(p) - 1; i > 0; i-- {
		j := int(below(&o.generator, uint64(i+1)))
		p[i], p[j] = p[j], p[i]
	}
	o.epoch = epoch
}
