package exchange

import (
	"fmt"
	"slices"
	"strings"

	"sgdwalk/record"
)

// KindRule gives the tensors whose name matches the pattern (record.MatchName)
// a kind. Rules of record.RunningMean and record.RunningVariance make them state.
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
		return fmt.Errorf("exchange: kind rule %s=%s: the pattern must not be empty and the kind one of %q", r.Pattern, r.Kind, record.Kinds())
	}
	return nil
}

// guessKind decides what a tensor is for from its name, its shape and the names
// beside it. It is conservative: a wrong kind would have filter normalization
// scale along a wrong axis, so that what is not sure is record.Other.
//
//   - running_mean, running_var and their likes: running statistics; so are mean and
//     var in Flax's collection batch_stats.
//   - One dimension: a tensor beside running statistics, or with norm, bn, ln or
//     gn among the parts of its name, or called gamma or beta, is of a
//     normalization; otherwise bias or b is a bias.
//   - Two dimensions: a weight, unless it is called an embedding.
//   - Four dimensions: a convolution's filters, one for each first index.
//   - Tensors called kernel have their units on the last axis (TensorFlow, Flax)
//     and are Other.
func guessKind(name string, shape []int, beside func(name string) bool) record.Kind {
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
		isNorm = isNorm || beside(name[:i]+"running_mean") || beside(name[:i]+"moving_mean") || beside(name[:i]+"moving_mean:0")
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

// partsOfName cuts a tensor's name at dots and slashes, and at the brackets and quotes of
// a JAX key path such as ['params']['Dense_0']['kernel'].
func partsOfName(name string) []string {
	return strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("./[]'\"", r) })
}

// isNormName knows bn1, layer_norm, LayerNorm_0, ln_f, groupnorm and their likes.
func isNormName(part string) bool {
	part = strings.TrimRight(part, "0123456789_")
	return strings.Contains(part, "norm") || slices.ContainsFunc(strings.Split(part, "_"), func(w string) bool {
		return slices.Contains([]string{"bn", "ln", "gn"}, strings.TrimRight(w, "0123456789"))
	})
}

func isEmbeddingName(part string) bool {
	return strings.Contains(part, "embed") || slices.Contains([]string{"emb", "wte", "wpe"}, part)
}
