// Package shard divides the units of one analysis between many workers. The workers run
// on one machine, or on many machines that see the same directory. SCALE.md in the
// directory of package analyze describes the use.
//
//  1. [Create] makes the directory of a [Plan]: the ordered list of a job's units (package
//     job), its options, and the hashes of everything the numbers depend on.
//  2. Each of n workers runs the job with a [Worker] as its store, evaluates the units of
//     one shard, and keeps their values in a file. A worker that died can be started again,
//     and two workers can work on the same shard: the finished file has the same bytes.
//  3. A merge runs the job with a [Merged] as its store. The store has every unit, so the
//     merge writes the same bytes as a single process.
//
// Workers share nothing but the directory: there is no coordinator, and they send no
// messages. A complete file never changes, because it is written under a temporary name
// and then renamed. So no reader sees a half-written file, and no lock is needed on a
// network file system.
package shard
