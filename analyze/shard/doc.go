// Package shard lets many workers share the units of one analysis, on one machine
// or on many that see one directory; SCALE.md beside the packages tells how it is
// used.
//
//  1. [Create] makes the directory of a [Plan]: the ordered list of a job's units (package
//     job), its options, and the hashes of everything the numbers depend on.
//  2. Each of n workers runs the job with a [Worker] as its store, and evaluates the units
//     of one shard only. The units are kept in a file. A worker can die and be started
//     again, and two can work on one shard: the file has the same bytes.
//  3. A merge runs the job with a [Merged] as its store, which has every unit, and so
//     writes what a single process would have written, byte for byte.
//
// There is no coordinator and no message: the directory is all that they share.
// Nothing in it is ever changed, files are added under temporary names and renamed.
package shard
