package submit

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sgdwalk/analyze/shard"
)

func TestSlurmRefuses(t *testing.T) {
	for _, c := range []struct {
		s    Slurm
		want string
	}{
		{Slurm{Partition: "a b"}, `--partition is "a b"`},
		{Slurm{Account: "$(reboot)"}, `--account is "$(reboot)"`},
		{Slurm{Time: "tomorrow"}, `--time is "tomorrow"; allowed: minutes`},
		{Slurm{Time: "1:2:3:4"}, `--time is "1:2:3:4"`},
		{Slurm{Time: "2"}, "at least 3m"},
		{Slurm{Time: "0:02:59"}, "at least 3m"},
		{Slurm{MergeTime: "1h"}, `--merge-time is "1h"`},
		{Slurm{Mem: "4GB"}, `--mem is "4GB"`},
		{Slurm{Mem: "-1"}, `--mem is "-1"`},
		{Slurm{CPUs: -2}, "--cpus is -2"},
		{Slurm{Limit: -1}, "--array-limit is -1"},
		{Slurm{Extra: []string{"--array=0-99"}}, `--extra has "--array=0-99"`},
		{Slurm{Extra: []string{"-a0-99"}}, `--extra has "-a0-99"`},
		{Slurm{Extra: []string{"--qos=long", "--no-requeue"}}, `--extra has "--no-requeue"`},
		{Slurm{Extra: []string{"script.sh"}}, `--extra begins with "script.sh"`},
		{Slurm{Extra: []string{"--comment=a\nb"}}, "control character"},
	} {
		err := c.s.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v; want one line with %q", c.s, err, c.want)
		}
	}
	good := Slurm{
		Partition: "short,long", Account: "lab-1", Time: "1-00:00:00", MergeTime: "90", Mem: "4G", CPUs: 8,
		Limit: 20, Extra: []string{"--qos=long", "-C", "avx2|avx512"},
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

// TestLimit: the forms of man sbatch.
func TestLimit(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90": 90 * time.Minute, "90:30": 90*time.Minute + 30*time.Second,
		"2:3:4": 2*time.Hour + 3*time.Minute + 4*time.Second,
		"1-6":   30 * time.Hour, "1-6:30": 30*time.Hour + 30*time.Minute, "2-0:0:5": 48*time.Hour + 5*time.Second,
	} {
		if got, limited := limitOf(text); !limited || got != want {
			t.Errorf("%s is %v, %v; want %v", text, got, limited, want)
		}
	}
	if _, limited := limitOf("UNLIMITED"); limited {
		t.Error("UNLIMITED is a limit")
	}
}

// TestDefaultTime: 6 units of 100 s on 2 cores in 2 shards take a core 601 s a task;
// twice that and ten minutes is a little above 30.
func TestDefaultTime(t *testing.T) {
	p := testPlan(t, t.TempDir(), 2)
	s := Slurm{}
	if got, want := s.timeOf(p), "0-00:31:00"; got != want {
		t.Errorf("the limit is %s; want %s", got, want)
	}
	s.CPUs = 2
	if got, want := s.timeOf(p), "0-00:21:00"; got != want {
		t.Errorf("on 2 cores the limit is %s; want %s", got, want)
	}
	p.TimedCores = 0
	if got := s.timeOf(p); got != "" {
		t.Errorf("without an estimate the limit is %s", got)
	}
}

