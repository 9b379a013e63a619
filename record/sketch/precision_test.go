package sketch

import (
	"math"
	"testing"

	"sgdwalk/record/half"
)

func TestPrecisionRoundTo(t *testing.T) {
	inf := float32(math.Inf(1))
	src := []float32{1, 1 + 1.0/1024, 1 + 1.0/4096, 65519, 65520, -1e-9, inf, -inf}
	for p, want := range map[Precision][]float32{
		Float32:  src,
		Float16:  {1, 1 + 1.0/1024, 1, 65504, inf, float32(math.Copysign(0, -1)), inf, -inf},
		BFloat16: {1, 1, 1, 65536, 65536, half.FromBFloat16(half.ToBFloat16(-1e-9)), inf, -inf},
	} {
		got := make([]float32, len(src))
		p.RoundTo(got, src)
		for i := range want {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Errorf("%v of %v is %v, want %v", p, src[i], got[i], want[i])
			}
		}
	}
}
