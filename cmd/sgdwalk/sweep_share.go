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
	"time"

	"sgdwalk/analyze"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
	"sgdwalk/train"
	"sgdwalk/train/nn/kernel"
)

// The cells of a sweep are the units of its plan. Their results are the runs
// themselves, in the directory of the sweep, each of which is locked by who writes
// it; a unit has a few numbers of how its run ended, by which the merge knows it.

const (
	sweepDirName = "sweep"  // of the runs, below the plan
	failedName   = "failed" // beside the cells: why a worker could not train some, a file each
)

// unit is the name of the cell among those that are shared.
func (c *cell) unit() string { return "cell " + c.name }

// cellEnd are the values of a unit.
func cellEnd(t *trainSummary) []float64 {
	code := slices.Index([]train.Status{train.Finished, train.Diverged, failed}, t.Result.Status)
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
func (s *sweep) shared(ctx context.Context, c *sweepCmd, cells []cell) error {
	id, err := programIdentity(struct{ Data string }{c.Data})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(s.text)
	id.Sweep, id.Kernel = hex.EncodeToString(sum[:]), kernel.Name()
	var hashes []string
	for i := range cells {
		if _, known := s.data[cells[i].Data]; known {
			continue
		}
		d, err := s.dataset(cells[i].Data)
		if err != nil {
			return err
		}
		hashes = append(hashes, d.Hash)
	}
	id.Data = strings.Join(hashes, "+")
	if err := s.share.enter(id); err != nil {
		return err
	}
	s.store = s.share.store
	if s.share.merged != nil {
		return s.merge(ctx, cells)
	}
	cells = slices.DeleteFunc(cells, func(c cell) bool {
		_, done := s.store.Lookup(c.unit())
		return done || analyze.Elsewhere(s.store, c.unit())
	})
	if err := s.plan(cells); err != nil {
		return err
	}
	if err := s.room(""); err != nil {
		return err
	}
	s.assign()
	s.train(ctx)
	if s.fault != nil {
		return s.fault
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errShared
}

// save keeps how a shared cell ended. One that failed because of where it is
// written, or was stopped, has not ended.
func (s *sweep) save(ctx context.Context, p *plannedCell, t *trainSummary, err error) {
	if s.share == nil {
		return
	}
	switch {
	case err != nil && (ofThePlace(err) || ctx.Err() != nil):
	case t.Result.Status == train.Stopped:
		return
	case t.Result.Status == failed:
		if err = s.leaveReason(p, t); err == nil {
			err = s.store.Save(p.unit(), cellEnd(t))
		}
	default:
		err = s.store.Save(p.unit(), cellEnd(t))
	}
	if err != nil {
		s.mutex.Lock()
		s.fault = errors.Join(s.fault, fmt.Errorf("%s: %w", p.unit(), err))
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

// waitForOther is the time between two looks at a cell that another worker on the
// same shard is at.
const waitForOther = time.Second

// atWork reports whether another worker is at the cell, after some time in which
// it may have ended: the cell is to be looked at again.
func (s *sweep) atWork(ctx context.Context, p *plannedCell, err error) bool {
	begun := errors.Is(err, arrowfile.ErrExists) && fileExists(filepath.Join(p.dir, configName))
	if !begun && !errors.Is(err, arrowfile.ErrLocked) {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(waitForOther):
		return true
	}
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// reasonPath is the file of why a cell failed.
func (s *sweep) reasonPath(p *plannedCell) string {
	return filepath.Join(s.dir, failedName, p.name+".json")
}

// leaveReason keeps why the cell failed, for the merge.
func (s *sweep) leaveReason(p *plannedCell, t *trainSummary) error {
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return err
	}
	if err := safefile.CheckBelow(s.dir, s.reasonPath(p)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(s.dir, failedName), 0o777); err != nil {
		return err
	}
	return safefile.WriteBytes(s.reasonPath(p), append(text, '\n'))
}

// reason reads it.
func (s *sweep) reason(p *plannedCell) (*trainSummary, error) {
	text, err := safefile.Read(s.reasonPath(p), maxText)
	if err != nil {
		return nil, fmt.Errorf("%s failed, and why is not there: %w", p.unit(), err)
	}
	t := new(trainSummary)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("%s: %w", s.reasonPath(p), err)
	}
	return t, nil
}

// merge writes the tables of what the workers have left.
func (s *sweep) merge(ctx context.Context, cells []cell) error {
	if err := s.plan(cells); err != nil {
		return err
	}
	for i, p := range s.cells {
		s.results[i] = newCellResult(p)
		t, err := s.ended(p)
		if err != nil {
			return err
		}
		if t == nil {
			s.results[i].Status, s.results[i].Message = waiting, "not there yet: its shard is not done"
			continue
		}
		s.results[i].take(t)
	}
	if err := s.open(); err != nil {
		return err
	}
	defer s.close()
	return s.finish(ctx)
}

// ended returns how a cell ended; nil when its shard is not done. A run that is not
// the one that its worker left is an error; a failed cell may have been tried again
// since.
func (s *sweep) ended(p *plannedCell) (*trainSummary, error) {
	v, there := s.store.Lookup(p.unit())
	switch {
	case !there || len(v) > 0 && v[0] == 2 && p.kept != nil:
		return p.kept, nil
	case len(v) > 0 && v[0] == 2:
		return s.reason(p)
	case p.kept == nil:
		return nil, fmt.Errorf("%s was trained, and there is no finished run in %s any more", p.unit(), p.dir)
	case !sameEnd(v, cellEnd(p.kept)):
		return nil, fmt.Errorf("%s: the run in %s is not the one that its worker left: status, steps, evaluations and training loss were %v, now they are %v", p.unit(), p.dir, v, cellEnd(p.kept))
	}
	return p.kept, nil
}
