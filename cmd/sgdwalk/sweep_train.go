package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"sgdwalk/analyze"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train"
	"sgdwalk/train/replay"
)

// fills is the share of a perfect speed-up above which a network is said to fill
// the cores: it is then trained alone with all of them, which gives each result
// sooner and no core is idle at the end. Below it, one core a cell does more.
const fills = 0.85

// assign decides with how many workers each cell is trained.
func (s *sweep) assign() {
	left := 0
	for _, p := range s.cells {
		if p.kept == nil {
			left++
		}
	}
	atOnce := s.cores
	if s.jobs > 0 {
		atOnce = s.jobs
	}
	atOnce = max(1, min(atOnce, left))
	share := max(1, s.cores/atOnce)
	large := make(map[string]bool)
	for _, p := range s.cells {
		if p.kept != nil {
			continue
		}
		p.workers = share
		key := fmt.Sprint(p.Model, p.header.Data.Hash, p.header.Batch, p.header.Optimizer.Hyperparameters["micro_batch"])
		is, known := large[key]
		if !known && share < s.cores {
			is = speedup(p.config, s.cores) >= fills*float64(s.cores)
			large[key] = is
		}
		if is {
			p.workers = s.cores
		}
	}
}

// speedup measures how much faster a step is with all cores than with one; 1 when
// it cannot be measured.
func speedup(c replay.Config, cores int) float64 {
	var took [2]time.Duration
	for i, workers := range []int{1, cores} {
		c.Workers = workers
		x, err := replay.New(c)
		if err != nil {
			return 1
		}
		took[i], err = x.TimeStep()
		x.Model().Close()
		if err != nil || took[i] <= 0 {
			return 1
		}
	}
	return float64(took[0]) / float64(took[1])
}

// train trains what is left, in the order of the grid. A cell takes as many of
// the cores as it has workers.
func (s *sweep) train(ctx context.Context) {
	tokens := int64(max(s.cores, s.jobs))
	if s.jobs > 0 && s.jobs < s.cores {
		tokens = int64(s.jobs * (s.cores / s.jobs))
	}
	free := semaphore.NewWeighted(tokens)
	shared := &sharedView{to: s.progress}
	total := int64(0)
	for _, p := range s.cells {
		if p.kept == nil {
			total += p.header.Steps
		}
	}
	shared.to.Begin(fmt.Sprintf("sweep of %d cells", len(s.cells)), int(total))
	var all sync.WaitGroup
	for i, p := range s.cells {
		s.results[i] = newCellResult(p)
		if p.kept != nil {
			s.results[i].take(p.kept)
			s.save(ctx, p, p.kept, nil)
			continue
		}
		// A cell with more workers than tokens waits for all of them.
		n := min(int64(p.workers), tokens)
		if free.Acquire(ctx, n) != nil {
			s.results[i].Status, s.results[i].Message = waiting, "not begun: the sweep was interrupted"
			continue
		}
		all.Go(func() {
			defer free.Release(n)
			t, err := s.trainCell(ctx, p, shared)
			s.results[i].take(t)
			s.save(ctx, p, t, err)
		})
	}
	all.Wait()
	shared.to.End()
}

// trainCell trains one cell. Whatever goes wrong is its result, and the error.
func (s *sweep) trainCell(ctx context.Context, p *plannedCell, shared *sharedView) (t *trainSummary, err error) {
	seen := &cellView{to: shared, left: int(p.header.Steps)}
	defer seen.rest()
	failure := func(err error) *trainSummary {
		return &trainSummary{Result: train.Result{Status: failed, Message: oneLine(err)}}
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
			t = failure(err)
		}
	}()
	e := &env{stdout: io.Discard, stderr: io.Discard, silent: true, progress: seen}
	summary, err := s.startOrGoOn(ctx, e, p)
	for s.share != nil && s.atWork(ctx, p, err) {
		summary, err = s.startOrGoOn(ctx, e, p)
	}
	if err != nil {
		return failure(err), err
	}
	return &summary, nil
}

