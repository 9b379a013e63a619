package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sgdwalk/analyze"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
	"sgdwalk/train"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/session"
	"sgdwalk/train/sweep"
)

// The cells of a sweep are the units of its plan. Their results are the runs
// themselves, in the directory of the sweep, each of which is locked by who writes
// it; a unit has a few numbers of how its run ended, by which the merge knows it.

const (
	sweepDirName = "sweep"  // of the runs, below the plan
	failedName   = "failed" // next to the cells: why a worker could not train some, a file each
)

// sharedSweep is a sweep whose cells are units.
type sharedSweep struct {
	*sweep.Sweep
	store analyze.Store
	mutex sync.Mutex
	fault error // of the place, not of a cell
}

// cellUnit is the name of the cell among those that are shared.
func cellUnit(cell string) string { return "cell " + cell }

// cellEnd are the values of a unit.
func cellEnd(t *session.Summary) []float64 {
	code := slices.Index([]train.Status{train.Finished, train.Diverged, sweep.Failed}, t.Result.Status)
	v := []float64{float64(code), float64(t.Result.Steps), float64(t.Result.Evaluations), math.NaN()}
	if t.Result.Status == train.Finished && t.Result.FullLoss.Valid {
		v[3] = t.Result.FullLoss.Value
	}
	return v
}

// sameEnd compares them bit for bit.
func sameEnd(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// shared does a share of the sweep, or makes its tables of what was done.
func (c *sweepCmd) shared(ctx context.Context, e *env) error {
	x := new(sharedSweep)
	s, cells, err := c.read(e, c.Out, sweep.Options{Shared: true, Ended: func(p *sweep.Planned, t *session.Summary, err error) { x.save(ctx, p, t, err) }})
	if err != nil {
		return err
	}
	x.Sweep = s
	id, err := programIdentity(struct{ Data string }{c.Data})
	if err != nil {
		return err
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	id.Sweep, id.Kernel = hex.EncodeToString(sum[:]), kernel.Name()
	var specs, hashes []string
	for i := range cells {
		if slices.Contains(specs, cells[i].Data) {
			continue
		}
		specs = append(specs, cells[i].Data)
		d, err := s.Dataset(cells[i].Data)
		if err != nil {
			return err
		}
		hashes = append(hashes, d.Hash)
	}
	id.Data = strings.Join(hashes, "+")
	if err := e.share.enter(id); err != nil {
		return err
	}
	x.store = e.share.store
	if e.share.merged != nil {
		return c.merge(e, x, cells)
	}
	cells = slices.DeleteFunc(cells, func(c sweep.Cell) bool {
		_, done := x.store.Lookup(cellUnit(c.Name))
		return done || analyze.Elsewhere(x.store, cellUnit(c.Name))
	})
	if err := s.Plan(cells); err != nil {
		return err
	}
	if err := s.CheckRoom(0); err != nil {
		return err
	}
	s.Train(ctx)
	if x.fault != nil {
		return x.fault
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errShared
}

// save keeps how a shared cell ended. One that failed because of where it is
// written, or was stopped, has not ended.
func (s *sharedSweep) save(ctx context.Context, p *sweep.Planned, t *session.Summary, err error) {
	switch {
	case err != nil && (ofThePlace(err) || ctx.Err() != nil):
	case t.Result.Status == train.Stopped:
		return
	case t.Result.Status == sweep.Failed:
		if err = s.leaveReason(p, t); err == nil {
			err = s.store.Save(cellUnit(p.Name), cellEnd(t))
		}
	default:
		err = s.store.Save(cellUnit(p.Name), cellEnd(t))
	}
	if err != nil {
		s.mutex.Lock()
		s.fault = errors.Join(s.fault, fmt.Errorf("%s: %w", cellUnit(p.Name), err))
		s.mutex.Unlock()
	}
}

// ofThePlace tells failures of a machine, a disk or a network, and of the
// directory, from those of the cell: the former are gone when it is tried again
// elsewhere.
func ofThePlace(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	var call *os.SyscallError
	return errors.As(err, &path) || errors.As(err, &link) || errors.As(err, &call) || errors.Is(err, arrowfile.ErrLocked)
}

// reasonPath is the file of why a cell failed.
func (s *sharedSweep) reasonPath(p *sweep.Planned) string {
	return filepath.Join(s.Dir, failedName, p.Name+".json")
}

// leaveReason keeps why the cell failed, for the merge.
func (s *sharedSweep) leaveReason(p *sweep.Planned, t *session.Summary) error {
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	if err := safefile.CheckBelow(s.Dir, s.reasonPath(p)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(s.Dir, failedName), 0o777); err != nil {
		return err
	}
	return safefile.WriteBytes(s.reasonPath(p), append(text, '\n'))
}

// reason reads it.
func (s *sharedSweep) reason(p *sweep.Planned) (*session.Summary, error) {
	text, err := safefile.Read(s.reasonPath(p), 16<<20)
	if err != nil {
		return nil, fmt.Errorf("%s failed, and why is not there: %w", cellUnit(p.Name), err)
	}
	t := new(session.Summary)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("%s: %w", s.reasonPath(p), err)
	}
	return t, nil
}

// merge writes the tables of what the workers have left.
func (c *sweepCmd) merge(e *env, s *sharedSweep, cells []sweep.Cell) error {
	if err := s.Plan(cells); err != nil {
		return err
	}
	if err := s.Merge(s.ended); err != nil {
		return err
	}
	release, err := s.Lock()
	if err != nil {
		return err
	}
	defer func() { _ = release() }() // the tables are written by then
	sum, err := c.finish(e, s.Sweep)
	if err == nil && sum.Failed > 0 {
		err = fmt.Errorf("%d of %d cells failed; sgdwalk sweep %s --out %s tries them again", sum.Failed, sum.Cells, c.File, s.Dir)
	}
	return err
}

// ended returns how a cell ended; nil when its shard is not done. A run that is not
// the one that its worker left is an error; a failed cell may have been tried again
// since.
func (s *sharedSweep) ended(p *sweep.Planned) (*session.Summary, error) {
	v, there := s.store.Lookup(cellUnit(p.Name))
	switch {
	case !there || len(v) > 0 && v[0] == 2 && p.Kept != nil:
		return p.Kept, nil
	case len(v) > 0 && v[0] == 2:
		return s.reason(p)
	case p.Kept == nil:
		return nil, fmt.Errorf("%s was trained, and there is no finished run in %s any more", cellUnit(p.Name), p.Dir)
	case !sameEnd(v, cellEnd(p.Kept)):
		return nil, fmt.Errorf("%s: the run in %s is not the one that its worker left: status, steps, evaluations and training loss were %v, now they are %v", cellUnit(p.Name), p.Dir, v, cellEnd(p.Kept))
	}
	return p.Kept, nil
}
