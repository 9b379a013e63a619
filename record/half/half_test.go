package half

import (
	"math"
	"testing"
)

// format is one of the 16-bit types, described by its numbers rather than by its
// bits, as an oracle.
type format struct {
	name              string
	to                func(float32) uint16
	from              func(uint16) float32
	exponent, mantiss int // bits
}

var formats = []format{
	{"float16", ToFloat16, FromFloat16, 5, 10},
	{"bfloat16", ToBFloat16, FromBFloat16, 8, 7},
}

// value computes a finite number from its bits as the standard defines it.
func (f format) value(h uint16) float64 {
	bias := 1<<(f.exponent-1) - 1
	e := int(h>>f.mantiss) & (1<<f.exponent - 1)
	m := float64(h&(1<<f.mantiss-1)) / float64(int(1)<<f.mantiss)
	v := math.Ldexp(m, 1-bias)
	if e > 0 {
		v = math.Ldexp(1+m, e-bias)
	}
	if h&0x8000 != 0 {
		v = -v
	}
	return v
}

func TestHalfAllPatterns(t *testing.T) {
	for _, f := range formats {
		infinity := uint16(1<<f.exponent-1) << f.mantiss
		for i := range 1 << 16 {
			h := uint16(i)
			x := f.from(h)
			switch abs := h & 0x7fff; {
			case abs > infinity:
				if x == x {
					t.Fatalf("%s %#04x is %v, want NaN", f.name, h, x)
				}
			case abs == infinity:
				if !math.IsInf(float64(x), 1-2*int(h>>15)) {
					t.Fatalf("%s %#04x is %v, want an infinity", f.name, h, x)
				}
			default:
				if want := f.value(h); float64(x) != want || math.Signbit(float64(x)) != math.Signbit(want) {
					t.Fatalf("%s %#04x is %v, want %v", f.name, h, x, want)
				}
			}
			if back := f.to(x); back != h {
				t.Fatalf("%s %#04x came back as %#04x", f.name, h, back)
			}
		}
	}
}

// Between every two neighbours: the midpoint goes to the even one, the float32
// numbers next to it to the nearer one.
func TestHalfTies(t *testing.T) {
	for _, f := range formats {
		infinity := uint16(1<<f.exponent-1) << f.mantiss
		for h := range infinity {
			low, high := f.value(h), f.value(h+1) // beyond the largest: what the next would be
			middle := low + (high-low)/2
			mid := float32(middle)
			if float64(mid) != middle {
				t.Fatalf("%s: the midpoint %v is no float32", f.name, middle)
			}
			even := h + h&1
			for _, c := range []struct {
				x    float32
				want uint16
			}{
				{math.Nextafter32(mid, 0), h},
				{mid, even},
				{math.Nextafter32(mid, float32(math.Inf(1))), h + 1},
			} {
				if got := f.to(c.x); got != c.want {
					t.Fatalf("%s of %v is %#04x, want %#04x", f.name, c.x, got, c.want)
				}
				if got := f.to(-c.x); got != c.want|0x8000 {
					t.Fatalf("%s of %v is %#04x, want %#04x", f.name, -c.x, got, c.want|0x8000)
				}
			}
		}
	}
}

func TestHalfNaN(t *testing.T) {
	for _, bits := range []uint32{0x7f800001, 0xff800001, 0x7fffffff, 0xffc00000, 0x7f801fff} {
		for _, f := range formats {
			x := f.from(f.to(math.Float32frombits(bits)))
			if x == x || math.Signbit(float64(x)) != (bits>>31 == 1) {
				t.Errorf("%s of the NaN %#x is %v (%#x)", f.name, bits, x, math.Float32bits(x))
			}
		}
	}
}
