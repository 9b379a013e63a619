package submit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"sgdwalk/analyze/shard"
	"sgdwalk/record/safefile"
)

// Names below the directory of a plan.
const (
	slurmName  = "slurm"
	logsName   = "logs"
	shardsName = "shards.sh"
	mergeName  = "merge.sh"
	jobsName   = "jobs.json"
	lockName   = "lock"
)

// Job is one job that was submitted.
type Job struct {
	// ID is the number in Slurm. It is empty if this program died before sbatch returned.
	ID     string `json:"id"`
	Name   string `json:"name"`
	Offset int    `json:"offset"`           // of an array: the shard of its task 0
	Shards string `json:"shards,omitempty"` // of an array, as ranges; empty for the merge
}

// Merge reports whether the job is the merge.
func (j *Job) Merge() bool { return j.Shards == "" }

// shards returns the submitted shards.
func (j *Jobs) shards() (map[int]bool, error) {
	all := make(map[int]bool)
	for i := range j.Jobs {
		if j.Jobs[i].Merge() {
			continue
		}
		for part := range strings.SplitSeq(j.Jobs[i].Shards, ",") {
			from, to, isRange := strings.Cut(part, "-")
			if !isRange {
				to = from
			}
			first, err1 := strconv.Atoi(from)
			last, err2 := strconv.Atoi(to)
			if err1 != nil || err2 != nil || first < 0 || last >= shard.MaxShards {
				return nil, fmt.Errorf("submit: %s has the shards %q; they must be numbers and ranges such as 0-3,7",
					jobsName, j.Jobs[i].Shards)
			}
			for s := first; s <= last; s++ {
				all[s] = true
			}
		}
	}
	return all, nil
}

// Jobs lists the submitted jobs of a plan, in their order.
type Jobs struct {
	Plan string `json:"plan"` // the plan's hash
	Jobs []Job  `json:"jobs"`
}

// ReadJobs reads the submitted jobs of a plan. A plan without jobs is not an error.
func ReadJobs(p *shard.Plan) (*Jobs, error) {
	path := jobsPath(p)
	b, err := safefile.Read(path, 64<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return &Jobs{Plan: p.Hash()}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("submit: %w", err)
	}
	j := new(Jobs)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(j); err != nil {
		return nil, fmt.Errorf("submit: %s: %w", path, err)
	}
	if j.Plan != p.Hash() {
		return nil, fmt.Errorf("submit: %s is of plan %s, this one is %s", path, j.Plan, p.Hash())
	}
	return j, nil
}

func (j *Jobs) write(p *shard.Plan) error {
	b, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	if err := safefile.WriteBytes(jobsPath(p), append(b, '\n')); err != nil {
		return fmt.Errorf("submit: %w", err)
	}
	return nil
}

func jobsPath(p *shard.Plan) string { return filepath.Join(p.Dir(), slurmName, jobsName) }
