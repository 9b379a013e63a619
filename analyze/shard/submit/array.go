package submit

import (
	"fmt"

	"sgdwalk/analyze/shard"
)

// mostTasks bounds an array where a site allows more: the list of its tasks is one
// argument of sbatch, and Slurm handles an array as one record with such a list.
const mostTasks = 10_000

// Array is one job array. Its task t computes shard t + Offset.
type Array struct {
	Offset int   // a multiple of the size of an array
	Shards []int // ascending
	Limit  int   // tasks at once; 0 sets no limit
	After  int   // index of the array that must end before; -1 for none
}

// tasks is the argument of --array.
func (a *Array) tasks() string {
	tasks := make([]int, len(a.Shards))
	for i, s := range a.Shards {
		tasks[i] = s - a.Offset
	}
	text := shard.Ranges(tasks)
	if a.Limit > 0 {
		text += fmt.Sprintf("%%%d", a.Limit)
	}
	return text
}

// arraySize is how many shards an array covers when the largest number of a task
// must be below maxArraySize.
func arraySize(maxArraySize int) int { return min(maxArraySize, mostTasks) }

// arrays divides the shards, which ascend, into arrays of up to size tasks. At most
// limit tasks run at once over all arrays when it is above 0: then the arrays
// are divided into as few queues as the limit needs, each with its part of the limit,
// and the arrays of a queue run one after another.
func arrays(shards []int, size, limit int) []Array {
	var list []Array
	for _, s := range shards {
		offset := s / size * size
		if len(list) == 0 || list[len(list)-1].Offset != offset {
			list = append(list, Array{Offset: offset, After: -1})
		}
		last := &list[len(list)-1]
		last.Shards = append(last.Shards, s)
	}
	if limit <= 0 || limit >= len(shards) {
		return list
	}
	queues := min(len(list), (limit+size-1)/size)
	for i := range list {
		queue := i % queues
		list[i].Limit = limit / queues
		if queue < limit%queues {
			list[i].Limit++
		}
		if i >= queues {
			list[i].After = i - queues
		}
	}
	return list
}
