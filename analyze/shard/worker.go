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

// WorkOptions are the options of Work. The zero value is valid.
type WorkOptions struct {
	// Progress receives the units of the shard; nil disables progress reporting.
	Progress analyze.Progress
	// Stop is called after Interrupt as soon as the current unit is saved, and must cancel the
	// context of the analysis; nil does nothing.
	Stop func()
	// Beat is the time between two signs of life; 0 means Beat.
	Beat time.Duration
	// Note receives a message about every damaged file that is written again; nil ignores it.
	Note func(text string)

	owner string // name of the worker in its file names; tests set it
}

// Beat is the time between two signs of life of a worker.
const Beat = 10 * time.Second

// ErrDone is wrapped by the error of Work when the shard is already finished.
var ErrDone = errors.New("the shard is already done")

// Worker is the store of one worker. It has the units of its shard that earlier workers have
// saved, and saves the remaining ones. Save returns after the operating system has the unit,
// so the death of the process loses no saved unit.
type Worker struct {
	plan  *Plan
	shard int
	owner string
	names []string
	opts  WorkOptions

	mu       sync.Mutex
	mine     map[string]bool      // the units of the shard
	have     map[string][]float64 // the finished units
	found    int                  // number of units that earlier workers have saved
	part     *os.File             // file of the finished units; nil after Close
	buffer   []byte
	stopping bool // Interrupt was called

	started time.Time
	quit    chan struct{}
	beating sync.WaitGroup
}

var _ analyze.Store = (*Worker)(nil)

// life is the content of a worker's sign of life. A failed worker leaves one with an error.
type life struct {
	Host    string  `json:"host"`
	Process int     `json:"process"`
	Units   int     `json:"units"`   // finished units of the shard
	Made    int     `json:"made"`    // units that this worker has finished
	Seconds float64 `json:"seconds"` // time since this worker started
	Error   string  `json:"error,omitempty"`
}

// Work starts or continues the work on a shard. The caller must call Close.
//
// The error wraps ErrDone when the shard is already finished, and ErrForeign when the
// directory has files of another plan or shard. Work renames a damaged shard file, so that
// the shard is computed again and the damaged file remains for inspection.
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
		renamed := p.workPath(shard, w.owner+".damaged")
		if err := os.MkdirAll(filepath.Dir(renamed), 0o777); err != nil {
			return nil, fmt.Errorf("shard: %w", err)
		}
		if err := os.Rename(p.shardPath(shard), renamed); err != nil {
			return nil, fmt.Errorf("shard: %w", err)
		}
		if opts.Note != nil {
			opts.Note(fmt.Sprintf("%v; it is renamed to %s and the shard is computed again", err, renamed))
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	for _, unit := range p.unitsOf(shard) {
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
		// Another worker that has just finished removes the files.
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	w.found = len(w.have)
	return nil
}

// begin writes the first line and the units that earlier workers have saved. The units are
// written again for two reasons: Work has emptied the file of an earlier process with the
// same id, and other workers remove their files when they finish.
func (w *Worker) begin() error {
	b := []byte(w.plan.firstLine(w.shard))
	for _, unit := range w.plan.unitsOf(w.shard) {
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

// Found returns the number of units that earlier workers had saved.
func (w *Worker) Found() int { return w.found }

// Left returns the number of units that are not evaluated yet.
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

// Mine reports whether the unit is in this shard. It also calls WorkOptions.Stop after
// Interrupt, for a worker that is interrupted before its first unit and so never calls Save.
func (w *Worker) Mine(unit string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping && w.opts.Stop != nil {
		w.opts.Stop()
	}
	return w.mine[unit]
}

// Save appends a unit of this shard to the worker's file, and ignores units of other shards.
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

// Interrupt asks the worker to stop. The worker finishes and saves the current unit, and
// then calls WorkOptions.Stop. Interrupt does not wait for that.
func (w *Worker) Interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
}

// Finish writes the file of the shard, closes the worker, and removes the files of all
// workers on the shard. It returns an error when a unit of the shard was not evaluated.
func (w *Worker) Finish() error {
	w.mu.Lock()
	for unit := range w.mine {
		if _, ok := w.have[unit]; !ok {
			w.mu.Unlock()
			return fmt.Errorf("shard: %s of shard %d is in the plan, but the analysis did not evaluate it",
				unit, w.shard)
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
	os.Remove(w.plan.workPath(w.shard, "")) // fails, as it should, when another worker has files there
	return nil
}

// Endings of a worker's files: finished units, sign of life, reason of a failure.
const (
	partEnding   = ".part"
	lifeEnding   = ".life"
	failedEnding = ".failed"
)

// Fail writes the reason why the worker gives up; Status shows it.
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

// beat writes a sign of life at every beat until Close.
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

// Close ends the work and removes the sign of life. The saved units stay on disk for the
// next worker on this shard. A second Close does nothing.
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
