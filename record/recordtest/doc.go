// Package recordtest has conformance tests for implementations of record.Sink and
// record.Trajectory, and small runs for tests.
//
//  1. [Header] and [Rows] make a small run with every kind of value.
//  2. [Sink] and [Trajectory] run subtests on an implementation, which a function opens.
//  3. [Diff] compares two rows bit for bit.
//  4. [Python] finds an interpreter for tests that compare with other programs.
package recordtest
