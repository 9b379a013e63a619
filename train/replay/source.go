package replay

import (
	"sgdwalk/train"
	"sgdwalk/train/dataset"
)

// source delivers the batches of a dataset.Order to the training loop, with the
// augmentation of the data set.
type source struct {
	data   *dataset.Data
	seed   uint64
	order  *dataset.Order
	inputs []float32
	labels []int32
}

var _ train.Source = (*source)(nil)

// newSource returns the batches of a data set, with buffers that all batches share.
func newSource(data *dataset.Data, seed uint64, batch int) (*source, error) {
	order, err := dataset.NewOrder(seed, data.Train.Len(), batch)
	if err != nil {
		return nil, err
	}
	return &source{
		data: data, seed: seed, order: order,
		inputs: make([]float32, batch*data.Train.Size()), labels: make([]int32, batch),
	}, nil
}

// PerEpoch returns the number of batches per epoch.
func (s *source) PerEpoch() int { return s.order.Batches() }

// Batch returns batch b (from 0) of an epoch (from 1).
func (s *source) Batch(epoch, b int) ([]float32, []int32, error) {
	indices := s.order.Batch(epoch, b)
	inputs, labels := s.inputs[:len(indices)*s.data.Train.Size()], s.labels[:len(indices)]
	s.data.Augment.Gather(s.data.Train, s.seed, epoch, indices, inputs, labels)
	return inputs, labels, nil
}
