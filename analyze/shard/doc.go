// Package shard lets many workers share the units of one analysis, on one machine
// or on many that see one directory; SCALE.md beside the packages tells how it is
// used.
//
//  1. An analysis runs with a [Collector] as its store: nothing is computed, and
//     what it asked for is the ordered list of its units. [Create] makes the
//     directory of a [Plan] of that list and of everything the numbers depend on.
//  2. Each of n workers runs the same analysis with a [Worker], which has it compute
//     the units of one shard and keeps them in a file. A worker can die and be
//     started again, and two can work on one shard: the file has the same bytes.
//  3. A merge runs the same analysis with a [Merged], in which every unit is there,
//     and so writes what a single process would have written, byte for byte.
//
// There is no coordinator and no message: the directory is all that they share.
// Nothing in it is ever changed, files are added under temporary names and renamed.
package shard
