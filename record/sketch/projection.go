package sketch

import (
	"fmt"
	"math"
	"sync"
)

// Limits of a projection's dimension. It is a multiple of the number of blocks.
const (
	MinProject = 16
	MaxProject = 16384
)

const (
	// blocks is the number of sums to which every parameter is added: one sum in each
	// block of k/4 sums. With four blocks the scale factor is 1/2, which is exact, and one
	// 64-bit hash per parameter is enough. Eight blocks took twice the time without a
	// smaller variance.
	blocks = 4
	// chunk is the number of parameters that a goroutine sums at a time. It is part of the
	// definition: the sums of the chunks are added in a fixed order, so that the result
	// does not depend on the number of workers.
	chunk = 1 << 16
)

// Projection maps vectors of length P to vectors of length k, linearly: the
// sparse Johnson-Lindenstrauss transform in its block form (Kane and Nelson,
// Sparser Johnson-Lindenstrauss transforms, J. ACM 61, 2014; each block is a
// count sketch of Charikar, Chen and Farach-Colton, 2002). Each parameter is
// added, with a random sign and times 1/2, to one random element in each of four
// blocks of k/4. Places and signs come from a hash of the seed and of the
// parameter's index, so no matrix is stored and the cost is O(P).
//
// For vectors x and y that do not depend on the seed, the projected ones have
// the same inner product on average, and
//
//	Var <Sx, Sy> <= (|x|^2 |y|^2 + <x, y>^2) / k,
//
// therefore by Chebyshev's inequality |Sx|^2 is within eps |x|^2 of |x|^2, and
// <Sx, Sy> within eps |x||y| of <x, y>, with probability at least
// 1 - 2/(k eps^2). The distribution is close to normal for vectors with many
// elements of like size: the standard error of a norm is then about 1/sqrt(2k)
// of it (4.4 % for k = 256) and that of a cosine at most 1/sqrt(k). Differences
// of iterates are vectors like any other: the sketch of an update is the
// difference of two sketches.
//
// S(a x + b y) = a Sx + b Sy holds exactly but for the rounding of a sketch's
// elements to float32; sums are kept in float64. A Projection is immutable and
// safe for concurrent use.
type Projection struct {
	length, k int
	key       uint64
}

// NewProjection returns the projection of vectors of that length to k
// dimensions. The same arguments give the same map, on any machine. k is a
// multiple of 4 from MinProject to MaxProject, and less than length.
func NewProjection(length, k int, seed uint64) (*Projection, error) {
	if err := validateDimension(k); err != nil {
		return nil, err
	}
	if k >= length {
		return nil, fmt.Errorf("sketch: project is %d, but there are only %d parameters; it must be less", k, length)
	}
	return &Projection{length: length, k: k, key: mix(seed + golden)}, nil
}

// validateDimension checks the dimension of a projection. Very small dimensions have errors of the size
// of the values, and very large ones do not save memory.
func validateDimension(k int) error {
	if k < MinProject || k > MaxProject || k%blocks != 0 {
		return fmt.Errorf("sketch: project is %d; it must be a multiple of %d from %d to %d", k, blocks, MinProject,
			MaxProject)
	}
	return nil
}

// Dim returns k.
func (p *Projection) Dim() int { return p.k }

// ErrorBound returns the eps that holds with this probability, from 0 to less
// than 1, for a squared norm or an inner product relative to the product of the
// norms: sqrt(2 / (k (1 - probability))). It is Chebyshev's bound, which holds
// for every vector; it is NaN for other probabilities.
func (p *Projection) ErrorBound(probability float64) float64 {
	if !(probability >= 0 && probability < 1) {
		return math.NaN()
	}
	return math.Sqrt(2 / (float64(p.k) * (1 - probability)))
}

// To puts the projection of src, of length P, into dst, of length k. The result
// does not depend on the number of workers; less than 1 means 1. A NaN or an
// infinity in src makes four elements of dst NaN or infinite. To panics when a
// length is wrong.
func (p *Projection) To(dst, src []float32, workers int) {
	if len(src) != p.length || len(dst) != p.k {
		panic(fmt.Sprintf("sketch: projection of %d elements to %d was given %d and %d", p.length, p.k, len(src),
			len(dst)))
	}
	chunks := (p.length + chunk - 1) / chunk
	workers = max(1, min(workers, chunks))
	total := make([]float64, p.k)
	sums := make([]float64, workers*p.k)
	for first := 0; first < chunks; first += workers {
		wave := min(workers, chunks-first)
		clear(sums)
		if wave == 1 {
			p.add(sums[:p.k], src, first)
		} else {
			var wg sync.WaitGroup
			for w := range wave {
				wg.Go(func() { p.add(sums[w*p.k:(w+1)*p.k], src, first+w) })
			}
			wg.Wait()
		}
		for w := range wave {
			for i, v := range sums[w*p.k : (w+1)*p.k] {
				total[i] += v
			}
		}
	}
	for i, v := range total {
		dst[i] = float32(v / 2) // 1/sqrt(blocks)
	}
}

// add adds the elements of one chunk, with their signs, to the sums. The hash
// has 16 bits for each block: one for the sign, 15 for the place. 15 bits spread
// over at most 4096 places raise the variance by less than one part in 200.
func (p *Projection) add(sums []float64, src []float32, chunkIndex int) {
	from := chunkIndex * chunk
	part := src[from:min(from+chunk, len(src))]
	m := uint64(p.k / blocks)
	s0, s1, s2, s3 := sums[:m], sums[m:2*m], sums[2*m:3*m], sums[3*m:4*m]
	const place, sign = 0x7fff, 0x8000
	for i, x := range part {
		h := mix(p.key + uint64(from+i)*golden)
		v := math.Float64bits(float64(x))
		s0[h&place*m>>15] += math.Float64frombits(v ^ h&sign<<48)
		h >>= 16
		s1[h&place*m>>15] += math.Float64frombits(v ^ h&sign<<48)
		h >>= 16
		s2[h&place*m>>15] += math.Float64frombits(v ^ h&sign<<48)
		h >>= 16
		s3[h&place*m>>15] += math.Float64frombits(v ^ h&sign<<48)
	}
}

// golden is 2^64 over the golden ratio: the step of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// mix is the output function of SplitMix64 (Steele, Lea and Flood, Fast
// splittable pseudorandom number generators, OOPSLA 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
