package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
	"sgdwalk/train"
	"sgdwalk/train/nn/kernel"
	"sgdwalk/train/replay"
)

// maxText is the size up to which settings and summaries are read.
const maxText = 16 << 20

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
	// CheckpointError says why a checkpoint could not be written, where training
	// continued after that.
	CheckpointError string  `json:"checkpoint_error,omitempty"`
	Seconds         float64 `json:"seconds"`

	planned int64 // updates in the header
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
	if s.CheckpointError != "" {
		e.printf("note: a checkpoint could not be written: %s\n", s.CheckpointError)
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
	if opts.ExtraFiles, err = c.beside(&f, x.Header()); err != nil {
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
	files := notesOfOthers()
	files[configName] = text
	return files, err
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
	if done, err := finished(dir, trace); done != nil || err != nil {
		e.say("%s is finished: nothing is left to do", dir)
		return *cmp.Or(done, &s), err
	}
	useKernel(trace.Header())
	return goOn(ctx, e, &c.recordFlags, trace, dir, replay.Options{})
}

// finished returns the summary of a run that came to its end, nil for a run that
// has further to go. A run that was killed between its last row and its summary has
// further to go: its last steps are computed again and the summary is written.
func finished(dir string, trace *arrowfile.Reader) (*trainSummary, error) {
	kept, err := readTrainSummary(dir)
	if kept == nil || err != nil || kept.Rows != int64(trace.Len()) || !trace.Closed() {
		return nil, err
	}
	return kept, nil
}

// isUnborn reports whether dir is a run that was being begun, or replaced, when
// its writer was killed: there are its settings and no segment.
func isUnborn(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, configName))
	segments, listErr := arrowfile.Segments(dir)
	return err == nil && listErr == nil && len(segments) == 0
}

// goOn trains a run to its end that was stopped or killed.
func goOn(ctx context.Context, e *env, f *recordFlags, trace *arrowfile.Reader, dir string, o replay.Options) (s trainSummary, err error) {
	h := fullHeader(trace.Header())
	if err := checkKernel(dir, h); err != nil {
		return s, err
	}
	last, err := lastRow(trace)
	if err != nil {
		return s, err
	}
	x, err := replay.FromHeader(h, o)
	if err != nil {
		return s, err
	}
	x.Train()
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
	// The run is locked now: what is put aside is no other process's.
	checkpoint, err := usableCheckpoint(e, dir, h, trace.Len())
	if err != nil {
		return s, errors.Join(err, r.Close())
	}
	if checkpoint == nil {
		checkpoint = x.Start()
	}
	e.say("%s continues at step %d, epoch %d; %d rows are recorded", dir, checkpoint.Step, checkpoint.Epoch, trace.Len())
	return fly(ctx, e, x, r, dir, func(l *train.Loop) error {
		l.Resume, l.Recorded = checkpoint, train.Position{Step: -1}
		if last != nil {
			l.Recorded = train.Position{Step: last.Step, Substep: last.Substep}
		}
		return nil
	})
}

// usableCheckpoint returns the checkpoint from which the run continues, nil where it
// continues from its start. Both give the same bits; the start takes longer. A
// checkpoint that is damaged, or of another run, is put aside under another name, so
// that it blocks no later call.
func usableCheckpoint(e *env, dir string, h *record.Header, rows int) (*train.Checkpoint, error) {
	c, err := replay.LoadCheckpoint(dir, h)
	switch {
	case errors.Is(err, replay.ErrNoCheckpoint):
		e.say("%s has no checkpoint: its steps are computed again from the start and not recorded twice", dir)
		return nil, nil
	case errors.Is(err, replay.ErrBadCheckpoint):
		path := filepath.Join(dir, replay.CheckpointName)
		aside := path + damagedSuffix
		if renameErr := os.Rename(path, aside); renameErr != nil {
			return nil, errors.Join(err, renameErr)
		}
		e.say("%s; it is now %s, and the steps are computed again from the start, bit for bit, and not recorded twice", oneLine(err), aside)
		return nil, nil
	case err != nil:
		return nil, err
	case c.Rows > int64(rows):
		// A power cut can take rows that were written before the checkpoint was.
		e.say("%s has %d rows and a checkpoint after %d: the steps are computed again from the start, and the missing rows recorded", dir, rows, c.Rows)
		return nil, nil
	}
	return c, nil
}

