package kernel

// Stats collects two sums per channel over the pixels of images. For batch
// normalization they are First = sum of (x-pivot) and Second = sum of
// (x-pivot)^2. In its backward pass they are First = sum of dy and Second = sum
// of dy (x-pivot), with the mean as pivot.
//
// A pivot near the mean keeps the variance exact in float32. Without it, its
// relative error grows with (mean/standard deviation)^2. The sums of one image
// are of type T, in an order that depends on its shape. The sums over all images
// are float64.
type Stats[T Float] struct {
	Pivot         []T
	First, Second []float64
	part          []T // both sums of the current image, one after the other
}

// NewStats returns sums of zero with pivot 0 for the given channels.
func NewStats[T Float](channels int) *Stats[T] {
	sums := make([]float64, 2*channels)
	return &Stats[T]{
		Pivot: make([]T, channels), First: sums[:channels:channels], Second: sums[channels:],
		part: make([]T, 2*channels),
	}
}

// Reset sets the sums to zero. It does not change the pivot.
func (s *Stats[T]) Reset() {
	clear(s.First)
	clear(s.Second)
}

// Add adds the sums of other, which has the same pivot. Chunks of a batch that
// are added in their order give the same bits for any number of goroutines.
func (s *Stats[T]) Add(other *Stats[T]) {
	for c := range s.First {
		s.First[c] += other.First[c]
		s.Second[c] += other.Second[c]
	}
}

// Moments computes mean and variance (the biased one, divided by n) per channel
// from sums over n values.
func (s *Stats[T]) Moments(n int, mean, variance []float64) {
	for c := range s.First {
		d := s.First[c] / float64(n)
		mean[c] = float64(s.Pivot[c]) + d
		variance[c] = s.Second[c]/float64(n) - float64(d*d) // rounded on every processor
		if variance[c] < 0 {                                // rounding only; NaN stays NaN
			variance[c] = 0
		}
	}
}

// channels returns the number of channels.
func (s *Stats[T]) channels() int { return len(s.Pivot) }

// rows adds rows of pixels for the channels from to from+width-1. The first pixel
// is at c.
func (s *Stats[T]) rows(c []T, rows, row, pixels, pixel, from, width int) {
	n := s.channels()
	k := stream[T]{
		op: opStats, t: [6][]T{c[from:]}, row: [6]int{row}, param: [4][]T{s.Pivot[from:]},
		sum:  [2][]T{s.part[from:n], s.part[n+from:]},
		rows: rows, pixels: pixels, pixel: pixel, channel: width,
	}
	k.run()
}

// endImage adds the sums of the current image to the sums of all images.
func (s *Stats[T]) endImage() {
	n := s.channels()
	for c := range n {
		s.First[c] += float64(s.part[c])
		s.Second[c] += float64(s.part[n+c])
	}
	clear(s.part)
}

// AddImages adds the pixels of images.
func (s *Stats[T]) AddImages(x Images[T]) {
	k := stream[T]{op: opStats, param: [4][]T{s.Pivot}}
	k.each([6]Images[T]{x}, s)
}
