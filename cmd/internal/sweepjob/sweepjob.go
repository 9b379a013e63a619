// Package sweepjob divides a sweep into its cells, as a job that a plan can distribute. It
// connects train/sweep, which trains the cells, with analyze/job, which evaluates units.
package sweepjob

import (
	"cmp"
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
	"time"

	"sgdwalk/analyze/job"
	"sgdwalk/analyze/shard"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
	"sgdwalk/train"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/session"
	"sgdwalk/train/sweep"
)

// failedName is the directory next to the cells that has a file for each cell that a worker
// could not train, with the reason.
const failedName = "failed"

// Job is a sweep divided into its cells. The result of a cell is its run, in the
// directory of the sweep, which the process that writes it locks. The values of its unit
// say in a few numbers how the run ended; a merge recognizes the run by them.
type Job struct {
	*sweep.Sweep
	Grid   []sweep.Cell // all cells, also those that this process does not train
	Shared bool         // by several processes

	ctx   context.Context // of Evaluate
	save  job.Save
	units map[string]job.Unit // that are trained, by cell; nil when none is
	mutex sync.Mutex
	fault error // of the place and not of a cell
}

var _ job.Job[*sweep.Summary] = (*Job)(nil)

// cellUnit is the name of a cell's unit.
func cellUnit(cell string) string { return "cell " + cell }

// NumValues is the length of the values of a unit.
const NumValues = 4

// cellEnd returns the values of a unit: how its run ended.
func cellEnd(t *session.Summary) []float64 {
	code := slices.Index([]train.Status{train.Finished, train.Diverged, sweep.Failed}, t.Result.Status)
	v := []float64{float64(code), float64(t.Result.Steps), float64(t.Result.Evaluations), math.NaN()}
	if t.Result.Status == train.Finished && t.Result.FullLoss.Valid {
		v[3] = t.Result.FullLoss.Value
	}
	return v
}

// sameEnd compares the values of two units bit for bit.
func sameEnd(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// Identify adds to an identity what the cells depend on; text is the file of the grid.
func (s *Job) Identify(id *shard.Identity, text []byte) error {
	sum := sha256.Sum256(text)
	id.Sweep, id.Kernel = hex.EncodeToString(sum[:]), kernel.Name()
	var specs, hashes []string
	for i := range s.Grid {
		spec := s.Grid[i].Data
		if slices.Contains(specs, spec) {
			continue
		}
		specs = append(specs, spec)
		d, err := s.Dataset(spec)
		if err != nil {
			return err
		}
		hashes = append(hashes, d.Hash)
	}
	id.Data = strings.Join(hashes, "+")
	return nil
}

// Units returns the cells.
func (s *Job) Units() []job.Unit {
	units := make([]job.Unit, len(s.Grid))
	for i := range s.Grid {
		units[i] = job.Unit{Name: cellUnit(s.Grid[i].Name), Index: i}
	}
	return units
}

// Fits reports whether values say how a run ended.
func (*Job) Fits(_ job.Unit, values []float64) bool { return len(values) == NumValues }

// Evaluate trains cells. A worker plans its own cells only.
func (s *Job) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	s.ctx, s.save, s.units = ctx, save, make(map[string]job.Unit, len(units))
	cells := make([]sweep.Cell, len(units))
	for i, u := range units {
		cells[i] = s.Grid[u.Index]
		s.units[cells[i].Name] = u
	}
	if s.Cells == nil {
		if err := s.Plan(cells); err != nil {
			return err
		}
		if err := s.CheckRoom(0); err != nil {
			return err
		}
	}
	s.Train(ctx)
	return cmp.Or(s.fault, ctx.Err())
}

// Ended keeps how a cell ended. A cell has not ended when it was stopped, or when other
// workers may succeed because it failed by the place where it was written.
func (s *Job) Ended(p *sweep.Planned, t *session.Summary, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch {
	case err != nil && (s.Shared && ofThePlace(err) || s.ctx.Err() != nil):
	case t.Result.Status == train.Stopped:
		return
	default:
		if err = nil; s.Shared && t.Result.Status == sweep.Failed {
			err = s.leaveReason(p, t)
		}
		if err == nil {
			err = s.save(s.units[p.Name], cellEnd(t))
		}
	}
	if err != nil && s.Shared {
		s.fault = errors.Join(s.fault, fmt.Errorf("%s: %w", cellUnit(p.Name), err))
	}
}

