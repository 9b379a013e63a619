// Package submit submits the shards of a plan to the schedulers of clusters: as Slurm
// job arrays and as Kubernetes Indexed Jobs.
//
//  1. [Slurm] holds the resources of a task. [Prepare] reads the plan's directory and
//     Slurm's queue, and finds the missing shards.
//  2. A [Batch] holds the scripts, which are kept in the plan's directory, and the calls
//     of sbatch: job arrays of the missing shards, and the merge that waits for them.
//     [Batch.Submit] submits it; [Batch.Script] prints a shell script that does the same.
//  3. [Kubernetes] writes the manifests of the Indexed Job and of the merge, and the
//     Dockerfile of their image. It contacts no cluster.
//
// The plan contains everything that a task needs: a task receives the number of its
// shard and nothing else. ../../SCALE.md explains the use.
package submit
