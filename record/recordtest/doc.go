// Package recordtest has the conformance suites that every implementation of
// record.Sink and record.Trajectory passes, and the runs to test with.
//
//  1. [Header] and [Rows] make a small run with every kind of value in it.
//  2. [Sink] and [Trajectory] take a function that opens an implementation and
//     run their tests as subtests.
//  3. [Diff] compares two rows bit for bit.
//  4. [Python] finds an interpreter for tests that ask other programs.
package recordtest
