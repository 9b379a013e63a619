package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"sgdwalk/record/arrowfile"
	"sgdwalk/record/printable"
	"sgdwalk/record/recorder"
	"sgdwalk/train"
	"sgdwalk/train/replay"
	"sgdwalk/train/session"
)

// fills is the share of a perfect speed-up above which a network uses all cores well. Such a cell is trained alone
// with all cores, which gives each result sooner and leaves no core idle at the end. Below it, one core a cell
// does more.
const fills = 0.85

// assign decides with how many workers each cell is trained.
func (s *Sweep) assign() {
	left := 0
	for _, p := range s.Cells {
		if p.Kept == nil {
			left++
		}
	}
	atOnce := s.cores
	if s.o.Jobs > 0 {
		atOnce = s.o.Jobs
	}
	atOnce = max(1, min(atOnce, left))
	each := max(1, s.cores/atOnce)
	large := make(map[string]bool)
	for _, p := range s.Cells {
		if p.Kept != nil {
			continue
		}
		p.workers = each
		key := fmt.Sprint(p.Model, p.Header.Data.Hash, p.Header.Batch,
			p.Header.Optimizer.Hyperparameters["micro_batch"])
		is, known := large[key]
		if !known && each < s.cores {
			is = speedup(p.config, s.cores) >= fills*float64(s.cores)
			large[key] = is
		}
		if is {
			p.workers = s.cores
		}
	}
}

// speedup measures how much faster a step is with all cores than with one. It returns 1 when it cannot measure.
func speedup(c replay.Config, cores int) float64 {
	var took [2]time.Duration
	for i, workers := range []int{1, cores} {
		c.Workers = workers
		x, err := replay.New(c)
		if err != nil {
			return 1
		}
		took[i], err = x.MeasureStepTime()
		x.Model().Close()
		if err != nil || took[i] <= 0 {
			return 1
		}
	}
	return float64(took[0]) / float64(took[1])
}

// Train trains the cells that have not ended, in the order of the grid, and fills in Results. A cell takes as many
// of the cores as it has workers.
func (s *Sweep) Train(ctx context.Context) {
	s.assign()
	tokens := int64(max(s.cores, s.o.Jobs))
	if s.o.Jobs > 0 && s.o.Jobs < s.cores {
		tokens = int64(s.o.Jobs * (s.cores / s.o.Jobs))
	}
	free := semaphore.NewWeighted(tokens)
	all := &sharedProgress{to: s.o.Progress}
	total := int64(0)
	for _, p := range s.Cells {
		if p.Kept == nil {
			total += p.Header.Steps
		}
	}
	all.to.Begin(fmt.Sprintf("sweep of %d cells", len(s.Cells)), int(total))
	var group sync.WaitGroup
	for i, p := range s.Cells {
		s.Results[i] = newResult(p)
		if p.Kept != nil {
			s.end(i, p.Kept, nil)
			continue
		}
		// A cell with more workers than tokens waits for all of them.
		n := min(int64(p.workers), tokens)
		if free.Acquire(ctx, n) != nil {
			s.Results[i].Status, s.Results[i].Message = Waiting, "not begun: the sweep was interrupted"
			continue
		}
		group.Go(func() {
			defer free.Release(n)
			t, err := s.trainCell(ctx, p, all)
			s.end(i, t, err)
		})
	}
	group.Wait()
}

func (s *Sweep) end(i int, t *session.Summary, err error) {
	s.Results[i].take(t)
	if s.o.Ended != nil {
		s.o.Ended(s.Cells[i], t, err)
	}
}

// trainCell trains one cell. An error is its result too.
func (s *Sweep) trainCell(ctx context.Context, p *Planned, all *sharedProgress) (t *session.Summary, err error) {
	seen := &cellProgress{to: all, left: int(p.Header.Steps)}
	defer seen.rest()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
		if err != nil {
			t = &session.Summary{Result: train.Result{Status: Failed, Message: printable.OneLine(err)}}
		}
	}()
	o := session.Options{Software: s.o.Software, Workers: p.workers, Opened: p.config.Opened, Progress: seen}
	for {
		t, err = s.startOrResume(ctx, p, o)
		if !s.o.Shared || !p.isBegunElsewhere(err) {
			return t, err
		}
		select {
		case <-ctx.Done():
			return t, err
		case <-time.After(waitForOther):
		}
	}
}

// startOrResume trains the cell from where it is.
func (s *Sweep) startOrResume(ctx context.Context, p *Planned, o session.Options) (*session.Summary, error) {
	// A run whose process was killed before its first row is started again.
	empty := session.IsEmpty(p.Dir)
	if fileExists(filepath.Join(p.Dir, recorder.ConfigName)) && !empty {
		return session.Resume(ctx, p.Dir, o, nil)
	}
	o.Recording.File.Overwrite = !s.o.Shared || empty
	return session.Start(ctx, p.Dir, &p.Settings, o)
}

// waitForOther is the time between two attempts to train a cell that another process is training.
const waitForOther = time.Second

// isBegunElsewhere reports whether err says that another process is training the cell.
func (p *Planned) isBegunElsewhere(err error) bool {
	return errors.Is(err, arrowfile.ErrLocked) ||
		errors.Is(err, arrowfile.ErrExists) && fileExists(filepath.Join(p.Dir, recorder.ConfigName))
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// sharedProgress lets several cells report to one progress.
type sharedProgress struct {
	mutex sync.Mutex
	to    session.Progress
}

// cellProgress is the progress of one cell as a part of the sweep's.
type cellProgress struct {
	to   *sharedProgress
	left int // steps not yet reported
}

// Begin does nothing: the sweep is one phase.
func (*cellProgress) Begin(string, int) {}

// Add reports steps.
func (v *cellProgress) Add(n int) {
	v.left -= n
	v.to.mutex.Lock()
	defer v.to.mutex.Unlock()
	v.to.to.Add(n)
}

// rest reports the steps that the cell did not make: it had been begun before, or ended early.
func (v *cellProgress) rest() {
	if v.left > 0 {
		v.Add(v.left)
	}
}
