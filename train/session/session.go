package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/record/recorder"
	"sgdwalk/train"
	"sgdwalk/train/dataset"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
)

// Options say how a run is trained and recorded. They change no number of the run.
type Options struct {
	Recording recorder.Options // Sketch and File.ExtraFiles are set by this package
	Software  string           // the program's name and version, for the header
	Workers   int              // goroutines of the kernels; 0 takes all cores
	Opened    *dataset.Data    // the data set, when it is open already
	Progress  Progress         // nil disables progress reporting
	Note      func(string)     // receives sentences about the session, one a call; nil discards them
}

// Progress receives how far the training is.
type Progress interface {
	Begin(phase string, total int)
	Add(n int)
}

func (o *Options) note(format string, args ...any) {
	if o.Note != nil {
		o.Note(fmt.Sprintf(format, args...))
	}
}

// Start trains a new run into the directory dir. A run that exists there is replaced when
// Recording.File.Overwrite is set; otherwise the error wraps arrowfile.ErrExists. The directory is made when
// everything else is known to be right. When ctx ends, the run stops at the next step with a checkpoint, and the status of the summary is
// train.Stopped. An error about a setting is a record.OptionError.
func Start(ctx context.Context, dir string, s *Settings, o Options) (*Summary, error) {
	c, err := s.Config(o.Software)
	if err != nil {
		return nil, err
	}
	c.Workers, c.Opened = o.Workers, o.Opened
	x, err := replay.New(c)
	if err != nil {
		return nil, &record.OptionError{Err: err}
	}
	defer x.Model().Close()
	h := x.Header()
	o.Recording.Sketch = s.Sketch
	b, err := o.Recording.Budget(h, optim.Cost(h.Optimizer), dir)
	if err != nil {
		return nil, err
	}
	text, err := s.Encode(h)
	if err != nil {
		return nil, err
	}
	o.Recording.File.ExtraFiles = map[string][]byte{recorder.ConfigName: text}
	r, err := recorder.Create(dir, h, o.Recording)
	if err != nil {
		return nil, err
	}
	if o.Note != nil { // measuring takes time
		o.note("recording %s, %.3g kB a step; %s", b, b.BytesPerStep()/1e3, timeShare(x, b, dir))
	}
	return run(ctx, x, r, dir, &o, nil, train.Position{})
}

// timeShare measures one step and one row, and returns a sentence about the time that writing takes compared
// with training. The writer works while the next step is computed.
func timeShare(x *replay.Experiment, b *record.Budget, dir string) string {
	step, err := x.MeasureStepTime()
	if err != nil {
		return "the time share is not known: " + printable.OneLine(err)
	}
	speed, err := recorder.WriteSpeed(dir, b.RowBytes)
	if err != nil {
		return "the time share is not known: " + printable.OneLine(err)
	}
	return fmt.Sprintf("a step takes %.3g ms, and writing it takes about %.3g %% of that time in the background "+
		"(%.2g GB/s)",
		1e3*step.Seconds(), 100*b.TimeShare(step, speed), speed/1e9)
}

// run trains x into r to the end, closes r and writes the summary. resume is nil for a new run; recorded is then
// ignored.
func run(
	ctx context.Context, x *replay.Experiment, r *recorder.Recorder, dir string, o *Options,
	resume *train.Checkpoint, recorded train.Position,
) (*Summary, error) {
	h := x.Header()
	s := &Summary{Run: dir, Model: h.Model, Parameters: h.Layout.Len(), Planned: h.Steps}
	loop, err := x.Loop(r)
	if err == nil {
		err = x.MeasureLosses(loop)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	loop.Resume, loop.Recorded = resume, recorded
	loop.Checkpoint = func(c *train.Checkpoint) error {
		// The run continues after its checkpoint, so every row before it must be on disk.
		if err := r.Flush(); err != nil {
			return err
		}
		err := replay.SaveCheckpoint(dir, h, c)
		if err == nil || !r.ContinuesOnError() {
			return err
		}
		if s.CheckpointError == "" {
			s.CheckpointError = printable.OneLine(err)
			o.note("note: %s; training continues without it", s.CheckpointError)
		}
		return nil
	}
	o.note("%s on %s: %d parameters, %d training and %d held-out examples (%s)",
		h.Model, h.Data.Spec, s.Parameters, h.Data.TrainExamples, h.Data.TestExamples, h.Data.Split)
	if p := o.Progress; p != nil {
		if resume != nil {
			p.Begin(fmt.Sprintf("train from step %d", resume.Step), int(h.Steps-resume.Step))
		} else {
			p.Begin("train", int(h.Steps))
		}
		loop.Hook = func(s *record.Step) error {
			if !s.IsLast() { // after the last step
				p.Add(1)
			}
			return nil
		}
	}
	start := time.Now()
	s.Result, err = loop.Run(ctx)
	r.SetFinished(err == nil && s.Result.Status != train.Stopped)
	closeErr := r.Close()
	s.Recording, s.Rows, s.Bytes, s.Seconds = r.Stats(), r.Rows(), r.Bytes(), time.Since(start).Seconds()
	s.BatchLoss = record.Some(s.Result.BatchLoss)
	s.Complete = s.Recording.IsComplete()
	if err != nil {
		return nil, fmt.Errorf("%w (the run in %s has %d rows)", err, dir, s.Rows)
	}
	// Rows that waited when training ended can still fail to be written.
	if closeErr != nil && (s.Complete || !r.ContinuesOnError()) {
		return nil, closeErr
	}
	if err := recorder.WriteJSON(dir, recorder.SummaryName, s); err != nil {
		if !r.ContinuesOnError() {
			return nil, err
		}
		o.note("note: %s", printable.OneLine(err))
	}
	return s, nil
}
