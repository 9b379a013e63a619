package shard

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// cluster is a batch system in virtual time: slots run tasks one after the other,
// tasks die, run slowly, run twice, and finished files get lost. What the tasks do
// to the plan's directory is real.
type cluster struct {
	slots    int
	unit     float64 // seconds of a unit on a machine that is not slow
	overhead float64 // seconds from the start of a task to its first unit
	resume   float64 // seconds between two calls of submit --resume

	deaths    float64 // share of attempts that die before they end
	requeued  float64 // of these, the share that the scheduler starts again itself
	slow      float64 // share of attempts on a machine of a fifth of the speed
	twice     float64 // share of tasks that are started twice
	lostFiles float64 // share of finished shards whose file vanishes
}

// attempt is a task at work.
type attempt struct {
	shard, made int
	owner       string
	end         float64
	dies        bool
}

type byEnd []*attempt

func (h byEnd) Len() int           { return len(h) }
func (h byEnd) Less(i, j int) bool { return h[i].end < h[j].end }
func (h byEnd) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byEnd) Push(x any)        { *h = append(*h, x.(*attempt)) }
func (h *byEnd) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// simulation is a plan on the cluster.
type simulation struct {
	*cluster
	plan  *Plan
	units []string
	rng   *rand.Rand

	now      float64
	queue    []int
	running  byEnd
	active   map[int]int // attempts that run or wait, by shard
	attempts int
	busy     float64 // slot seconds
	rounds   int
}

// run brings the plan to its end and returns how long that took.
func (s *simulation) run() (makespan float64, err error) {
	next := 0.0
	for {
		// A resubmission reads only the directory and the queue.
		if s.now >= next || len(s.running) == 0 && len(s.queue) == 0 {
			done, err := s.submit()
			if err != nil {
				return 0, err
			}
			if done {
				return s.now, nil
			}
			next = s.now + s.resume
		}
		for len(s.running) < s.slots && len(s.queue) > 0 {
			s.start(s.queue[0])
			s.queue = s.queue[1:]
		}
		a := heap.Pop(&s.running).(*attempt)
		s.now = a.end
		if err := s.finish(a); err != nil {
			return 0, err
		}
	}
}

// submit queues every shard that is neither done nor at work.
func (s *simulation) submit() (done bool, err error) {
	// Signs of life of dead tasks are old at once: the time is not real.
	status, err := s.plan.Status(time.Nanosecond)
	if err != nil {
		return false, err
	}
	s.rounds++
	for _, shard := range status.Unfinished() {
		if s.active[shard] > 0 {
			continue
		}
		s.enqueue(shard)
		if s.rng.Float64() < s.twice {
			s.enqueue(shard)
		}
	}
	return status.Done == status.Shards, nil
}

func (s *simulation) enqueue(shard int) {
	s.queue = append(s.queue, shard)
	s.active[shard]++
}

// start puts a task on a slot. How long it takes is known when it begins.
func (s *simulation) start(shard int) {
	s.attempts++
	a := &attempt{shard: shard, owner: fmt.Sprintf("host%d-%d", s.attempts%s.slots, s.attempts), made: s.left(shard)}
	seconds := s.overhead + float64(a.made)*s.unit
	if s.rng.Float64() < s.slow {
		seconds *= 5
	}
	if s.rng.Float64() < s.deaths {
		a.dies = true
		at := s.rng.Float64()
		a.made = int(at * float64(a.made))
		seconds *= at
	}
	a.end = s.now + seconds
	s.busy += seconds
	heap.Push(&s.running, a)
}

// left is what earlier attempts have left to do.
func (s *simulation) left(shard int) int {
	w, err := s.plan.Work(shard, WorkOptions{owner: "look", Beat: time.Hour})
	if err != nil {
		return 0 // it is done
	}
	defer w.Close()
	os.Remove(s.plan.workPath(shard, "look"+partEnding))
	return w.Left()
}

// finish does what the task has done by its end.
func (s *simulation) finish(a *attempt) error {
	s.active[a.shard]--
	w, err := s.plan.Work(a.shard, WorkOptions{owner: a.owner, Beat: time.Hour})
	if errors.Is(err, ErrDone) {
		return nil // by another one
	}
	if err != nil {
		return err
	}
	made := a.made
	for _, i := range s.plan.unitsOf(a.shard) {
		u := s.units[i]
		if _, ok := w.Lookup(u); ok {
			continue
		}
		if a.dies && made == 0 {
			break
		}
		made--
		if err := w.Save(u, valuesOf(i)); err != nil {
			return err
		}
	}
	if !a.dies {
		if err := w.Finish(); err != nil {
			return err
		}
		if s.rng.Float64() < s.lostFiles {
			return os.Remove(s.plan.shardPath(a.shard))
		}
		return nil
	}
	// Nothing is closed; the last line is torn.
	path := s.plan.workPath(a.shard, a.owner+partEnding)
	info, err := w.part.Stat()
	if err != nil {
		return err
	}
	w.part.Close()
	w.part = nil
	close(w.quit)
	if err := os.Truncate(path, max(0, info.Size()-int64(s.rng.IntN(9)))); err != nil {
		return err
	}
	if s.rng.Float64() < s.requeued {
		s.enqueue(a.shard)
	}
	return nil
}

