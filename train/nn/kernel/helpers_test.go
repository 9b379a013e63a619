package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// onEach runs a test with every instruction set of this processor.
func onEach(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for _, set := range available() {
		t.Run(set.String(), func(t *testing.T) {
			use(t, set)
			f(t)
		})
	}
}

// assembly returns the instruction sets with assembly. It skips the test if there
// are fewer than n.
func assembly(t *testing.T, n int) []instructions {
	t.Helper()
	sets := available()[1:]
	if len(sets) < n {
		t.Skipf("this processor and build have the instruction sets %v; the test needs %d besides go", available(), n)
	}
	return sets
}

// use switches the instruction set until the end of the test.
func use(t testing.TB, i instructions) {
	old := active
	active = i
	t.Cleanup(func() { active = old })
}

// with runs f with another instruction set.
func with(i instructions, f func()) {
	old := active
	active = i
	defer func() { active = old }()
	f()
}

// generator returns a seeded generator of test numbers.
func generator(t *rapid.T) *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
}

// fill sets s to normal numbers and returns it.
func fill[T Float](r *rand.Rand, s []T) []T {
	for i := range s {
		s[i] = T(r.NormFloat64())
	}
	return s
}

// place says at which end of its mapping a guarded slice is.
func place(t *rapid.T) bool { return rapid.Bool().Draw(t, "atEnd") }

// bitsOf returns the bits of a value. All NaNs are equal.
func bitsOf[T Float](v T) uint64 {
	if v != v {
		return 1
	}
	if unsafe.Sizeof(v) == 4 {
		return uint64(math.Float32bits(float32(v)))
	}
	return math.Float64bits(float64(v))
}

// sameBits fails if two slices differ in a bit.
func sameBits[T Float](t interface{ Fatalf(string, ...any) }, what string, got, want []T) {
	for i := range want {
		if bitsOf(got[i]) != bitsOf(want[i]) {
			t.Fatalf("%s: element %d is %v, want exactly %v", what, i, got[i], want[i])
		}
	}
}

// unit is the largest relative rounding error of one operation.
func unit[T Float]() float64 {
	var v T
	if unsafe.Sizeof(v) == 4 {
		return 0x1p-24
	}
	return 0x1p-53
}

// closeTo fails if got differs from want by more than bound, which the caller
// derives from the number of roundings. NaN and infinities must agree.
func closeTo(t interface{ Fatalf(string, ...any) }, what string, i int, got, want, bound float64) {
	switch {
	case math.IsNaN(want):
		if !math.IsNaN(got) {
			t.Fatalf("%s: element %d is %v, want NaN", what, i, got)
		}
	case math.IsInf(want, 0):
		if got != want {
			t.Fatalf("%s: element %d is %v, want %v", what, i, got, want)
		}
	case !(math.Abs(got-want) <= bound):
		t.Fatalf("%s: element %d is %v, want %v within %g", what, i, got, want, bound)
	}
}
