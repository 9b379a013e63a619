// Package peak measures the multiply-add limit of one processor core, the figure
// that the kernels' benchmarks are compared with.
//
//  1. [Run] executes a counted number of independent multiply-adds in registers.
//  2. The caller divides the operations by the time.
package peak
