package nn

import "fmt"

// Policy says which statistics the normalization layers of an evaluation use.
// Models without such layers give the same results with all of them.
type Policy string

// The policies.
const (
	// Running uses the running statistics, EvalOptions.State, as constants: what
	// the network would answer if it were put to use.
	Running Policy = "running"

	// Batch uses the statistics of each chunk, as training does. Loss and gradient
	// are those of the function that training descends, averaged over chunks.
	Batch Policy = "batch"

	// Recompute first passes over all examples with the statistics of each chunk
	// and averages them (means, and variances corrected for the number of values,
	// weighted by it), as Izmailov et al. (2018) do for averaged weights; then it
	// evaluates with these as constants. It has no gradient: the statistics move
	// with theta, and the network with fixed ones is another function.
	Recompute Policy = "recompute"
)

// orDefault validates the policy; none is Running.
func (p Policy) orDefault() (Policy, error) {
	switch p {
	case "":
		return Running, nil
	case Running, Batch, Recompute:
		return p, nil
	}
	return p, fmt.Errorf("nn: options: normalization policy is %q; allowed are %q, %q and %q", p, Running, Batch, Recompute)
}
