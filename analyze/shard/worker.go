package shard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/unitline"
	"sgdwalk/record/safefile"
)

// WorkOptions of Work. The zero value is the documented default.
type WorkOptions struct {
	// Progress receives the units of the shard; nil disables progress reporting.
	Progress analyze.Progress
	// Stop is called after Interrupt, when the unit that was being evaluated is saved. It ends
	// the analysis; nil does nothing.
	Stop func()
	// Beat is the time between two signs of life; 0 means Beat.
	Beat time.Duration
	// Note receives a message about damaged files that are written again; nil ignores it.
	Note func(text string)

	owner string // of the files, in tests
}

// Beat is the time between two signs of life of a worker.
const Beat = 10 * time.Second

// ErrDone is wrapped by the error of Work when the shard is finished.
var ErrDone = errors.New("the shard is already done")

// Worker is the store of one worker. It has the units of its shard that earlier workers have
// saved, and saves the others. Save returns after the operating system has the unit.
type Worker struct {
	plan  *Plan
	shard int
	owner string
	names []string
	opts  WorkOptions

	mu       sync.Mutex
	mine     map[string]bool
	have     map[string][]float64
	found    int // units that earlier workers have saved
	part     *os.File
	buffer   []byte
	stopping bool

	started time.Time
	quit    chan struct{}
	beating sync.WaitGroup
}

var _ analyze.Store = (*Worker)(nil)

// life is the sign of life of a worker. With an error it is what a failed worker leaves.
type life struct {
	Host    string  `json:"host"`
	Process int     `json:"process"`
	Units   int     `json:"units"`   // finished units of the shard
	Made    int     `json:"made"`    // units that this worker has finished
	Seconds float64 `json:"seconds"` // time that it took for them
	Error   string  `json:"error,omitempty"`
}

// Work starts or continues the work on a shard. Close must be called.
//
// The error wraps ErrDone when there is nothing to do, and ErrForeign when files of
// another plan are in the way. Work puts a damaged shard file aside.
func (p *Plan) Work(shard int, opts WorkOptions) (*Worker, error) {
	if err := p.CheckShard(shard); err != nil {
		return nil, err
	}
	names, err := p.Names()
	if err != nil {
		return nil, err
	}
	w := &Worker{
		plan: p, shard: shard, names: names, opts: opts, mine: make(map[string]bool),
		have: make(map[string][]float64), quit: make(chan struct{}), started: time.Now(), owner: opts.owner,
	}
	if w.owner == "" {
		w.owner = owner()
	}
	if w.opts.Progress == nil {
		w.opts.Progress = analyze.NoProgress{}
	}
	if w.opts.Beat == 0 {
		w.opts.Beat = Beat
	}
	for _, path := range []string{p.shardPath(shard), p.workPath(shard, "")} {
		if err := safefile.CheckBelow(p.dir, path); err != nil {
			return nil, fmt.Errorf("shard: %w", err)
		}
	}
	switch err := p.readShard(shard, names, func(int, []float64, lineAt) {}); {
	case err == nil:
		return nil, fmt.Errorf("shard: shard %d: %w", shard, ErrDone)
	case errors.Is(err, ErrDamaged):
		aside := p.workPath(shard, w.owner+".damaged")
		if err := os.MkdirAll(filepath.Dir(aside), 0o777); err != nil {
			return nil, fmt.Errorf("shard: %w", err)
		}
		if err := os.Rename(p.shardPath(shard), aside); err != nil {
			return nil, fmt.Errorf("shard: %w", err)
		}
		if opts.Note != nil {
			opts.Note(fmt.Sprintf("%v; it is put aside as %s and written again", err, aside))
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	for _, unit := range p.of(shard) {
		w.mine[names[unit]] = true
	}
	if err := w.takeOver(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.workPath(shard, ""), 0o777); err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	if w.part, err = safefile.Open(p.workPath(shard, w.owner+partEnding),
		os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND); err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	if err := w.begin(); err != nil {
		w.Close()
		return nil, err
	}
	w.opts.Progress.Begin(fmt.Sprintf("shard %d of %d", shard, p.Shards), len(w.mine))
	w.opts.Progress.Add(w.found)
	w.beating.Go(w.beat)
	return w, nil
}

// takeOver takes the units that earlier workers have saved.
func (w *Worker) takeOver() error {
	paths, err := w.plan.workFiles(w.shard, partEnding)
	if err != nil {
		return err
	}
	for _, path := range paths {
		err := w.plan.readPart(path, w.shard, func(unit string, values []float64) {
			if w.mine[unit] {
				w.have[unit] = values
			}
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the worker has just finished
			return err
		}
	}
	w.found = len(w.have)
	return nil
}

// begin writes the first line and the units that were found. It writes them again, because
// opening the file has emptied it when an earlier process had the same id, and because
// other workers remove their files when they finish.
func (w *Worker) begin() error {
	b := []byte(w.plan.firstLine(w.shard))
	for _, unit := range w.plan.of(w.shard) {
		if values, ok := w.have[w.names[unit]]; ok {
			var err error
			if b, err = unitline.Append(b, w.plan.seed(), w.names[unit], values); err != nil {
				return fmt.Errorf("shard: %w", err)
			}
		}
	}
	if _, err := w.part.Write(b); err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	return w.sign("")
}

// Found returns how many units earlier workers had saved.
func (w *Worker) Found() int { return w.found }

// Left returns how many units have to be evaluated.
func (w *Worker) Left() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.mine) - len(w.have)
}

// Lookup returns the values of a finished unit of this shard.
func (w *Worker) Lookup(unit string) ([]float64, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	v, ok := w.have[unit]
	return v, ok
}

// Mine reports whether the unit is in this shard. A worker that was interrupted before it
// evaluates anything is stopped here.
func (w *Worker) Mine(unit string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping && w.opts.Stop != nil {
		w.opts.Stop()
	}
	return w.mine[unit]
}

// Save keeps a unit of this shard, and ignores others.
func (w *Worker) Save(unit string, values []float64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.mine[unit] {
		return nil
	}
	if w.part == nil {
		return fmt.Errorf("shard: %s is saved after the worker was closed", unit)
	}
	var err error
	if w.buffer, err = unitline.Append(w.buffer[:0], w.plan.seed(), unit, values); err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	if _, err := w.part.Write(w.buffer); err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	w.have[unit] = slices.Clone(values)
	w.opts.Progress.Add(1)
	if w.stopping && w.opts.Stop != nil {
		w.opts.Stop()
	}
	return nil
}

// Interrupt lets the unit that is being evaluated finish, saves it, and then calls
// WorkOptions.Stop.
func (w *Worker) Interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
}

