// Package peak measures the multiply-add limit of one processor core. The
// benchmarks of the kernels are compared with it.
//
//  1. [Run] executes a known number of independent multiply-adds in registers.
//  2. The caller divides the number of operations by the time.
package peak
