package nn

import "fmt"

// Policy says which statistics normalization layers use in an evaluation. Models
// without such layers give the same results with all policies.
type Policy string

// The policies.
const (
	// Running uses the running statistics, EvalOptions.State, as constants. This
	// is the network as it is used after training.
	Running Policy = "running"

	// Batch uses the statistics of each chunk, as training does. Loss and
	// gradient are those of the function that training minimizes, averaged over
	// chunks.
	Batch Policy = "batch"

	// Recompute first passes over all examples and averages the statistics of the
	// chunks (means, and variances corrected for the number of values, weighted
	// by it), as Izmailov et al. (2018) do for averaged weights. Then it
	// evaluates with these averages as constants. It has no gradient: the
	// statistics depend on theta, and the network with fixed statistics is
	// another function.
	Recompute Policy = "recompute"
)

// orDefault checks the policy; "" becomes Running.
func (p Policy) orDefault() (Policy, error) {
	switch p {
	case "":
		return Running, nil
	case Running, Batch, Recompute:
		return p, nil
	}
	return p, fmt.Errorf("nn: options: normalization policy is %q; allowed are %q, %q and %q",
		p, Running, Batch, Recompute)
}