// damagedSuffix ends the name of a damaged file that was put aside.
const damagedSuffix = ".damaged"

// useKernel has the process compute with the instruction set that the header names,
// where this processor has it: another one gives other bits. A set that the user
// names by SGDWALK_KERNEL stays, and checkKernel then refuses the run.
func useKernel(h *record.Header) {
	if h.Kernel != "" && os.Getenv("SGDWALK_KERNEL") == "" {
		_ = kernel.Use(h.Kernel) // checkKernel reports what is in use afterwards
	}
}

// checkKernel refuses to continue or to repeat a run with another instruction set
// than its own.
func checkKernel(dir string, h *record.Header) error {
	if h.Kernel == "" || h.Kernel == kernel.Name() {
		return nil
	}
	advice := "use a machine that has " + h.Kernel
	if slices.Contains(kernel.Available(), h.Kernel) {
		advice = "set SGDWALK_KERNEL=" + h.Kernel
	}
	return fmt.Errorf("%s was recorded with the kernel %s (the instruction set of its arithmetic), and this process uses the kernel %s, which gives other bits; %s", dir, h.Kernel, kernel.Name(), advice)
}

// tidy prepares a run that goes on, now that nobody else writes it: the summary of
// the session before is true no longer.
func tidy(dir string, trace *arrowfile.Reader, r *recording) error {
	if n := r.writer.Rows(); n != int64(trace.Len()) {
		return fmt.Errorf("%s had %d rows and has %d now: another process wrote it meanwhile; try again", dir, trace.Len(), n)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	left := []string{filepath.Join(dir, summaryName)}
	for _, e := range entries { // what was being written when its writer was killed
		if strings.HasPrefix(e.Name(), "."+replay.CheckpointName+".") || strings.HasPrefix(e.Name(), "."+summaryName+".") {
			left = append(left, filepath.Join(dir, e.Name()))
		}
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// readConfig reads the settings that a run was begun with.
func readConfig(dir string) (*storedConfig, error) {
	text, err := readRunFile(dir, configName)
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
	s, err := trace.Read(trace.Len()-1, record.ScalarsOnly)
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
	lost := ""
	loop.Checkpoint = func(c *train.Checkpoint) error {
		// A run continues after its checkpoint: no row before it may still be waiting.
		if err := r.flush(); err != nil {
			return err
		}
		err := replay.SaveCheckpoint(dir, h, c)
		if err == nil || r.policy == arrowfile.FailOnError {
			return err
		}
		if lost == "" {
			lost = oneLine(err)
			e.say("note: %s; training continues without it", lost)
		}
		return nil
	}
	e.say("%s on %s: %d parameters, %d training and %d held-out examples (%s)", h.Model, h.Data.Spec, h.Layout.Len(), h.Data.TrainExamples, h.Data.TestExamples, h.Data.Split)
	e.progress.Begin("train", int(h.Steps))
	loop.Hook = func(*record.Step) error { e.progress.Add(1); return nil }
	start := time.Now()
	s = trainSummary{Run: dir, Model: h.Model, Parameters: h.Layout.Len(), planned: h.Steps}
	silent := r.tell(dir)
	s.Result, err = loop.Run(ctx)
	e.progress.End()
	closed = true
	r.writer.SetFinished(err == nil && s.Result.Status != train.Stopped)
	closeErr := r.Close()
	silent()
	s.Recording, s.Bytes, s.Seconds = r.stats(), r.writer.Bytes(), time.Since(start).Seconds()
	s.BatchLoss, s.Rows = record.Some(s.Result.BatchLoss), r.writer.Rows()
	s.Complete = s.Recording.Dropped == 0 && s.Recording.Error == ""
	s.CheckpointError = lost
	if err != nil {
		return s, fmt.Errorf("%w (the run in %s has %d rows)", err, dir, r.writer.Rows())
	}
	// What waited when training ended can still fail to be written.
	if closeErr != nil && (s.Complete || r.policy == arrowfile.FailOnError) {
		return s, closeErr
	}
	if err := s.save(dir); err != nil {
		if r.policy == arrowfile.FailOnError {
			return s, err
		}
		e.say("note: %s", oneLine(err))
	}
	return s, nil
}

// save keeps the summary in the run.
func (s *trainSummary) save(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return safefile.WriteBytes(filepath.Join(dir, summaryName), append(text, '\n'))
}