// Finish writes the tables of the cells that this process or workers have trained. The
// summary has every cell, also after an interruption.
func (s *Job) Finish(ctx context.Context, values job.Values) (*sweep.Summary, error) {
	ends := make(map[string][]float64)
	stopped := values(ctx, "", s.Units(), func(u job.Unit, v []float64) error {
		ends[u.Name] = slices.Clone(v)
		return nil
	})
	if s.units == nil {
		end := func(p *sweep.Planned) (*session.Summary, error) { return s.end(p, ends[cellUnit(p.Name)]) }
		if err := s.Merge(end); err != nil {
			return nil, err
		}
	}
	sum, err := s.Save()
	if err != nil {
		return nil, err
	}
	return sum, stopped
}

// ofThePlace reports whether a machine, a disk, a network or the directory failed, and not the
// cell: another worker may succeed.
func ofThePlace(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	var call *os.SyscallError
	return errors.As(err, &path) || errors.As(err, &link) || errors.As(err, &call) ||
		errors.Is(err, arrowfile.ErrLocked)
}

// reasonPath is the file with the reason why a cell failed.
func (s *Job) reasonPath(p *sweep.Planned) string {
	return filepath.Join(s.Dir, failedName, p.Name+".json")
}

// leaveReason saves the reason why the cell failed, for the merge.
func (s *Job) leaveReason(p *sweep.Planned, t *session.Summary) error {
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

// reason reads the reason.
func (s *Job) reason(p *sweep.Planned) (*session.Summary, error) {
	text, err := safefile.Read(s.reasonPath(p), 16<<20)
	if err != nil {
		return nil, fmt.Errorf("%s failed, and the file with the reason is missing: %w", cellUnit(p.Name), err)
	}
	t := new(session.Summary)
	if err := json.Unmarshal(text, t); err != nil {
		return nil, fmt.Errorf("%s: %w", s.reasonPath(p), err)
	}
	return t, nil
}

// end returns how a cell ended whose unit has the values v; nil when its shard is not done. A
// run that differs from the one that the worker left is an error. A failed cell may have been
// trained again since.
func (s *Job) end(p *sweep.Planned, v []float64) (*session.Summary, error) {
	switch {
	case v == nil || v[0] == 2 && p.Kept != nil:
		return p.Kept, nil
	case v[0] == 2:
		return s.reason(p)
	case p.Kept == nil:
		return nil, fmt.Errorf("%s was trained, and its finished run is missing from %s", cellUnit(p.Name), p.Dir)
	case !sameEnd(v, cellEnd(p.Kept)):
		return nil, fmt.Errorf("%s: the run in %s differs from the one that the worker left: status, steps, "+
			"evaluations "+
			"and training loss were %v, now they are %v", cellUnit(p.Name), p.Dir, v, cellEnd(p.Kept))
	}
	return p.Kept, nil
}

// Kinds returns the kinds of cells. Cells of a kind differ only in learning rate,
// hyperparameters and seed. A kind has the time that one of its cells takes on one core, from
// timed steps; no step is timed after the given time, except for the first kind.
func Kinds(s *sweep.Sweep, most time.Duration) []shard.Kind {
	var kinds []shard.Kind
	place := make(map[string]int)
	until := time.Now().Add(most)
	for _, p := range s.Cells {
		name := s.Kind(p)
		i, known := place[name]
		if !known {
			i = len(kinds)
			place[name] = i
			k := shard.Kind{Name: name, Values: NumValues}
			if most > 0 && (i == 0 || time.Now().Before(until)) {
				if took := p.Time(); took > 0 {
					k.Seconds, k.Timed = took.Seconds(), 1
				}
			}
			kinds = append(kinds, k)
		}
		kinds[i].Units++
	}
	timed, mean := 0, 0.0
	for _, k := range kinds {
		if k.Timed > 0 {
			timed, mean = timed+1, mean+k.Seconds
		}
	}
	for i := range kinds {
		if kinds[i].Timed == 0 && timed > 0 {
			kinds[i].Seconds = mean / float64(timed)
		}
	}
	return kinds
}
