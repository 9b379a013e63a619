package exchange

import (
	"fmt"
	"slices"
	"strings"

	"sgdwalk/record"
)

// KindRule assigns a kind to the tensors whose name matches the pattern
// (record.MatchName). Tensors of the kinds record.RunningMean and record.RunningVariance
// become state.
type KindRule struct {
	Pattern string
	Kind    record.Kind
}

// ParseKindRule reads the text form, PATTERN=KIND, for example "*.gamma=norm_scale".
func ParseKindRule(text string) (KindRule, error) {
	pattern, kind, ok := strings.Cut(text, "=")
	r := KindRule{pattern, record.Kind(kind)}
	if !ok {
		return r, fmt.Errorf("exchange: kind rule %q has no =; the form is PATTERN=KIND", text)
	}
	return r, r.validate()
}

func (r KindRule) validate() error {
	if r.Pattern == "" || !slices.Contains(record.Kinds(), r.Kind) {
		return fmt.Errorf("exchange: kind rule %s=%s: the pattern must not be empty, and the kind must be one of %q",
			r.Pattern, r.Kind, record.Kinds())
	}
	return nil
}

// guessKind guesses the kind of a tensor from its name, its shape and the names of other
// tensors. It is cautious: with a wrong kind, filter normalization would scale along a
// wrong axis. So an uncertain tensor is record.Other.
//
//   - Names such as running_mean and running_var, and mean and var in Flax's collection
//     batch_stats, are running statistics.
//   - A tensor of one dimension belongs to a normalization layer if the layer has running
//     statistics, if norm, bn, ln or gn is a part of its name, or if its name is gamma or
//     beta. Otherwise bias or b is a bias.
//   - A tensor of two dimensions is a weight, unless its name says embedding.
//   - A tensor of four dimensions has the filters of a convolution, one for each index of
//     the first axis.
//   - A tensor named kernel has its units on the last axis (TensorFlow, Flax) and is
//     Other.
func guessKind(name string, shape []int, hasTensor func(name string) bool) record.Kind {
	name = strings.TrimSuffix(name, ":0") // TensorFlow's first output
	parts := partsOfName(name)
	if len(parts) == 0 {
		return record.Other
	}
	last := parts[len(parts)-1]
	switch last {
	case "running_mean", "moving_mean":
		return record.RunningMean
	case "running_var", "running_variance", "moving_variance", "moving_var":
		return record.RunningVariance
	}
	if slices.Contains(parts, batchStats) && last == "mean" {
		return record.RunningMean
	}
	if slices.Contains(parts, batchStats) && last == "var" {
		return record.RunningVariance
	}
	isNorm := last == "gamma" || last == "beta" || slices.ContainsFunc(parts[:len(parts)-1], isNormName)
	if i := len(name) - len(last); i > 0 {
		isNorm = isNorm || hasTensor(name[:i]+"running_mean") || hasTensor(name[:i]+"moving_mean") ||
			hasTensor(name[:i]+"moving_mean:0")
	}
	switch {
	case len(shape) == 1 && isNorm && slices.Contains([]string{"weight", "gamma", "scale"}, last):
		return record.NormScale
	case len(shape) == 1 && isNorm && slices.Contains([]string{"bias", "beta", "shift", "offset"}, last):
		return record.NormShift
	case len(shape) == 1 && (last == "bias" || last == "b"):
		return record.Bias
	case last == "kernel" || last == "bias" || slices.ContainsFunc(parts, isEmbeddingName):
		return record.Other
	case len(shape) == 2:
		return record.Weight
	case len(shape) == 4:
		return record.Filter
	}
	return record.Other
}

// batchStats is Flax's collection of running statistics.
const batchStats = "batch_stats"

// partsOfName divides a tensor's name at dots and slashes, and at the brackets and quotes
// of a JAX key path such as ['params']['Dense_0']['kernel'].
func partsOfName(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("./[]'\"", r) })
}

// isNormName reports whether a part of a name means a normalization layer, such as bn1,
// layer_norm, LayerNorm_0, ln_f or groupnorm.
func isNormName(part string) bool {
	part = strings.TrimRight(part, "0123456789_")
	return strings.Contains(part, "norm") || slices.ContainsFunc(strings.Split(part, "_"), func(w string) bool {
		return slices.Contains([]string{"bn", "ln", "gn"}, strings.TrimRight(w, "0123456789"))
	})
}

// isEmbeddingName reports whether a part of a name means an embedding, whose rows are not units.
func isEmbeddingName(part string) bool {
	return strings.Contains(part, "embed") || slices.Contains([]string{"emb", "wte", "wpe"}, part)
}
