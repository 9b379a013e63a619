//go:build race

package nn

// The race detector slows the float64 kernels down tenfold and finds nothing
// more in repetitions.
func init() { coordinates, underRace = 1, true }