// Finish writes the file of the shard when all units are evaluated, and removes the files of
// workers on the shard.
func (w *Worker) Finish() error {
	w.mu.Lock()
	for unit := range w.mine {
		if _, ok := w.have[unit]; !ok {
			w.mu.Unlock()
			return fmt.Errorf("shard: %s of shard %d is in the plan, but the analysis did not evaluate it", unit, w.shard)
		}
	}
	w.mu.Unlock()
	if err := w.plan.writeShard(w.shard, w.names, func(unit string) []float64 { return w.have[unit] }); err != nil {
		return err
	}
	w.Close()
	paths, err := w.plan.workFiles(w.shard, partEnding, lifeEnding, failedEnding)
	if err != nil {
		return err
	}
	for _, path := range paths {
		os.Remove(path)
	}
	os.Remove(w.plan.workPath(w.shard, "")) // unless another worker has files there
	return nil
}

// Endings of the files of a worker: finished units, sign of life, reason of its failure.
const (
	partEnding   = ".part"
	lifeEnding   = ".life"
	failedEnding = ".failed"
)

// Fail leaves the reason why the worker gave up, which Status shows.
func (w *Worker) Fail(reason error) error { return w.sign(reason.Error()) }

// sign writes a sign of life, or the reason of a failure.
func (w *Worker) sign(failure string) error {
	w.mu.Lock()
	l := life{
		Host: host(), Process: os.Getpid(), Units: len(w.have), Made: len(w.have) - w.found,
		Seconds: time.Since(w.started).Seconds(), Error: failure,
	}
	w.mu.Unlock()
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	path := w.plan.workPath(w.shard, w.owner+lifeEnding)
	if failure != "" {
		path = w.plan.workPath(w.shard, w.owner+failedEnding)
	}
	if err := safefile.WriteTransient(path, append(text, '\n')); err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	return nil
}

func (w *Worker) beat() {
	t := time.NewTicker(w.opts.Beat)
	defer t.Stop()
	for {
		select {
		case <-w.quit:
			return
		case <-t.C:
			// When the directory is full or gone, the next Save reports it.
			_ = w.sign("")
		}
	}
}

// Close ends the work. The saved units stay for the next worker on this shard.
func (w *Worker) Close() error {
	w.mu.Lock()
	if w.part == nil {
		w.mu.Unlock()
		return nil
	}
	err := w.part.Close()
	w.part = nil
	w.mu.Unlock()
	close(w.quit)
	w.beating.Wait()
	os.Remove(w.plan.workPath(w.shard, w.owner+lifeEnding))
	if err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	return nil
}