// startOrGoOn trains the cell from where it is.
func (s *sweep) startOrGoOn(ctx context.Context, e *env, p *plannedCell) (t trainSummary, err error) {
	flags := p.flags()
	// One that was killed while it began is begun anew.
	if _, err := os.Stat(filepath.Join(p.dir, configName)); err == nil && !isUnborn(p.dir) {
		trace, err := arrowfile.Open(p.dir)
		if err != nil {
			return t, err
		}
		defer trace.Close()
		if last, err := lastRow(trace); err == nil && last != nil && last.IsLast() {
			if trace.Live() {
				return t, fmt.Errorf("%s: %w", p.dir, arrowfile.ErrLocked)
			}
			if kept, err := readTrainSummary(p.dir); kept != nil || err != nil {
				return *cmp.Or(kept, &t), err
			}
			return endedRun(p, trace, last)
		}
		return goOn(ctx, e, flags, trace, p.dir, replay.Options{Workers: p.workers, Opened: p.config.Opened})
	}
	// What a worker beside this one has begun is not begun anew.
	opts, err := flags.options(s.share == nil || isUnborn(p.dir))
	if err != nil {
		return t, err
	}
	c := p.config
	c.Workers = p.workers
	x, err := replay.New(c)
	if err != nil {
		return t, err
	}
	defer x.Model().Close()
	if opts.ExtraFiles, err = p.beside(flags, x.Header()); err != nil {
		return t, err
	}
	r, err := flags.record(x.Header(), func(h *record.Header) (*arrowfile.Writer, error) { return arrowfile.Create(p.dir, h, opts) })
	if err != nil {
		return t, err
	}
	return fly(ctx, e, x, r, p.dir, fromStart)
}

// endedRun is the summary of a run that was killed between its last row and the
// file that says how it ended.
func endedRun(p *plannedCell, trace *arrowfile.Reader, last *record.Step) (trainSummary, error) {
	t := trainSummary{Run: p.dir, Model: p.Model, Parameters: p.header.Layout.Len(), Complete: true, Rows: int64(trace.Len()), Bytes: trace.Bytes()}
	t.Result = train.Result{
		Status: train.Finished, Steps: last.Step, Rows: int64(trace.Len()), Evaluations: last.Evaluations,
		FullLoss: last.FullLoss, TestLoss: last.TestLoss, Message: fmt.Sprintf("finished %s in %s", analyze.Count(p.header.Epochs, "epoch"), analyze.Count(int(last.Step), "step")),
	}
	t.Recording.Rows = int64(trace.Len())
	if trace.Len() > 1 {
		before, err := trace.Read(trace.Len()-2, record.ScalarsOnly)
		if err != nil {
			return t, err
		}
		t.BatchLoss = before.BatchLoss
	}
	return t, t.save(p.dir)
}

// readTrainSummary returns how a run ended, nil if it has not or if its recording
// is not whole: rows are missing, or it cannot be opened. A summary that is damaged
// counts as none: the last steps are then computed again, and it is written again.
func readTrainSummary(dir string) (*trainSummary, error) {
	text, err := readRunFile(dir, summaryName)
	if errors.Is(err, fs.ErrNotExist) || record.IsDamage(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := new(trainSummary)
	if json.Unmarshal(text, t) != nil {
		return nil, nil
	}
	if t.Result.Status != train.Finished && t.Result.Status != train.Diverged || strings.TrimSpace(t.Recording.Error) != "" {
		return nil, nil
	}
	trace, err := arrowfile.Open(dir)
	if err != nil {
		return nil, nil //nolint:nilerr // who trains the cell is told
	}
	defer trace.Close()
	if rows := cmp.Or(t.Rows, t.Recording.Rows); int64(trace.Len()) != rows || t.Result.Status == train.Finished && !trace.Finished() {
		return nil, nil
	}
	return t, nil
}

// sharedView lets several cells report to one progress.
type sharedView struct {
	mutex sync.Mutex
	to    view
}

func (v *sharedView) add(n int) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.to.Add(n)
}

// cellView is the progress of one cell as a part of the sweep's.
type cellView struct {
	to   *sharedView
	left int // steps not yet reported
}

func (*cellView) Begin(string, int) {}
func (*cellView) End()              {}

// Add reports steps.
func (v *cellView) Add(n int) {
	v.left -= n
	v.to.add(n)
}

// rest reports the steps that the cell did not make: it had been begun before, or
// ended early.
func (v *cellView) rest() {
	if v.left > 0 {
		v.Add(v.left)
	}
}
