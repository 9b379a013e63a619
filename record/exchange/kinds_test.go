package exchange

import (
	"testing"

	"sgdwalk/record"
)

func TestGuessKind(t *testing.T) {
	none := func(string) bool { return false }
	for _, test := range []struct {
		name  string
		shape []int
		want  record.Kind
	}{
		{"conv1.weight", []int{8, 3, 3, 3}, record.Filter},
		{"conv1.kernel", []int{3, 3, 3, 8}, record.Other}, // units last
		{"dense/kernel", []int{3, 8}, record.Other},
		{"fc.weight", []int{10, 5}, record.Weight},
		{"W1", []int{10, 5}, record.Weight},
		{"fc.bias", []int{10}, record.Bias},
		{"b", []int{10}, record.Bias},
		{"fc.bias", []int{10, 1}, record.Other},
		{"bn1.weight", []int{8}, record.NormScale},
		{"bn1.bias", []int{8}, record.NormShift},
		{"layer_norm_2/scale", []int{8}, record.NormScale},
		{"LayerNorm_0.scale", []int{8}, record.NormScale},
		{"h.0.ln_1.bias", []int{8}, record.NormShift},
		{"batch_normalization/gamma:0", []int{8}, record.NormScale},
		{"x.gamma", []int{8}, record.NormScale},
		{"x.beta", []int{8}, record.NormShift},
		{"downsample.1.weight", []int{8}, record.Other}, // perhaps
		{"prelu.weight", []int{1}, record.Other},
		{"embeddings.word.weight", []int{100, 8}, record.Other},
		{"wte.weight", []int{100, 8}, record.Other},
		{"conv.weight", []int{8, 3, 3}, record.Other},
		{"conv.weight", []int{8, 3, 3, 3, 3}, record.Other},
		{"temperature", nil, record.Other},
		{"...", []int{2, 2}, record.Other},
		{"batch_stats/BatchNorm_0/mean", []int{8}, record.RunningMean},
		{"batch_stats.bn_init.var", []int{8}, record.RunningVariance},
		{"['batch_stats']['BatchNorm_0']['mean']", []int{8}, record.RunningMean},
		{"['params']['BatchNorm_0']['scale']", []int{8}, record.NormScale},
		{"params/BatchNorm_0/bias", []int{8}, record.NormShift},
		{"params/Dense_0/bias", []int{8}, record.Bias},
		{"params/Dense_0/kernel", []int{3, 8}, record.Other},
		{"attention/mean", []int{8}, record.Other},
		{"bn1.running_mean", []int{8}, record.RunningMean},
		{"bn1/moving_variance", []int{8}, record.RunningVariance},
	} {
		if got := guessKind(test.name, test.shape, none); got != test.want {
			t.Errorf("%s of shape %v is %s, want %s", test.name, test.shape, got, test.want)
		}
	}
	// Statistics beside a tensor tell that its module normalizes.
	beside := func(name string) bool { return name == "downsample.1.running_mean" }
	for name, want := range map[string]record.Kind{
		"downsample.1.weight": record.NormScale, "downsample.1.bias": record.NormShift,
		"downsample.0.bias": record.Bias,
	} {
		if got := guessKind(name, []int{8}, beside); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
