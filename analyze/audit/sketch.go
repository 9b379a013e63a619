package audit

import "math"

// lanes is the number of consecutive elements that the sketch adds together: it adds each of
// them to another element of one row of its table.
const lanes = 16

// Sketch is a random projection of a vector of any length to k numbers, computed in one pass
// over the vector: the count sketch of Charikar, Chen and Farach-Colton (2002), in blocks.
//
// A hash of the seed and of the index of a block of 16 elements gives the block a row of the
// table, a permutation of the row and a sign for each element. Each element is added with its
// sign to one number of the table. The map is linear, so the difference of two sketches is
// the sketch of the difference. For vectors x and y that do not depend on the seed,
//
//	E <Sx, Sy> = <x, y>,  Var <Sx, Sy> <= (|x|^2 |y|^2 + <x, y>^2) / k.
//
// The relative standard error of a squared norm is thus at most sqrt(2/k), and that of a norm
// about 1/sqrt(2k): 3.1 % for k = 512.
//
// A Sketch also collects facts about the bits of the elements. The zero value is not usable;
// see newSketch.
type Sketch struct {
	table []float64 // rows of lanes numbers
	key   uint64
	block uint64 // index of the next block

	or, and uint32 // of the bits of all elements
}

// newSketch returns an empty sketch of k numbers, a multiple of 16. Two tensors are only
// comparable with the same key.
func newSketch(k int, key uint64) *Sketch {
	return &Sketch{table: make([]float64, k), key: key, and: math.MaxUint32}
}

// reset empties the sketch, to use it for another tensor.
func (s *Sketch) reset(k int, key uint64) {
	table := s.table[:0]
	if cap(table) < k {
		table = make([]float64, 0, k)
	}
	table = table[:k]
	clear(table)
	*s = Sketch{table: table, key: key, and: math.MaxUint32}
}

// add adds the next elements. Only the last part of a vector may have a length that is not a
// multiple of 16.
func (s *Sketch) add(x []float32) {
	whole := len(x) / lanes
	s.addBlocks(x[:whole*lanes])
	if rest := x[whole*lanes:]; len(rest) > 0 {
		// Copies of an element of the vector fill the block, so that they change no fact about
		// the bits. Their signs and places are known, so they are subtracted again.
		var padded [lanes]float32
		for l := range padded {
			padded[l] = rest[0]
		}
		copy(padded[:], rest)
		before := s.block
		s.addBlocks(padded[:])
		row, turn, signs := s.place(before)
		for l := len(rest); l < lanes; l++ {
			s.table[row*lanes+(l^turn)] -= float64(signed(rest[0], signs, l))
		}
	}
}

// place returns the row of a block, the permutation of its lanes and the signs.
func (s *Sketch) place(block uint64) (row, turn int, signs uint32) {
	h := mix(s.key + (block+1)*golden)
	return int((h >> 32) * uint64(len(s.table)/lanes) >> 32), int(h >> 16 & (lanes - 1)), uint32(h)
}

// signed returns x with the sign of lane l. Lane l has bit 31-l of the signs.
func signed(x float32, signs uint32, l int) float32 {
	return math.Float32frombits(math.Float32bits(x) ^ signs<<(l&31)&0x80000000)
}

// addBlocksGo is addBlocks for every processor.
func (s *Sketch) addBlocksGo(x []float32) {
	or, and := s.or, s.and
	for ; len(x) >= lanes; x = x[lanes:] {
		row, turn, signs := s.place(s.block)
		s.block++
		sums := (*[lanes]float64)(s.table[row*lanes:])
		for l, v := range (*[lanes]float32)(x) {
			bits := math.Float32bits(v)
			or |= bits
			and &= bits
			sums[(l^turn)&(lanes-1)] += float64(math.Float32frombits(bits ^ signs<<(l&31)&0x80000000))
		}
	}
	s.or, s.and = or, and
}

// isFinite reports whether all elements so far are finite. A sum in float64 of finite numbers in
// float32 is always finite, and one of others never.
func (s *Sketch) isFinite() bool {
	for _, v := range s.table {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// isZero reports whether all elements so far are zero.
func (s *Sketch) isZero() bool { return s.or&0x7fffffff == 0 }

// isConstant reports whether all elements so far have the same bits; they are those of and.
func (s *Sketch) isConstant() bool { return s.or == s.and }

// precision returns the shortest type that holds all elements so far, as far as their bits
// show it: "float8", "bfloat16" or "float16" for values that were rounded, "float32"
// otherwise. Zero and powers of two fit into every type, so constants say nothing: "".
func (s *Sketch) precision() string {
	const float8Rest, bfloatRest, halfRest = 1<<20 - 1, 1<<16 - 1, 1<<13 - 1
	switch {
	case s.isConstant() || !s.isFinite() || s.or&(1<<23-1) == 0:
		return ""
	case s.or&float8Rest == 0:
		return "float8"
	case s.or&bfloatRest == 0:
		return "bfloat16"
	case s.or&halfRest == 0:
		return "float16"
	}
	return "float32"
}

// golden is 2^64 over the golden ratio, the step of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// mix is the output function of SplitMix64 (Steele, Lea and Flood, Fast splittable
// pseudorandom number generators, OOPSLA 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
