package curvature

import (
	"math"
	"testing"
)

// Trap: "random" directions that all point into one quarter of the space. Two of
// ours have a cosine that is zero up to 1/sqrt(n), as does each with the diagonal.
func TestRademacherVectorsAreIndependent(t *testing.T) {
	const n = 10_001 // not a multiple of the 64 signs of one draw
	ones := make([]float32, n)
	for i := range ones {
		ones[i] = 1
	}
	vectors := [][]float32{ones}
	for stream := range uint64(8) {
		vectors = append(vectors, rademacher(n, 1, streamTrace+stream), rademacher(n, 2, streamTrace+stream),
			rademacher(n, 1, streamDensity+stream))
	}
	for i, a := range vectors {
		if i > 0 && math.Abs(norm32(a)-1) > 1e-6 {
			t.Errorf("vector %d has length %v", i, norm32(a))
		}
		for _, b := range vectors[:i] {
			if c := dot32(a, b) / norm32(a) / norm32(b); math.Abs(c) > 5/math.Sqrt(n) {
				t.Errorf("two vectors have the cosine %v", c)
			}
		}
	}
}
