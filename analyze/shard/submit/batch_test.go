package submit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze/shard"
)

func needBash(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	return path
}

func output(t interface{ Fatalf(string, ...any) }, name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}

// fakeSlurm puts programs of Slurm's names first on the PATH. They note how they
// were called, argument by argument; sbatch counts its jobs from 100, squeue prints
// the file queue, scontrol knows one setting and the state of a task.
type fakeSlurm struct {
	t   *testing.T
	dir string
}

func newFakeSlurm(t *testing.T) *fakeSlurm {
	bash := needBash(t)
	s := &fakeSlurm{t, t.TempDir()}
	for name, text := range map[string]string{
		"sbatch": `env | grep '^SBATCH_' >>"$dir/environment"
n=$(ls "$dir" | grep -c -e '-sbatch$')
if [ -e "$dir/fail-$n" ]; then echo "sbatch: error: Batch job submission failed: QOSMaxSubmitJobPerUserLimit" >&2; exit 1; fi
echo "$((99 + n));cluster"`,
		"squeue":  `cat "$dir/queue" 2>/dev/null || true`,
		"scancel": ``,
		"scontrol": `case "$*" in
"show config") printf 'Configuration data\nMaxArraySize            = %s\nMaxDBDMsgs = 20008\n' "$(cat "$dir/max" 2>/dev/null || echo 1001)" ;;
*"show job"*) echo "JobId=7 ArrayJobId=5 JobState=$(cat "$dir/state") Reason=None" ;;
esac`,
	} {
		script := fmt.Sprintf("#!%s\ndir=%s\nn=$(ls \"$dir\" | grep -c ^call-)\nfor a in \"$@\"; do printf '%%s\\n' "+
			"\"$a\"; done >\"$dir/call-$(printf %%03d \"$n\")-%s\"\n%s\n", bash, ShellQuote(s.dir), name, text)
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(script), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", s.dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return s
}

func (s *fakeSlurm) set(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

// calls returns how a program was called since the last time.
func (s *fakeSlurm) calls(name string) [][]string {
	s.t.Helper()
	paths, err := filepath.Glob(filepath.Join(s.dir, "call-*-"+name))
	if err != nil {
		s.t.Fatal(err)
	}
	var all [][]string
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			s.t.Fatal(err)
		}
		all = append(all, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"))
		if err := os.Rename(p, filepath.Join(s.dir, "seen-"+filepath.Base(p))); err != nil {
			s.t.Fatal(err)
		}
	}
	return all
}

// have reports whether arguments are among those of a call.
func have(t *testing.T, call []string, args ...string) {
	t.Helper()
	for _, a := range args {
		found := false
		for _, c := range call {
			found = found || c == a
		}
		if !found {
			t.Errorf("%q is missing in %q", a, call)
		}
	}
}

func lacks(t *testing.T, call []string, prefix string) {
	t.Helper()
	for _, c := range call {
		if strings.HasPrefix(c, prefix) {
			t.Errorf("%q is in the call", c)
		}
	}
}

const program = "/opt/it's here/sgdwalk"

func prepare(t *testing.T, p *shard.Plan, s Slurm, o Options) *Batch {
	t.Helper()
	o.Program = program
	b, err := Prepare(context.Background(), p, s, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func submitNow(t *testing.T, b *Batch) []Job {
	t.Helper()
	jobs, err := b.Submit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// finish does a shard's work.
func finish(t *testing.T, p *shard.Plan, shards ...int) {
	t.Helper()
	for _, i := range shards {
		w, err := p.Work(i, shard.WorkOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for u := range p.Units {
			if name := fmt.Sprintf("cell %d", u); w.Mine(name) {
				if err := w.Save(name, []float64{float64(u)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSubmit(t *testing.T) {
	fake := newFakeSlurm(t)
	dir := filepath.Join(t.TempDir(), `it's 100% "a" plan`)
	p := testPlan(t, dir, 5)
	// Nothing of the environment may change what is submitted.
	t.Setenv("SLURM_ARRAY_TASK_COUNT", "2")
	t.Setenv("SBATCH_ARRAY_INX", "0-99") // would make an array of the merge
	t.Setenv("SBATCH_QOS", "mine")
	s := Slurm{
		Partition: "short", Account: "lab", Mem: "4G", CPUs: 3, Limit: 2, Time: "1:00:00", MergeTime: "30",
		Extra: []string{"--comment=two words"},
	}
	jobs := submitNow(t, prepare(t, p, s, Options{}))
	calls := fake.calls("sbatch")
	if len(calls) != 2 {
		t.Fatalf("sbatch was called %d times", len(calls))
	}
	logs := strings.ReplaceAll(dir, "%", "%%") + "/slurm/logs/"
	have(t, calls[0], "--parsable", "--array=0-4%2", "--job-name=sgdwalk-"+p.Hash()[:8]+"-0", "--requeue",
		"--signal=B:TERM@60", "--open-mode=append",
		"--output="+logs+"%A_%a.log", "--partition=short", "--account=lab", "--mem=4G", "--cpus-per-task=3",
		"--time=1:00:00", "--comment=two words")
	lacks(t, calls[0], "--dependency")
	if tail := calls[0][len(calls[0])-2:]; cmp.Diff(tail, []string{
		filepath.Join(dir, "slurm", "shards.sh"),
		"0",
	}) != "" {
		t.Errorf("the script is %q", tail)
	}
	have(t, calls[1], "--dependency=afterok:100", "--kill-on-invalid-dep=yes", "--time=30", "--partition=short",
		"--mem=4G", filepath.Join(dir, "slurm", "merge.sh"))
	lacks(t, calls[1], "--array")
	if got, want := readAll(t, filepath.Join(fake.dir, "environment"))[0], strings.Repeat("SBATCH_QOS=mine\n",
		2); got != want {
		t.Errorf("sbatch saw %q; want %q", got, want)
	}
	want := []Job{{ID: "100", Name: "sgdwalk-" + p.Hash()[:8] + "-0", Shards: "0-4"}, {ID: "101", Name: "sgdwalk-" +
		p.Hash()[:8] + "-merge"}}
	if d := cmp.Diff(want, jobs); d != "" {
		t.Errorf("jobs (-want +got):\n%s", d)
	}
	kept, err := ReadJobs(p)
	if err != nil || cmp.Diff(want, kept.Jobs) != "" {
		t.Errorf("kept are %+v, %v", kept, err)
	}
	if got, want := kept.String(), "Slurm jobs 100 (shards 0-4), 101 (merge)"; got != want {
		t.Errorf("they are called %q; want %q", got, want)
	}
	_, err = Prepare(context.Background(), p, s, Options{Program: program})
	if !errors.Is(err, ErrSubmitted) || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("submitted twice: %v", err)
	}
}

// TestSplit: 11 shards where the numbers of tasks must be below 4 are three arrays.
func TestSplit(t *testing.T) {
	fake := newFakeSlurm(t)
	fake.set("max", "4")
	p := testPlan(t, t.TempDir(), 11)
	submitNow(t, prepare(t, p, Slurm{}, Options{}))
	calls := fake.calls("sbatch")
	if len(calls) != 4 {
		t.Fatalf("sbatch was called %d times", len(calls))
	}
	for i, array := range []string{"0-3", "0-3", "0-2"} {
		have(t, calls[i], "--array="+array)
		if offset := calls[i][len(calls[i])-1]; offset != fmt.Sprint(4*i) {
			t.Errorf("array %d begins at shard %s", i, offset)
		}
	}
	have(t, calls[3], "--dependency=afterok:100:101:102")
}

// TestSplitWithLimit: with one task at once the arrays run one after another.
func TestSplitWithLimit(t *testing.T) {
	fake := newFakeSlurm(t)
	fake.set("max", "4")
	p := testPlan(t, t.TempDir(), 11)
	submitNow(t, prepare(t, p, Slurm{Limit: 1}, Options{}))
	calls := fake.calls("sbatch")
	have(t, calls[0], "--array=0-3%1")
	lacks(t, calls[0], "--dependency")
	have(t, calls[1], "--array=0-3%1", "--dependency=afterany:100")
	have(t, calls[2], "--array=0-2%1", "--dependency=afterany:101")
}

// TestResume: what is done, queued or at work is not submitted again; the merge
// waits for the new and the old tasks, and takes the place of the one before.
func TestResume(t *testing.T) {
	fake := newFakeSlurm(t)
	fake.set("max", "4")
	p := testPlan(t, t.TempDir(), 10)
	// A worker on somebody's own machine is on shard 9.
	w, err := p.Work(9, shard.WorkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	submitNow(t, prepare(t, p, Slurm{}, Options{}))
	fake.calls("sbatch")
	// That of shard 8 has died so lately that its sign of life is fresh.
	dead, err := p.Work(8, shard.WorkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	finish(t, p, 0, 5)
	// Shard 7's file is cut off: that one is not done.
	finish(t, p, 7)
	path := filepath.Join(p.Dir(), "shards", "00007")
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, info.Size()-3)
	}
	if err != nil {
		t.Fatal(err)
	}
	name := planName(p)
	fake.set("queue", fmt.Sprintf("100 1 RUNNING %s-0\n100 3 PENDING %s-0\n101 2 PENDING %s-4\n103 N/A PENDING "+
		"%s-merge\n", name, name, name, name))
	b := prepare(t, p, Slurm{}, Options{Resume: true})
	if d := cmp.Diff([]int{1, 3, 6}, b.Queued); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]int{9}, b.Alive); d != "" {
		t.Error(d)
	}
	if len(b.Notes) != 1 || !strings.Contains(b.Notes[0], "9") {
		t.Errorf("notes are %q", b.Notes)
	}
	if asked := fake.calls("squeue"); len(asked) != 2 || !strings.Contains(strings.Join(asked[1], " "), "--name="+name+
		"-0,"+name+"-4,"+name+"-8,"+name+"-merge") {
		t.Errorf("squeue was asked %q", asked)
	}
	jobs := submitNow(t, b)
	calls := fake.calls("sbatch")
	if len(calls) != 4 {
		t.Fatalf("sbatch was called %d times", len(calls))
	}
	have(t, calls[0], "--array=2")   // shard 2
	have(t, calls[1], "--array=0,3") // shards 4 and 7
	have(t, calls[2], "--array=0")   // shard 8
	have(t, calls[3], "--dependency=afterok:104:105:106,afterany:100:101")
	if d := cmp.Diff([][]string{{"--state=PENDING", "103"}}, fake.calls("scancel")); d != "" {
		t.Errorf("scancel (-want +got):\n%s", d)
	}
	if jobs[1].Shards != "4,7" || jobs[1].Offset != 4 || jobs[1].ID != "105" {
		t.Errorf("the second job is %+v", jobs[1])
	}
	if kept, err := ReadJobs(p); err != nil || len(kept.Jobs) != 8 {
		t.Errorf("%d jobs are kept, %v", len(kept.Jobs), err)
	}
}

// TestResumeAll: when all shards are done the merge alone is submitted, and waits
// for nothing.
func TestResumeAll(t *testing.T) {
	fake := newFakeSlurm(t)
	p := testPlan(t, t.TempDir(), 2)
	finish(t, p, 0, 1)
	b := prepare(t, p, Slurm{}, Options{})
	if b.Missing() != 0 || b.Done != 2 {
		t.Errorf("%d missing, %d done", b.Missing(), b.Done)
	}
	submitNow(t, b)
	calls := fake.calls("sbatch")
	if len(calls) != 1 {
		t.Fatalf("sbatch was called %d times", len(calls))
	}
	lacks(t, calls[0], "--dependency")
	fake.set("queue", "101 N/A RUNNING "+mergeJobName(p)+"\n")
	if b := prepare(t, p, Slurm{}, Options{Resume: true}); b.Merging() != "101" {
		t.Errorf("the running merge is %q", b.Merging())
	}
}

// TestQueuedUnknown: jobs whose numbers were not kept, because submit died or its
// printed script was run, are found by their names.
func TestQueuedUnknown(t *testing.T) {
	fake := newFakeSlurm(t)
	p := testPlan(t, t.TempDir(), 3)
	fake.set("queue", fmt.Sprintf("55 0 PENDING %s\n", jobName(p, 0)))
	if _, err := Prepare(context.Background(), p, Slurm{}, Options{Program: program}); !errors.Is(err, ErrSubmitted) {
		t.Errorf("submitted beside the jobs in the queue: %v", err)
	}
	if b := prepare(t, p, Slurm{}, Options{Resume: true}); b.Missing() != 2 {
		t.Errorf("%d are missing", b.Missing())
	}
}

// TestSbatchFails: what was submitted before is kept, nothing of the failed call,
// and the merge is not submitted.
func TestSbatchFails(t *testing.T) {
	fake := newFakeSlurm(t)
	fake.set("max", "2")
	fake.set("fail-2", "")
	p := testPlan(t, t.TempDir(), 5)
	jobs, err := prepare(t, p, Slurm{}, Options{}).Submit(context.Background())
	if err == nil || !strings.Contains(err.Error(), "QOSMaxSubmitJobPerUserLimit") ||
		!strings.Contains(err.Error(), "1 of 3 job arrays") {
		t.Errorf("the error is %v", err)
	}
	kept, err := ReadJobs(p)
	if err != nil || len(kept.Jobs) != 1 || len(jobs) != 1 || kept.Jobs[0].ID != "100" {
		t.Errorf("kept are %+v, returned %+v, %v", kept, jobs, err)
	}
}

func TestWithoutSlurm(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := testPlan(t, t.TempDir(), 3)
	_, err := Prepare(context.Background(), p, Slurm{}, Options{Program: program})
	if err == nil || !strings.Contains(err.Error(), "scontrol is not on this machine's PATH") {
		t.Errorf("the error is %v", err)
	}
	b := prepare(t, p, Slurm{}, Options{DryRun: true})
	if b.Missing() != 3 || len(b.Notes) != 1 {
		t.Errorf("%d missing, notes %q", b.Missing(), b.Notes)
	}
	if entries, err := os.ReadDir(filepath.Join(p.Dir(), "slurm")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dry run writes %v, %v", entries, err)
	}
}

// TestDamagedJobs: what is no list of jobs of this plan is refused.
func TestDamagedJobs(t *testing.T) {
	newFakeSlurm(t)
	p := testPlan(t, t.TempDir(), 3)
	if err := os.MkdirAll(filepath.Join(p.Dir(), "slurm"), 0o777); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"plan": "x"`: "jobs.json", `{"plan": "0000"}`: "of plan 0000",
		`{"plan": "` + p.Hash() + `", "more": 1}`: "more", `{"plan": "` + p.Hash() +
			`", "jobs": [{"id": "1", "name": "a", "shards": "0-x"}]}`: `"0-x"`,
	} {
		if err := os.WriteFile(jobsPath(p), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Prepare(context.Background(), p, Slurm{}, Options{Program: program, Resume: true}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPathsThatScriptsCannotName(t *testing.T) {
	newFakeSlurm(t)
	for _, name := range []string{"a\nb", `a\b`} {
		p := testPlan(t, filepath.Join(t.TempDir(), name), 1)
		if _, err := Prepare(context.Background(), p, Slurm{}, Options{Program: program}); err == nil ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestScript: the printed script, run by a shell, calls Slurm as Submit does and
// writes the same files.
func TestScript(t *testing.T) {
	fake := newFakeSlurm(t)
	fake.set("max", "4")
	p := testPlan(t, filepath.Join(t.TempDir(), `it's $HOME "b"`), 10)
	b := prepare(t, p, Slurm{Limit: 2, Extra: []string{"--comment=it's $HOME"}}, Options{})
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte(b.Script()), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.path("")); err == nil {
		t.Error("Script has written something")
	}
	output(t, needBash(t), script)
	printed := fake.calls("sbatch")
	files := readAll(t, b.path(shardsName), b.path(mergeName))
	if err := os.RemoveAll(b.path("")); err != nil {
		t.Fatal(err)
	}
	fake = newFakeSlurm(t) // whose jobs have the same numbers
	submitNow(t, b)
	if d := cmp.Diff(fake.calls("sbatch"), printed); d != "" {
		t.Errorf("calls of sbatch (-Submit +Script):\n%s", d)
	}
	if d := cmp.Diff(readAll(t, b.path(shardsName), b.path(mergeName)), files); d != "" {
		t.Errorf("scripts (-Submit +Script):\n%s", d)
	}
	if len(printed) != 4 {
		t.Errorf("sbatch was called %d times", len(printed))
	}
}

func readAll(t *testing.T, paths ...string) []string {
	t.Helper()
	texts := make([]string, len(paths))
	for i, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(b)
	}
	return texts
}

// task runs the script of the shards with a worker of its own, and is told when the
// worker has begun.
func task(t *testing.T, fake *fakeSlurm, worker string, env ...string) (cmd *exec.Cmd, log func() string) {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "it's a worker")
	text := fmt.Sprintf("#!%s\nprintf '%%s\\n' \"$@\" \"$SGDWALK_KERNEL\" >%s\n%s\n", needBash(t),
		ShellQuote(filepath.Join(fake.dir, "worker")), worker)
	if err := os.WriteFile(bin, []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	p := testPlan(t, filepath.Join(dir, "the plan's"), 20)
	text, err := execute(shardsScript(), newScriptValues(p, bin, ""))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "slurm_script")
	if err := os.WriteFile(script, []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "log")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd = exec.Command(needBash(t), script, "7")
	cmd.Env = append(append(os.Environ(), "SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_JOB_ID=5", "SLURMD_NODENAME=n1"),
		env...)
	cmd.Stdout, cmd.Stderr = f, f
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	until(t, "the worker began", func() bool {
		b, err := os.ReadFile(filepath.Join(fake.dir, "worker"))
		return err == nil && strings.Count(string(b), "\n") >= 8
	})
	return cmd, func() string { return readAll(t, out)[0] }
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after 20 s it is not so that %s", what)
		}
	}
}

func status(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// TestTask: the worker gets the task's number plus the offset and the plan's
// kernels, and its status is the task's.
func TestTask(t *testing.T) {
	for _, want := range []int{0, 1, 3} {
		fake := newFakeSlurm(t)
		cmd, log := task(t, fake, fmt.Sprintf("exit %d", want))
		if got := status(t, cmd); got != want {
			t.Errorf("the status is %d; want %d", got, want)
		}
		args := strings.Split(readAll(t, filepath.Join(fake.dir, "worker"))[0], "\n")
		if args[0] != "work" || filepath.Base(args[1]) != "the plan's" ||
			cmp.Diff(args[2:8], []string{"--shard", "10", "--grace", "50s", "--quiet", "avx2"}) != "" {
			t.Errorf("the worker got %q", args)
		}
		if calls := fake.calls("scontrol"); len(calls) != 0 {
			t.Errorf("scontrol was called: %q", calls)
		}
		if !strings.HasPrefix(log(), "shard 10: task 5_3 on n1, start 1,") {
			t.Errorf("the log is %q", log())
		}
	}
}

// stopped is a worker that takes a while to leave once it is told to, as one does
// that is at a unit.
const stopped = `trap 'sleep 0.3; exit 75' TERM
while :; do sleep 0.02; done`

// TestTaskStopped: SIGTERM to the shell reaches the worker, whose status is waited
// for, however often the signal comes; the task is put back unless Slurm does it or
// it was cancelled.
func TestTaskStopped(t *testing.T) {
	for _, c := range []struct {
		state, restarts string
		signals         int
		requeued        bool
	}{
		{"RUNNING", "0", 1, true},
		{"RUNNING", "3", 4, true},
		{"RUNNING", "100", 1, false},
		{"COMPLETING", "0", 1, false},
		{"CANCELLED", "0", 1, false},
		{"PENDING", "0", 1, false},
	} {
		fake := newFakeSlurm(t)
		fake.set("state", c.state)
		cmd, log := task(t, fake, stopped, "SLURM_RESTART_COUNT="+c.restarts)
		for range c.signals {
			if err := terminate(cmd.Process); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Millisecond)
		}
		if got := status(t, cmd); got != again {
			t.Errorf("%+v: the status is %d; want %d; the log is %q", c, got, again, log())
		}
		requeued := false
		for _, call := range fake.calls("scontrol") {
			requeued = requeued || cmp.Diff(call, []string{"requeue", "5_3"}) == ""
		}
		if requeued != c.requeued {
			t.Errorf("%+v: put back is %v; the log is %q", c, requeued, log())
		}
	}
}

// TestMergeScript: the merge has the plan's kernels, and its status is the job's.
func TestMergeScript(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "it's a program")
	if err := os.WriteFile(bin, []byte("#!"+needBash(t)+"\nprintf '%s\\n' \"$@\" \"$SGDWALK_KERNEL\"\nexit 4\n"),
		0o777); err != nil {
		t.Fatal(err)
	}
	p := testPlan(t, filepath.Join(dir, "the plan's"), 2)
	text, err := execute(mergeScript(), newScriptValues(p, bin, ""))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(needBash(t), "-c", text)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 4 {
		t.Errorf("the merge ends with %v", err)
	}
	if want := "merge\n" + p.Dir() + "\n--quiet\navx2\n"; string(out) != want {
		t.Errorf("the program got %q; want %q", out, want)
	}
}