// ideal is how long the work takes that has to be done at this failure rate, each
// unit once and the start of every attempt, spread evenly over the slots. Slow
// machines, lost files, repeated units and the end, when slots are idle, are not
// in it.
func (s *simulation) ideal() float64 {
	attempts := float64(s.plan.Shards) / (1 - s.deaths)
	work := float64(s.plan.Units)*s.unit + attempts*s.overhead
	longest := s.overhead + float64((s.plan.Units+s.plan.Shards-1)/s.plan.Shards)*s.unit
	return max(work/float64(min(s.slots, s.plan.Shards)), longest)
}

func newSimulation(t testing.TB, c *cluster, units, shards int, seed uint64) *simulation {
	t.Helper()
	return &simulation{
		cluster: c, plan: newPlan(t, units, shards), units: unitsOf(units),
		rng: rand.New(rand.NewPCG(seed, 0)), active: make(map[int]int),
	}
}

// TestCluster: with deaths, duplicates, slow machines and lost files every unit is
// there once in the end, and the whole is not much longer than it must be.
func TestCluster(t *testing.T) {
	tasks := 200
	if os.Getenv("SGDWALK_SCALE") != "" {
		tasks = 10_000
	}
	c := &cluster{
		slots: max(1, tasks/50), unit: 30, overhead: 5, resume: 600,
		deaths: 0.3, requeued: 0.5, slow: 0.02, twice: 0.02, lostFiles: 0.01,
	}
	s := newSimulation(t, c, 20*tasks, tasks, 1)
	began := time.Now()
	makespan, err := s.run()
	if err != nil {
		t.Fatal(err)
	}
	ratio := makespan / s.ideal()
	t.Logf("%d tasks on %d slots: %d attempts, %d looks, %.0f s of virtual time, %.3f of the ideal; %.1f s of real "+
		"time",
		tasks, c.slots, s.attempts, s.rounds, makespan, ratio, time.Since(began).Seconds())
	if ratio > 1.3 {
		t.Errorf("the work took %.2f of the ideal, want 1.3 at most", ratio)
	}
	if s.attempts < tasks*5/4 {
		t.Errorf("%d attempts of %d tasks: nothing died", s.attempts, tasks)
	}
	wantMerged(t, s.plan)
}

// TestTaskTable prints the table of SCALE.md.
func TestTaskTable(t *testing.T) {
	if os.Getenv("SGDWALK_SCALE") == "" {
		t.Skip("SGDWALK_SCALE is not set: the table of SCALE.md takes minutes")
	}
	const hours = 200.0
	var b strings.Builder
	for _, deaths := range []float64{0, 0.05, 0.3} {
		for _, tasks := range []int{1, 10, 100, 1000, 10_000} {
			units := 20_000
			c := &cluster{
				slots: min(tasks, 500), unit: hours * 3600 / float64(units), overhead: 8, resume: 600,
				deaths: deaths, requeued: 0.5, slow: 0.02, twice: 0.02, lostFiles: deaths / 30,
			}
			s := newSimulation(t, c, units, tasks, 1)
			makespan, err := s.run()
			if err != nil {
				t.Fatal(err)
			}
			wantMerged(t, s.plan)
			fmt.Fprintf(&b, "| %d | %d | %.0f %% | %.2f h | %.0f %% | %d |\n", tasks, c.slots, 100*deaths,
				makespan/3600, 100*hours*3600/float64(c.slots)/makespan, s.attempts)
		}
	}
	t.Logf("\n%s", b.String())
}

// TestMillionUnits: a plan and a merge of a million units take seconds and less
// than a gigabyte.
func TestMillionUnits(t *testing.T) {
	units := 100_000
	if os.Getenv("SGDWALK_SCALE") != "" {
		units = 1_000_000
	}
	began := time.Now()
	names := unitsOf(units)
	p := &Plan{Analysis: "test", Shards: 64, Kinds: Kinds(names)}
	if err := Create(t.TempDir(), p, Names(cells{units: names})); err != nil {
		t.Fatal(err)
	}
	planned := time.Since(began)
	for shard := range p.Shards {
		w, err := p.Work(shard, WorkOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range p.unitsOf(shard) {
			if err := w.Save(names[i], valuesOf(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	peak := watchHeap(t)
	began = time.Now()
	m, err := reopen(t, p).Merge(false)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, u := range names {
		if v, ok := m.Lookup(u); ok && sameBits(v, valuesOf(i)) {
			n++
		}
	}
	merged := time.Since(began)
	if n != units {
		t.Errorf("%d of %d units are there", n, units)
	}
	bytes := peak()
	t.Logf("%d units: planned in %.2f s, merged in %.2f s, with %d MB at most", units, planned.Seconds(),
		merged.Seconds(), bytes>>20)
	// Times mean little while other tests run.
	if os.Getenv("SGDWALK_SCALE") != "" && (planned > 10*time.Second || merged > 10*time.Second) {
		t.Errorf("planned in %v, merged in %v; want 10 s at most each", planned, merged)
	}
	if bytes > 1<<30 {
		t.Errorf("%d MB of memory, want 1 GB at most", bytes>>20)
	}
}

// watchHeap returns the largest heap until it is called.
func watchHeap(t testing.TB) (peak func() uint64) {
	runtime.GC()
	most, stop, done := uint64(0), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-done
		return most
	}
}
