package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pelletier/go-toml/v2"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train"
	"sgdwalk/train/replay"
)

// Files that train keeps in a run beside the recording.
const (
	configName  = "config.toml" // the effective settings
	summaryName = "train.json"  // how the run ended and what recording cost
)

// trainSummary is what train prints and keeps in train.json.
type trainSummary struct {
	Run        string          `json:"run"`
	Model      string          `json:"model"`
	Parameters int             `json:"parameters"`
	Result     train.Result    `json:"result"`
	BatchLoss  record.Optional `json:"last_batch_loss"`
	Rows       int64           `json:"rows"` // of the run, those of earlier sessions too
	Bytes      int64           `json:"bytes"`
	Recording  recordingStats  `json:"recording"`
	Complete   bool            `json:"complete"` // no row was dropped
	Seconds    float64         `json:"seconds"`
}

func (s *trainSummary) print(e *env) {
	e.printf("%s\n", s.Result.Message)
	e.printf("%d rows, %s in %s; recording took %s of the time (%.3g s copying, %.3g s waiting; at most %d rows queued)\n",
		s.Recording.Rows, bytesText(s.Bytes), s.Run, percent(s.Recording.Share), s.Recording.Copying, s.Recording.Blocked, s.Recording.MostQueued)
	if !s.Complete {
		e.printf("the recording is INCOMPLETE: %d rows are missing after %s\n", s.Recording.Dropped, s.Recording.Error)
	}
	if s.Result.FullLoss.Valid {
		e.printf("training loss %.4g", s.Result.FullLoss.Value)
		if s.Result.TestLoss.Valid {
			e.printf(", held-out loss %.4g, held-out accuracy %.2f %%", s.Result.TestLoss.Value, 100*s.Result.TestAcc.Value)
		}
		e.printf("\n")
	}
	if s.Result.Status == train.Stopped {
		e.printf("sgdwalk train --resume %s goes on\n", s.Run)
	}
}

// start trains a new run into the directory out.
func (c *trainConfig) start(ctx context.Context, e *env, f recordFlags, out string, force bool) (s trainSummary, err error) {
	cfg, err := c.config()
	if err != nil {
		return s, err
	}
	opts, err := f.options(force)
	if err != nil {
		return s, err
	}
	// The directory is looked at before the data are read, and made only when
	// everything else is known to be right.
	if _, err := os.Lstat(out); err == nil && !force {
		return s, usagef("--out %s exists already; name a new directory, or give --force to replace a run", out)
	}
	x, err := replay.New(cfg)
	if err != nil {
		return s, usageError{err}
	}
	cost, err := f.budget(x, out)
	if err != nil {
		return s, err
	}
	if opts.Beside, err = c.beside(&f, x.Header()); err != nil {
		return s, err
	}
	r, err := f.record(x.Header(), func(h *record.Header) (*arrowfile.Writer, error) { return arrowfile.Create(out, h, opts) })
	if err != nil {
		return s, err
	}
	e.say("%s", cost)
	return fly(ctx, e, x, r, out, fromStart)
}

func fromStart(*train.Loop) error { return nil }

// storedConfig is config.toml: what was trained and how it was reduced.
type storedConfig struct {
	trainConfig
	Sketch string `toml:"sketch,omitempty"`
}

// beside returns the files that a new run begins with, the effective settings,
// and those of an earlier run in its place that must go.
func (c *trainConfig) beside(f *recordFlags, h *record.Header) (map[string][]byte, error) {
	text, err := toml.Marshal(storedConfig{*c.effective(h), f.Sketch})
	return map[string][]byte{configName: text, summaryName: nil, replay.CheckpointName: nil, countersName: nil}, err
}

// resume goes on with a run that was stopped or killed.
func (c *trainCmd) resume(ctx context.Context, e *env, given map[string]bool) (s trainSummary, err error) {
	dir := c.Resume
	trace, err := arrowfile.Open(dir)
	if err != nil && isUnborn(dir) {
		return s, fmt.Errorf("%s was killed before its first row: begin it anew with --out %s --force", dir, dir)
	}
	if err != nil {
		return s, err
	}
	defer trace.Close()
	stored, err := readConfig(dir)
	if err != nil {
		return s, err
	}
	if err := c.differs(&stored.trainConfig, given); err != nil {
		return s, err
	}
	if given["sketch"] && c.Sketch != stored.Sketch {
		return s, usagef("--sketch is %q; the run was begun with %q, and one that goes on keeps its settings", c.Sketch, stored.Sketch)
	}
	c.Sketch = stored.Sketch
	return goOn(ctx, e, &c.recordFlags, trace, dir, replay.Options{})
}

// isUnborn reports whether dir is a run that was being begun, or replaced, when
// its writer was killed: there are its settings and no segment.
func isUnborn(dir string) bool {
	segments, err := filepath.Glob(filepath.Join(dir, "steps-*.arrow"))
	_, statErr := os.Stat(filepath.Join(dir, configName))
	return err == nil && statErr == nil && len(segments) == 0
}

