package recorder

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// RunInBackground asks the system not to interrupt other programs for this one: its threads wait for the next turn
// of the scheduler when they have something to do. They still receive their share of the processor. So a program that
// trains on all cores is not interrupted at each of its steps. An error is ignored, because it costs only time.
func RunInBackground() {
	threads, _ := os.ReadDir("/proc/self/task") // threads that start later inherit the policy
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.SchedSetAttr(id, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_BATCH}, 0)
		}
	}
}
