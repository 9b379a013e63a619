//go:build race

package kernel

import "flag"

// The race detector slows the pure Go kernels and the oracles down tenfold and
// sees nothing of the assembly: fewer random shapes will do.
func init() { _ = flag.Set("rapid.checks", "15") }
