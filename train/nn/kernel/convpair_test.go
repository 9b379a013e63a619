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
			v, n := drawPairs(t)
			c := fillConv[float32](t, v, n)
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

// drawPairs draws a convolution whose output, input or both are computed in pairs of
// pixels: 8 channels, stride 1 and an even width.
func drawPairs(t *rapid.T) (v Conv, n int) {
	v, n = drawConvShape(t, []int{8})
	v.Stride = 1
	v.Out.Height = v.In.Height + 2*v.Pad - v.Kernel + 1
	v.Out.Width = v.In.Width + 2*v.Pad - v.Kernel + 1
	if rapid.Bool().Draw(t, "output in pairs") {
		v.Out.Channels = 8
		v.Outputs = min(v.Outputs, 8)
		v.In.Width += v.Out.Width % 2
		v.Out.Width += v.Out.Width % 2
	} else {
		v.Out.Width += v.In.Width % 2
		v.In.Width += v.In.Width % 2
	}
	if !v.pairedOutput() && !v.pairedInput() {
		t.Fatalf("%+v is not computed in pairs", v)
	}
	return v, n
}
