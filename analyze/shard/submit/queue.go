package submit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/analyze/shard"
)

// defaultArraySize is Slurm's own default of MaxArraySize.
const defaultArraySize = 1001

// jobVariables are environment variables that change a job of sbatch and that no
// argument overrides.
var jobVariables = []string{"SBATCH_ARRAY_INX", "SBATCH_WAIT", "SBATCH_SIGNAL", "SBATCH_NO_REQUEUE"}

// call runs a program of Slurm and returns its output. An error contains what the
// program printed on standard error.
func call(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(jobVariables, name)
	})
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("submit: %s is not on this machine's PATH; submit from a login node, or print the "+
			"scripts with --dry-run: %w", name, err)
	case err != nil:
		return "", fmt.Errorf("submit: %s: %w: %s", name, err, strings.Join(strings.Fields(stderr.String()), " "))
	}
	return string(out), nil
}

var maxArrayLine = regexp.MustCompile(`(?m)^MaxArraySize\s*=\s*(\d+)\s*$`)

// maxArraySize returns Slurm's bound on the number of a task of an array.
func maxArraySize(ctx context.Context) (int, error) {
	out, err := call(ctx, "scontrol", "show", "config")
	if err != nil {
		return 0, err
	}
	found := maxArrayLine.FindStringSubmatch(out)
	if found == nil {
		return defaultArraySize, nil
	}
	n, err := strconv.Atoi(found[1])
	if err != nil || n < 2 {
		return 0, fmt.Errorf("submit: Slurm's MaxArraySize is %s: it has no job arrays", found[1])
	}
	return n, nil
}

// jobName names a job array by the plan and the shard of its first task, so that the
// queue alone shows which shards it contains.
func jobName(p *shard.Plan, offset int) string { return fmt.Sprintf("%s-%d", planName(p), offset) }

func mergeJobName(p *shard.Plan) string { return planName(p) + "-merge" }

func planName(p *shard.Plan) string { return "sgdwalk-" + p.Hash()[:8] }

// queued holds the jobs of a plan in the queue of Slurm.
type queued struct {
	shards map[int]string  // state of each shard in the queue
	arrays map[string]bool // ids of their arrays
	merges map[string]string
}

// queue asks Slurm which tasks of the plan are waiting or running.
func queue(ctx context.Context, p *shard.Plan, names []string) (*queued, error) {
	q := &queued{shards: make(map[int]string), arrays: make(map[string]bool), merges: make(map[string]string)}
	out, err := call(ctx, "squeue", "--noheader", "--array", "--name="+strings.Join(names, ","), "--format=%F %K %T %j")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) != 4 {
			continue
		}
		id, task, state, name := f[0], f[1], f[2], f[3]
		if name == mergeJobName(p) {
			q.merges[id] = state
			continue
		}
		offset, err1 := strconv.Atoi(strings.TrimPrefix(name, planName(p)+"-"))
		t, err2 := strconv.Atoi(task)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("submit: squeue printed %q for a job of this plan, which is not a task of an array",
				strings.TrimSpace(line))
		}
		q.shards[offset+t] = state
		q.arrays[id] = true
	}
	return q, nil
}
