// Package submit gives the shards of a plan to the schedulers that clusters have:
// Slurm job arrays and Kubernetes Indexed Jobs.
//
//  1. [Slurm] says what the tasks may use. [Prepare] looks at the plan's directory
//     and, to submit again, at Slurm's queue, and says which shards are missing.
//  2. A [Batch] has the scripts, which are kept in the plan's directory, and the
//     calls of sbatch: job arrays of the missing shards, and the merge that waits
//     for them. It is submitted, or printed as a shell script that does the same.
//  3. For Kubernetes there is nothing to ask: [Kubernetes] writes the manifests of
//     the Indexed Job and of the merge, and the Dockerfile of their image.
//
// Everything that a task needs is in the plan: a task gets the number of its shard
// and nothing else. ../../SCALE.md tells how it is used.
package submit
