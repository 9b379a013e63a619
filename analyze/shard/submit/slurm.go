package submit

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sgdwalk/analyze/shard"
)

// Slurm holds the resources of a task. An empty field means the default of the cluster.
type Slurm struct {
	Partition string
	Account   string
	// Time is the limit of a task as Slurm writes it. Empty takes twice the plan's
	// estimate plus ten minutes, or the default of the partition without an estimate.
	Time string
	// MergeTime is the limit of the merge; empty means Time.
	MergeTime string
	Mem       string // of a task, as Slurm writes it: 4G
	CPUs      int    // of a task; 0 means 1
	// Limit is the number of tasks that run at the same time; 0 sets no limit.
	Limit int
	Extra []string // further arguments for sbatch
}

// TermSeconds is the time before its limit at which a task receives the signal to stop.
const TermSeconds = 60

// leastTime is the shortest limit that leaves a task time to work: Slurm may send the
// signal up to a minute before TermSeconds.
const leastTime = 3 * time.Minute

var (
	timePattern = lazy(`^(\d{1,9}|\d{1,9}:\d{1,9}|\d{1,9}:\d{1,9}:\d{1,9}|\d{1,9}-\d{1,9}(:\d{1,9}){0,2}|UNLIMITED|INFINITE)$`)
	memPattern  = regexp.MustCompile(`^\d{1,9}[KMGT]?$`)
	wordPattern = regexp.MustCompile(`^[A-Za-z0-9_.@%+,-]+$`)
)

// lazy returns a function that compiles a pattern at its first call.
func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// reservedArgs are the arguments of sbatch that a batch sets itself. All other arguments
// of Extra are passed on unchanged.
var reservedArgs = []string{
	"--array", "-a", "--dependency", "-d", "--job-name", "-J", "--output", "-o", "--error", "-e", "--parsable",
	"--requeue", "--no-requeue", "--signal", "--open-mode", "--kill-on-invalid-dep", "--wrap", "--wait", "-W",
	"--partition", "-p", "--account", "-A", "--time", "-t", "--mem", "--cpus-per-task", "-c", "--test-only", "--help",
	"-h", "--version", "-V", "--usage",
}

// Validate names the field, the value and what is allowed.
func (s *Slurm) Validate() error {
	for _, f := range []struct {
		flag, value, allowed string
		pattern              *regexp.Regexp
	}{
		{"--partition", s.Partition, "names of partitions, without spaces", wordPattern},
		{"--account", s.Account, "the name of an account, without spaces", wordPattern},
		{"--time", s.Time, "minutes, hours:minutes:seconds or days-hours:minutes:seconds", timePattern()},
		{"--merge-time", s.MergeTime, "minutes, hours:minutes:seconds or days-hours:minutes:seconds", timePattern()},
		{"--mem", s.Mem, "a number with K, M, G or T (M without one), such as 4G", memPattern},
	} {
		if f.value != "" && !f.pattern.MatchString(f.value) {
			return fmt.Errorf("submit: %s is %q; allowed: %s", f.flag, f.value, f.allowed)
		}
	}
	if d, limited := limitOf(s.Time); s.Time != "" && limited && d < leastTime {
		return fmt.Errorf("submit: --time is %q, %v; it must be at least %v: a task receives the signal to stop up "+
			"to two minutes before its limit", s.Time, d, leastTime)
	}
	switch {
	case s.CPUs < 0:
		return fmt.Errorf("submit: --cpus is %d; it must be at least 1", s.CPUs)
	case s.Limit < 0:
		return fmt.Errorf("submit: --array-limit is %d; it must be at least 1, or 0 for no limit", s.Limit)
	}
	for _, word := range s.Extra {
		name, _, _ := strings.Cut(word, "=")
		if err := checkPath("--extra", word); err != nil {
			return err
		}
		if slices.Contains(reservedArgs, name) || len(name) > 2 && name[0] == '-' && name[1] != '-' &&
			slices.Contains(reservedArgs, name[:2]) {
			return fmt.Errorf("submit: --extra has %q, which submit sets itself or has a flag for", word)
		}
	}
	if len(s.Extra) > 0 && !strings.HasPrefix(s.Extra[0], "-") {
		return fmt.Errorf("submit: --extra begins with %q; it must begin with an option of sbatch, such as --qos=long",
			s.Extra[0])
	}
	return nil
}

// limitOf parses a time limit; limited is false if there is no limit.
func limitOf(text string) (d time.Duration, limited bool) {
	if text == "" || text == "UNLIMITED" || text == "INFINITE" {
		return 0, false
	}
	days, rest, withDays := strings.Cut(text, "-")
	if !withDays {
		days, rest = "0", text
	}
	parts := strings.Split(rest, ":")
	units := []time.Duration{time.Minute, time.Second}
	if withDays || len(parts) == 3 {
		units = []time.Duration{time.Hour, time.Minute, time.Second}
	}
	n, err := strconv.Atoi(days)
	if err != nil {
		return 0, false
	}
	d = time.Duration(n) * 24 * time.Hour
	for i, part := range parts {
		if n, err = strconv.Atoi(part); err != nil || i >= len(units) {
			return 0, false
		}
		d += time.Duration(n) * units[i]
	}
	return d, true
}

func (s *Slurm) cpus() int { return max(1, s.CPUs) }

// timeOf returns the time limit of a task: Time, or twice the estimate plus ten minutes,
// which leaves room for slower nodes and a busy file system.
func (s *Slurm) timeOf(p *shard.Plan) string {
	if s.Time != "" {
		return s.Time
	}
	task, ok := p.TaskTime(s.cpus())
	if !ok {
		return ""
	}
	minutes := int((2*task+shard.TaskTime)/time.Minute) + 1
	return fmt.Sprintf("%d-%02d:%02d:00", minutes/(24*60), minutes/60%24, minutes%60)
}

// resources returns the arguments of sbatch for the resources and the limit.
func (s *Slurm) resources(limit string) []string {
	args := []string{"--nodes=1", "--ntasks=1", "--cpus-per-task=" + strconv.Itoa(s.cpus())}
	for _, f := range []struct{ flag, value string }{
		{"--partition=", s.Partition},
		{"--account=", s.Account},
		{"--time=", limit},
		{"--mem=", s.Mem},
	} {
		if f.value != "" {
			args = append(args, f.flag+f.value)
		}
	}
	return append(args, s.Extra...)
}
