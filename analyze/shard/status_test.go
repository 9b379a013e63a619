package shard

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"sgdwalk/analyze/job"
)

func TestStates(t *testing.T) {
	p := newPlan(t, 60, 6)
	work(t, p, 0)
	begin := func(shard int, owner string) *Worker {
		t.Helper()
		w, err := p.Work(shard, WorkOptions{owner: owner, Beat: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.Close() })
		return w
	}
	some := 4
	running := begin(1, "host-1")
	if err := compute(t.Context(), dying{running, &some}, unitsOf(60)); err == nil {
		t.Fatal("it went through")
	}
	if err := running.sign(""); err != nil {
		t.Fatal(err)
	}
	failed := begin(2, "host-2")
	if err := failed.Fail(errors.New("the loss is on strike")); err != nil {
		t.Fatal(err)
	}
	failed.Close()
	lost := begin(3, "host-3")
	old := time.Now().Add(-2 * silence * Beat)
	if err := os.Chtimes(p.workPath(3, "host-3"+lifeEnding), old, old); err != nil {
		t.Fatal(err)
	}
	// One that failed and was begun again runs; one that was told to stop waits.
	again := begin(4, "host-4")
	if err := again.Fail(errors.New("once")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(p.workPath(4, "host-4"+failedEnding), old, old); err != nil {
		t.Fatal(err)
	}
	told, three := begin(5, "host-5"), 3
	if err := compute(t.Context(), dying{told, &three}, unitsOf(60)); err == nil {
		t.Fatal("it went through")
	}
	told.Close()

	s, err := reopen(t, p).Status(0)
	if err != nil {
		t.Fatal(err)
	}
	want := []State{Done, Running, Failed, Lost, Running, Waiting}
	for i, one := range s.Each {
		if one.State != want[i] || one.Shard != i {
			t.Errorf("shard %d is %s, want %s", one.Shard, one.State, want[i])
		}
	}
	if s.Done != 1 || s.Running != 2 || s.Failed != 1 || s.Lost != 1 || s.Waiting != 1 || s.Damaged != 0 ||
		s.Shards != 6 || s.Units != 60 {
		t.Errorf("%+v", s)
	}
	if s.Present != 17 || s.Each[5].Units != 3 || s.Each[1].Units != 4 {
		t.Errorf("%d units are there, %d of shard 1; want 17 and 4", s.Present, s.Each[1].Units)
	}
	if s.Rate <= 0 || s.ETA <= 0 {
		t.Errorf("rate %v, ETA %v", s.Rate, s.ETA)
	}
	if s.Each[2].Reason != "the loss is on strike" || s.Each[2].Host == "" {
		t.Errorf("%+v does not say why", s.Each[2])
	}
	if got := Ranges(s.Unfinished()); got != "2-3,5" {
		t.Errorf("to be submitted again are %s, want 2-3,5", got)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Error(err)
	}
	lost.Close()
}

// A host whose clock is an hour off does not look dead, nor a dead one alive: ages
// are of files, by the clock of the file system.
func TestAgesAreOfTheFileSystem(t *testing.T) {
	p := newPlan(t, 10, 1)
	w, err := p.Work(0, WorkOptions{Beat: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if d := -time.Until(p.now()); d < -time.Minute || d > time.Minute {
		t.Errorf("the clock is off by %v", d)
	}
	path := p.workPath(0, w.owner+lifeEnding)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 { // the worker keeps writing signs of life
		later, err := os.Stat(path)
		if err == nil && later.ModTime().After(info.ModTime()) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if later, err := os.Stat(path); err != nil || !later.ModTime().After(info.ModTime()) {
		t.Errorf("no sign of life after the first: %v", err)
	}
	if s, err := p.Status(50 * time.Millisecond); err != nil || s.Each[0].State != Running {
		t.Errorf("%+v, %v", s, err)
	}
	if left, err := os.ReadDir(p.Dir() + "/" + workName); err != nil || len(left) != 1 {
		t.Errorf("status leaves %v, %v", left, err)
	}
}

// Status works in a read-only directory.
func TestStatusOfAReadOnlyDirectory(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write to a read-only directory")
	}
	p := newPlan(t, 10, 2)
	work(t, p, 0)
	if err := os.Chmod(p.Dir()+"/"+workName, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(p.Dir()+"/"+workName, 0o755)
	if s, err := p.Status(0); err != nil || s.Done != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := p.Work(1, WorkOptions{}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("work in it: %v", err)
	}
}

// An interrupted worker finishes and saves its current unit.
func TestInterruptKeepsTheUnitAtWork(t *testing.T) {
	p := newPlan(t, 10, 1)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := p.Work(0, WorkOptions{Stop: cancel})
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for i, u := range unitsOf(10) {
		if !w.Mine(u) || ctx.Err() != nil {
			break
		}
		if i == 3 {
			w.Interrupt() // in the middle of unit 3
			if ctx.Err() != nil {
				t.Fatal("it is stopped before the unit is kept")
			}
		}
		if err := w.Save(u, valuesOf(i)); err != nil {
			t.Fatal(err)
		}
		done++
		if ctx.Err() != nil {
			break
		}
	}
	if done != 4 || w.Left() != 6 {
		t.Errorf("%d units done, %d left; want 4 and 6", done, w.Left())
	}
	if err := w.Finish(); err == nil || !strings.Contains(err.Error(), "did not evaluate it") {
		t.Errorf("a part of a shard is finished: %v", err)
	}
	w.Close()
	again, err := p.Work(0, WorkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Found() != 4 {
		t.Errorf("the next worker finds %d units, want 4", again.Found())
	}
}

// A worker that is interrupted between two units starts no other unit.
func TestInterruptBetweenUnits(t *testing.T) {
	p := newPlan(t, 10, 1)
	stopped := false
	w, err := p.Work(0, WorkOptions{Stop: func() { stopped = true }})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Interrupt()
	if w.Mine("cell 0 0"); !stopped {
		t.Error("the worker continues")
	}
}

// Some units of each kind are timed, and one in any case.
func TestTime(t *testing.T) {
	units := unitsOf(200)
	for i := range units {
		if i%2 == 1 {
			units[i] = strings.Replace(units[i], "cell", "iterate", 1)
		}
	}
	for most, want := range map[time.Duration]int{time.Minute: 10, 0: 1} {
		kinds, err := Time(t.Context(), slow{cells{units: units}}, 5, most, nil)
		if err != nil {
			t.Fatal(err)
		}
		timed := 0
		for _, k := range kinds {
			if timed += k.Timed; k.Units != 100 || k.Seconds < 0.002 || k.Seconds > 1 {
				t.Errorf("%+v; want 100 units, of 2 ms or more", k)
			}
		}
		if timed != want {
			t.Errorf("%d units are timed in %v, want %d", timed, most, want)
		}
	}
}

// slow is a job whose units take two milliseconds.
type slow struct{ cells }

func (s slow) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	return s.cells.Evaluate(ctx, units, func(u job.Unit, values []float64) error {
		time.Sleep(2 * time.Millisecond)
		return save(u, values)
	})
}

func TestEstimate(t *testing.T) {
	kinds := []Kind{{Name: "cell", Units: 3600, Seconds: 0.5}, {Name: "iterate", Units: 100, Seconds: 36}}
	e := NewEstimate(kinds, 4, 2, 3*time.Second, 1000)
	if e.CoreSeconds != 4*(1800+3600) {
		t.Errorf("%v core seconds, want 21600", e.CoreSeconds)
	}
	if e.Suggested != 18 { // 21600 / 2 / 600
		t.Errorf("%d shards, want 18", e.Suggested)
	}
	if got := e.Task(18); got != 603*time.Second {
		t.Errorf("a task takes %v, want 603 s", got)
	}
	small := NewEstimate(kinds[:1], 1, 1, 0, 0)
	if small.Suggested != 3 {
		t.Errorf("%d shards for half an hour, want 3", small.Suggested)
	}
}
