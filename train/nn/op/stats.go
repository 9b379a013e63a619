package op

import "sgdwalk/train/nn/kernel"

// batchStats are sums over the images of a batch for each channel, collected in
// chunks.
type batchStats[T Float] struct {
	chunks [chunks]*kernel.Stats[T]
	used   int
	total  *kernel.Stats[T]
	ones   []float64 // moments of one image
}

func newBatchStats[T Float](channels int) *batchStats[T] {
	s := &batchStats[T]{total: kernel.NewStats[T](channels), ones: make([]float64, 2*channels)}
	for i := range s.chunks {
		s.chunks[i] = kernel.NewStats[T](channels)
	}
	return s
}

// begin makes the means of some images the pivot: any number near the mean of
// the batch keeps the digits of the variance, and this one depends on nothing
// but the batch and the parameters.
func (s *batchStats[T]) begin(first kernel.Images[T]) {
	n := len(s.ones) / 2
	clear(s.total.Pivot)
	s.total.Reset()
	s.total.AddImages(first)
	s.total.Moments(first.Count()*first.Height*first.Width, s.ones[:n], s.ones[n:])
	for c := range s.total.Pivot {
		s.total.Pivot[c] = T(s.ones[c])
	}
}

// chunk returns the empty sums of a chunk.
func (s *batchStats[T]) chunk(i int) *kernel.Stats[T] {
	copy(s.chunks[i].Pivot, s.total.Pivot)
	s.chunks[i].Reset()
	return s.chunks[i]
}

// sum adds the chunks.
func (s *batchStats[T]) sum() *kernel.Stats[T] {
	s.total.Reset()
	for _, c := range s.chunks[:s.used] {
		s.total.Add(c)
	}
	return s.total
}
