package op

import "sgdwalk/train/nn/kernel"

// batchStats are sums of each channel over the images of a batch, collected in
// chunks.
type batchStats[T Float] struct {
	chunks [chunks]*kernel.Stats[T]
	used   int
	total  *kernel.Stats[T]
	first  []float64 // mean and variance of the first images
}

func newBatchStats[T Float](channels int) *batchStats[T] {
	s := &batchStats[T]{total: kernel.NewStats[T](channels), first: make([]float64, 2*channels)}
	for i := range s.chunks {
		s.chunks[i] = kernel.NewStats[T](channels)
	}
	return s
}

// begin sets the pivot to the means of some images. Any number near the mean of the
// batch keeps the digits of the variance, and this one depends on the batch and the
// parameters only.
func (s *batchStats[T]) begin(first kernel.Images[T]) {
	n := len(s.first) / 2
	clear(s.total.Pivot)
	s.total.Reset()
	s.total.AddImages(first)
	s.total.Moments(first.Count()*first.Height*first.Width, s.first[:n], s.first[n:])
	for c := range s.total.Pivot {
		s.total.Pivot[c] = T(s.first[c])
	}
}

// chunk returns the sums of a chunk, set to zero.
func (s *batchStats[T]) chunk(i int) *kernel.Stats[T] {
	copy(s.chunks[i].Pivot, s.total.Pivot)
	s.chunks[i].Reset()
	return s.chunks[i]
}

// sum returns the sum of the chunks, added in order.
func (s *batchStats[T]) sum() *kernel.Stats[T] {
	s.total.Reset()
	for _, c := range s.chunks[:s.used] {
		s.total.Add(c)
	}
	return s.total
}