// TestArrays: every shard is in one task, whose number is below the limit; the
// tasks that can run at once are what was asked for.
func TestArrays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(2, 50).Draw(t, "size")
		limit := rapid.IntRange(0, 120).Draw(t, "limit")
		var shards []int
		for s := range rapid.IntRange(1, 400).Draw(t, "shards") {
			if rapid.IntRange(0, 3).Draw(t, "missing") > 0 {
				shards = append(shards, s)
			}
		}
		var got []int
		list := arrays(shards, size, limit)
		for i, a := range list {
			for _, s := range a.Shards {
				if task := s - a.Offset; task < 0 || task >= size {
					t.Fatalf("shard %d is task %d of an array at %d of up to %d", s, task, a.Offset, size)
				}
				got = append(got, s)
			}
			if a.After >= i {
				t.Fatalf("array %d waits for %d", i, a.After)
			}
		}
		if d := cmp.Diff(shards, got); d != "" {
			t.Fatal(d)
		}
		if limit == 0 || limit >= len(shards) {
			for _, a := range list {
				if a.Limit != 0 || a.After != -1 {
					t.Fatalf("an array is limited: %+v", a)
				}
			}
			return
		}
		// At most limit at once, whichever arrays stand first in their queues; and as
		// many when there are tasks for it.
		first, most := 0, 0
		for i, a := range list {
			if a.Limit < 1 {
				t.Fatalf("array %d may run %d tasks", i, a.Limit)
			}
			if a.After < 0 {
				first += a.Limit
			} else if list[a.After].Limit != a.Limit {
				t.Fatalf("array %d may run %d tasks at once, the one before it %d", i, a.Limit, list[a.After].Limit)
			}
		}
		for _, a := range list {
			if a.After < 0 {
				most += a.Limit
			}
		}
		if first != limit || most != limit {
			t.Fatalf("%d tasks run at once; want %d", first, limit)
		}
	})
}

func TestTasks(t *testing.T) {
	a := Array{Offset: 1001, Shards: []int{1001, 1002, 1003, 1010}, Limit: 2}
	if got, want := a.tasks(), "0-2,9%2"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
	// All of a large sparse array are one argument, of which Linux allows 128 KiB.
	list := make([]int, 0, mostTasks/2)
	for s := range mostTasks / 2 {
		list = append(list, 90_000+2*s)
	}
	all := arrays(list, arraySize(4_000_001), 0)
	for _, a := range all {
		if n := len(a.tasks()); n > 100<<10 {
			t.Errorf("the list of tasks has %d bytes", n)
		}
	}
	if len(all) != 1 || all[0].Offset != 90_000 {
		t.Errorf("%d arrays, the first at %d", len(all), all[0].Offset)
	}
	if got := arraySize(1001); got != 1001 {
		t.Errorf("an array has %d tasks where numbers up to 1000 are allowed", got)
	}
	if last := arrays([]int{shard.MaxShards - 1}, 1001, 0)[0]; last.tasks() != "900" || last.Offset != 99_099 {
		t.Errorf("the last shard is task %s of the array at %d", last.tasks(), last.Offset)
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"--qos=long --constraint=avx2": {"--qos=long", "--constraint=avx2"},
		`--comment='a "b" c'  -x`:      {`--comment=a "b" c`, "-x"},
		`"a\"b\\c\d" e\ f ''`:          {`a"b\c\d`, "e f", ""},
		"":                             nil,
	} {
		got, err := Words(text)
		if err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{`'a`, `"a`, `a\`} {
		if got, err := Words(text); err == nil {
			t.Errorf("%q is %q", text, got)
		}
	}
}

// TestQuotesOfShell: a real shell reads every word as it was. The bytes are those
// that file names can have and checkPath lets through.
func TestQuotesOfShell(t *testing.T) {
	bash := needBash(t)
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringOf(rapid.RuneFrom([]rune(` '"$\!*?[]{}()<>|&;#~%äaA0-=/`+"`"))), 1,
			8).Draw(t, "words")
		line := "printf '%s\\n'"
		for _, w := range words {
			line += " " + ShellQuote(w)
		}
		if got := output(t, bash, "-c", line); got != strings.Join(words, "\n")+"\n" {
			t.Fatalf("%s prints %q", line, got)
		}
		// Words reads what the shell reads.
		back, err := Words(line)
		if err != nil || cmp.Diff(words, back[2:]) != "" {
			t.Fatalf("%s is %q, %v", line, back, err)
		}
	})
}
