package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/printable"
	"sgdwalk/record/recorder"
	"sgdwalk/train"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
)

// Resume continues the run in dir to its end, bit for bit. check, which may be nil, receives the stored settings
// first and may refuse them. A run that has finished is left as it is, and its summary is returned.
func Resume(ctx context.Context, dir string, o Options, check func(*Settings) error) (*Summary, error) {
	trace, err := arrowfile.Open(dir)
	if err != nil && IsEmpty(dir) {
		return nil, fmt.Errorf("%s was killed before its first row: start it again with --out %s --force", dir, dir)
	}
	if err != nil {
		return nil, err
	}
	defer trace.Close()
	stored, err := ReadSettings(dir)
	if err != nil {
		return nil, err
	}
	if check != nil {
		if err := check(stored); err != nil {
			return nil, err
		}
	}
	// A run that was killed between its last row and its summary is not finished: the last steps are computed again.
	kept, err := ReadSummary(dir)
	if err != nil || kept != nil && trace.Closed() {
		o.note("%s is finished: nothing is left to do", dir)
		return kept, err
	}
	UseKernel(trace.Header())
	h := FullHeader(trace.Header())
	if err := CheckKernel(dir, h); err != nil {
		return nil, err
	}
	recorded, err := lastPosition(trace)
	if err != nil {
		return nil, err
	}
	x, err := replay.FromHeader(h, replay.Options{Workers: o.Workers, Opened: o.Opened})
	if err != nil {
		return nil, err
	}
	defer x.Model().Close()
	x.UseModelState()
	o.Recording.Sketch = stored.Sketch
	have := record.Bytes(trace.Bytes())
	if err := o.Recording.CheckRest(h, optim.Cost(h.Optimizer), dir, have); err != nil {
		return nil, err
	}
	r, err := recorder.Continue(dir, h, o.Recording)
	if err != nil {
		return nil, err
	}
	// The run is locked from here on: no other process uses the files that are removed or renamed.
	checkpoint, err := prepare(dir, h, trace, r, &o)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if checkpoint == nil {
		checkpoint = x.InitialCheckpoint()
	}
	o.note("%s continues at step %d, epoch %d; %d rows are recorded",
		dir, checkpoint.Step, checkpoint.Epoch, trace.Len())
	return run(ctx, x, r, dir, &o, checkpoint, recorded)
}

// IsEmpty reports whether dir has the settings of a run and no segment: the process that started or replaced the
// run was killed before the first row.
func IsEmpty(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, recorder.ConfigName))
	segments, listErr := arrowfile.Segments(dir)
	return err == nil && listErr == nil && len(segments) == 0
}

// FullHeader returns the header of a run before its rows were reduced.
func FullHeader(h *record.Header) *record.Header {
	h = h.Clone()
	if h.Sketch != nil {
		h.Layout, h.DType, h.Sketch = h.Sketch.Layout, record.Float32, nil
	}
	return h
}

// lastPosition returns the place of the last row, and step -1 without rows.
func lastPosition(trace *arrowfile.Reader) (train.Position, error) {
	if trace.Len() == 0 {
		return train.Position{Step: -1}, nil
	}
	s, err := trace.Read(trace.Len()-1, record.ScalarsOnly)
	return train.Position{Step: s.Step, Substep: s.Substep}, err
}

// prepare removes what the earlier session left and is no longer true, and returns the checkpoint from which the
// run continues. It returns nil when the run continues from its start, which gives the same bits and takes longer.
func prepare(
	dir string, h *record.Header, trace *arrowfile.Reader, r *recorder.Recorder, o *Options,
) (*train.Checkpoint, error) {
	if n := r.Rows(); n != int64(trace.Len()) {
		return nil, fmt.Errorf("%s had %d rows and has %d now: another process wrote it meanwhile; try again",
			dir, trace.Len(), n)
	}
	if err := removeLeft(dir); err != nil {
		return nil, err
	}
	c, err := replay.LoadCheckpoint(dir, h)
	switch {
	case errors.Is(err, replay.ErrNoCheckpoint):
		o.note("%s has no checkpoint: its steps are computed again from the start and not recorded twice", dir)
		return nil, nil
	case errors.Is(err, replay.ErrBadCheckpoint):
		// The checkpoint gets another name, so that it blocks no later call.
		path := filepath.Join(dir, replay.CheckpointName)
		aside := path + ".damaged"
		if renameErr := os.Rename(path, aside); renameErr != nil {
			return nil, errors.Join(err, renameErr)
		}
		o.note("%s; it is now %s, and the steps are computed again from the start, bit for bit, and not recorded twice",
			printable.OneLine(err), aside)
		return nil, nil
	case err != nil:
		return nil, err
	case c.Rows > int64(trace.Len()):
		// A power cut can take rows that were written before the checkpoint.
		o.note("%s has %d rows and a checkpoint after %d: the steps are computed again from the start, "+
			"and the missing rows are recorded", dir, trace.Len(), c.Rows)
		return nil, nil
	}
	return c, nil
}

// removeLeft removes the summary of the earlier session, and the files that its process was writing when it was
// killed.
func removeLeft(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	left := []string{recorder.SummaryName}
	for _, e := range entries {
		for _, name := range []string{recorder.CheckpointName, recorder.SummaryName} {
			if strings.HasPrefix(e.Name(), "."+name+".") {
				left = append(left, e.Name())
			}
		}
	}
	for _, name := range left {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