// goOn trains a run to its end that was stopped or killed.
func goOn(ctx context.Context, e *env, f *recordFlags, trace *arrowfile.Reader, dir string, o replay.Options) (s trainSummary, err error) {
	h := fullHeader(trace.Header())
	last, err := lastRow(trace)
	if err != nil {
		return s, err
	}
	if last != nil && last.Last() {
		forgetOld(dir)
		return s, fmt.Errorf("%s is finished: %d updates, nothing is left to do", dir, last.Step)
	}
	x, err := replay.FromHeader(h, o)
	if err != nil {
		return s, err
	}
	x.Train()
	checkpoint, err := replay.LoadCheckpoint(dir, h)
	switch {
	case errors.Is(err, replay.ErrNoCheckpoint):
		e.say("%s has no checkpoint: its steps are computed again from the start and not recorded twice", dir)
		checkpoint = x.Start()
	case err != nil:
		return s, err
	case checkpoint.Rows > int64(trace.Len()):
		// A power cut can take rows that were written before the checkpoint was.
		e.say("%s has %d rows and a checkpoint after %d: the steps are computed again from the start, and the missing rows recorded", dir, trace.Len(), checkpoint.Rows)
		checkpoint = x.Start()
	}
	opts, err := f.options(false)
	if err != nil {
		return s, err
	}
	if err := f.restFits(h, dir, trace.Bytes()); err != nil {
		return s, err
	}
	r, err := f.record(h, func(*record.Header) (*arrowfile.Writer, error) { return arrowfile.Continue(dir, opts) })
	if err != nil {
		return s, err
	}
	if err := tidy(dir, trace, r); err != nil {
		return s, errors.Join(err, r.Close())
	}
	e.say("%s goes on at step %d, epoch %d; %d rows are recorded", dir, checkpoint.Step, checkpoint.Epoch, trace.Len())
	return fly(ctx, e, x, r, dir, func(l *train.Loop) error {
		l.Resume, l.Recorded = checkpoint, train.Position{Step: -1}
		if last != nil {
			l.Recorded = train.Position{Step: last.Step, Substep: last.Substep}
		}
		return nil
	})
}

// forgetOld removes what a process has left that was killed behind the last row,
// while it wrote its summary. One that is writing it now is not as old.
func forgetOld(dir string) {
	left, err := filepath.Glob(filepath.Join(dir, "."+summaryName+".*"))
	if err != nil {
		return
	}
	for _, path := range left {
		if i, err := os.Stat(path); err == nil && time.Since(i.ModTime()) > time.Minute {
			os.Remove(path)
		}
	}
}

// tidy prepares a run that goes on, now that nobody else writes it: the summary of
// the session before is true no longer.
func tidy(dir string, trace *arrowfile.Reader, r *recording) error {
	if n := r.writer.Rows(); n != int64(trace.Len()) {
		return fmt.Errorf("%s had %d rows and has %d now: another process wrote it meanwhile; try again", dir, trace.Len(), n)
	}
	left, err := filepath.Glob(filepath.Join(dir, "."+replay.CheckpointName+".*")) // of one that was killed while it was written
	if err != nil {
		return err
	}
	for _, path := range append(left, filepath.Join(dir, summaryName)) {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// readConfig reads the settings that a run was begun with.
func readConfig(dir string) (*storedConfig, error) {
	text, err := os.ReadFile(filepath.Join(dir, configName))
	if err != nil {
		return nil, fmt.Errorf("%s was not made by train: %w", dir, err)
	}
	stored := new(storedConfig)
	if err := toml.Unmarshal(text, stored); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, configName), err)
	}
	return stored, nil
}

// fullHeader is the header of the run before its rows were reduced.
func fullHeader(h *record.Header) *record.Header {
	h = h.Clone()
	if h.Sketch != nil {
		h.Layout, h.DType, h.Sketch = h.Sketch.Layout, record.Float32, nil
	}
	return h
}

// lastRow returns the scalars of the last row, nil when there is none.
func lastRow(trace *arrowfile.Reader) (*record.Step, error) {
	if trace.Len() == 0 {
		return nil, nil
	}
	s, err := trace.Scalars(trace.Len() - 1)
	return &s, err
}

// fly runs the loop into the recording, closes it and says how it went.
func fly(ctx context.Context, e *env, x *replay.Experiment, r *recording, dir string, prepare func(*train.Loop) error) (s trainSummary, err error) {
	closed := false
	defer func() {
		if !closed {
			err = errors.Join(err, r.Close())
		}
	}()
	loop, err := x.Loop(r)
	if err != nil {
		return s, err
	}
	if err := x.Measure(loop); err != nil {
		return s, err
	}
	if err := prepare(loop); err != nil {
		return s, err
	}
	h := x.Header()
	loop.Checkpoint = func(c *train.Checkpoint) error {
		// A run goes on behind its checkpoint: no row before it may still be waiting.
		if err := r.flush(); err != nil {
			return err
		}
		return replay.SaveCheckpoint(dir, h, c)
	}
	e.say("%s on %s: %d parameters, %d training and %d held-out examples (%s)", h.Model, h.Data.Spec, h.Layout.Len(), h.Data.TrainExamples, h.Data.TestExamples, h.Data.Split)
	e.progress.Begin("train", int(h.Steps))
	loop.Hook = func(*record.Step) error { e.progress.Add(1); return nil }
	start := time.Now()
	s = trainSummary{Run: dir, Model: h.Model, Parameters: h.Layout.Len()}
	silent := r.tell(dir)
	s.Result, err = loop.Run(ctx)
	e.progress.End()
	closed = true
	closeErr := r.Close()
	silent()
	s.Recording, s.Bytes, s.Seconds = r.stats(), r.writer.Bytes(), time.Since(start).Seconds()
	s.BatchLoss, s.Rows = record.Some(s.Result.BatchLoss), r.writer.Rows()
	s.Complete = s.Recording.Dropped == 0 && s.Recording.Error == ""
	if err != nil {
		return s, fmt.Errorf("%w (the run in %s has %d rows)", err, dir, r.writer.Rows())
	}
	// What waited when training ended can still fail to be written.
	if closeErr != nil && (s.Complete || r.policy == arrowfile.FailOnError) {
		return s, closeErr
	}
	return s, s.save(dir)
}

// save keeps the summary in the run.
func (s *trainSummary) save(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(dir, summaryName), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}
