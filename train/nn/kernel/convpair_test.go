package kernel

import (
	"testing"

	"pgregory.net/rapid"
)

// TestPairBits: pairs of pixels change no bit of a result or of the gradient with
// respect to the input. -0 and 0 are equal here: a sum with a product of zero is
// never -0.
func TestPairBits(t *testing.T) {
	onEach(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			c := drawConv[float32](t, []int{1, 3, 8})
			if !c.v.pairedOutput() && !c.v.pairedInput() {
				t.Skip("the drawn convolution has no image of 8 channels with stride 1 and an even width")
			}
			all := func(v Conv) []float32 {
				forward := make([]float32, v.PackedLen())
				PackConv(v, forward, c.w)
				y, s := NewImages[float32](v.Out, c.n), new(Scratch[float32])
				bias := make([]float32, v.Out.Channels)
				for i := range v.Outputs {
					bias[i] = float32(i)
				}
				ConvForward(v, y, c.x, forward, ConvEpilogue[float32]{Bias: bias, Residual: c.y.Data}, s)
				result := y.Data
				if v.In.Channels%half == 0 {
					input, x := make([]float32, v.PackedInputLen()), NewImages[float32](v.In, c.n)
					PackConvInput(v, input, c.w)
					ConvInput(v, x, c.dy, input, ConvEpilogue[float32]{}, s)
					result = append(result, x.Data...)
				}
				for i := range result {
					result[i] += 0
				}
				return result
			}
			direct := c.v
			direct.Direct = true
			sameBits(t, Name(), all(c.v), all(direct))
		})
	})
}
