package op

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestCrossEntropyRow(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name    string
		x       []float64
		label   int
		loss    float64
		correct bool
	}{
		{"equal logits", []float64{3, 3, 3, 3}, 1, math.Log(4), false},
		{"equal logits, first label", []float64{3, 3, 3, 3}, 0, math.Log(4), true},
		{"far apart, right", []float64{1000, 0, -1000}, 0, 0, true},
		{"far apart, wrong", []float64{1000, 0, -1000}, 2, 2000, false},
		{"small loss keeps its digits", []float64{40, 0}, 0, math.Exp(-40), true},
		{"minus infinity at the label", []float64{0, -inf}, 1, inf, false},
		{"minus infinity elsewhere", []float64{0, -inf}, 0, 0, true},
		{"infinity", []float64{inf, 0}, 0, nan, false},
		{"all minus infinity", []float64{-inf, -inf}, 0, nan, false},
		{"NaN first", []float64{nan, 0, 1}, 2, nan, false},
		{"NaN last", []float64{1, 0, nan}, 0, nan, false},
		{"NaN at the label", []float64{1, nan, 0}, 1, nan, false},
	} {
		loss, correct := CrossEntropyRow(c.x, make([]float64, len(c.x)), c.label, 1)
		same := loss == c.loss || math.Abs(loss-c.loss) <= 1e-15*math.Abs(c.loss) ||
			math.IsNaN(loss) && math.IsNaN(c.loss)
		if !same || correct != c.correct {
			t.Errorf("%s: loss %v correct %v, want %v %v", c.name, loss, correct, c.loss, c.correct)
		}
	}
}

// TestCrossEntropyRowProperties: the gradient is softmax minus one-hot and sums
// to 0, and a shift of all logits changes the loss by rounding only.
func TestCrossEntropyRowProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(-50, 50), 2, 12).Draw(t, "logits")
		label := rapid.IntRange(0, len(x)-1).Draw(t, "label")
		scale := rapid.Float64Range(0.01, 1).Draw(t, "scale")
		shift := rapid.Float64Range(-100, 100).Draw(t, "shift")
		d := make([]float64, len(x))
		loss, _ := CrossEntropyRow(x, d, label, scale)
		z := 0.0
		for _, v := range x {
			z += math.Exp(v)
		}
		if want := math.Log(z) - x[label]; math.Abs(loss-want) > 1e-12*(1+math.Abs(want)) {
			t.Fatalf("loss %v, want %v", loss, want)
		}
		sum := 0.0
		for i, v := range x {
			want := math.Exp(v) / z
			if i == label {
				want--
			}
			if math.Abs(d[i]-scale*want) > 1e-12*scale {
				t.Fatalf("gradient %d is %v, want %v", i, d[i], scale*want)
			}
			sum += d[i]
		}
		if math.Abs(sum) > 1e-14*scale*float64(len(x)) {
			t.Fatalf("gradient sums to %v", sum)
		}
		moved := make([]float64, len(x))
		for i, v := range x {
			moved[i] = v + shift
		}
		if again, _ := CrossEntropyRow(moved, d, label, scale); math.Abs(again-loss) > 1e-12*(1+loss) {
			t.Fatalf("loss %v, after a shift by %v %v", loss, shift, again)
		}
	})
}
