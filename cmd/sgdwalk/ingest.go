package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
	"sgdwalk/record/stream"
)

// ingestName is where ingest keeps in a run how the stream ended.
const ingestName = "ingest.json"

// ingestCmd records another program's steps.
type ingestCmd struct {
	Out      string `placeholder:"RUN" help:"Directory of the run; must not exist."`
	Listen   string `placeholder:"SOCKET" help:"Wait for one producer on this Unix socket instead of reading standard input."`
	Record   string `default:"every:1" placeholder:"SCHEDULE" help:"Steps to keep: every:K, first:N, log:N, steps:A-B,C, epochs:A-B,C, joined by + (default ${default})."`
	RecTheta string `name:"record-theta" placeholder:"SCHEDULE" help:"Keep theta at these of the kept steps only."`
	RecGrad  string `name:"record-grad" placeholder:"SCHEDULE" help:"Keep gradients at these of the kept steps only."`
	RecState string `name:"record-state" placeholder:"SCHEDULE" help:"Keep state at these of the kept steps only."`
	recordFlags
	Ready bool `help:"Print one line of JSON, {\"sgdwalk_ready\":1}, on standard output as soon as the run is accepted."`
	Force bool `help:"Replace the existing run."`
}

func (ingestCmd) Help() string {
	return `The producer writes a line of JSON and then frames; record/stream/STREAM.md describes them byte
by byte. A producer that dies leaves a run with every step that came whole, marked as unfinished
in ingest.json, and the exit status is 1.

Examples:
  python3 train.py | sgdwalk ingest --out RUN
  sgdwalk ingest --listen /tmp/steps.sock --out RUN --record first:100+every:10

With --ready a producer can wait until header, directory, budget and arguments are accepted.`
}

// ingested is what ingest prints and keeps in ingest.json.
type ingested struct {
	Run       string         `json:"run"`
	Status    string         `json:"status"` // finished, unfinished, torn or failed
	Message   string         `json:"message"`
	Frames    int64          `json:"frames"` // steps that came
	Rows      int64          `json:"rows"`   // that were recorded
	Recording recordingStats `json:"recording"`
	Complete  bool           `json:"complete"`        // no row was dropped
	Notes     []string       `json:"notes,omitempty"` // the producer's
	Seconds   float64        `json:"seconds"`
}

// Run records until the stream ends.
func (c *ingestCmd) Run(ctx context.Context, e *env) error {
	if c.Out == "" {
		return usagef("--out is missing: the directory of the run, which must not exist")
	}
	if _, err := os.Lstat(c.Out); err == nil && !c.Force {
		return usagef("--out %s exists already; name a new directory, or give --force to replace a run", c.Out)
	}
	opts, err := c.options(c.Force)
	if err != nil {
		return err
	}
	in, err := c.open(ctx, e)
	if err != nil {
		return err
	}
	defer in.Close()
	opts.ExtraFiles = notesOfOthers() // of an earlier run in this place
	d, err := stream.NewDecoder(in)
	if err != nil {
		return err
	}
	h := d.Header()
	if err := c.schedule(h); err != nil {
		return err
	}
	if h.Software == "" {
		h.Software = software
	}
	b, err := c.room(h, c.Out)
	if err != nil {
		return err
	}
	if h.Steps > 0 {
		e.say("recording %s, %.3g kB a step", b, b.BytesPerStep()/1e3)
	}
	r, err := c.record(h, func(h *record.Header) (*arrowfile.Writer, error) { return arrowfile.Create(c.Out, h, opts) })
	if err != nil {
		return err
	}
	e.say("%s: %d parameters in %d tensors", c.Out, h.Layout.Len(), len(h.Layout))
	if c.Ready {
		e.printf("{\"sgdwalk_ready\":1}\n")
	}
	s, err := c.pump(e, d, h, r)
	if e.json {
		return errors.Join(e.printJSON(s), err)
	}
	if err == nil {
		e.printf("%s: %s\n", c.Out, s.Message)
	}
	return err
}

// open returns what the stream comes from.
func (c *ingestCmd) open(ctx context.Context, e *env) (io.ReadCloser, error) {
	if c.Listen == "" {
		return os.Stdin, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", c.Listen, err)
	}
	defer l.Close() // which removes the socket: there is one producer
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	e.say("waiting for a producer on %s", c.Listen)
	in, err := l.Accept()
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("--listen %s: interrupted before a producer came", c.Listen)
		}
		return nil, fmt.Errorf("--listen %s: %w", c.Listen, err)
	}
	return in, nil
}

// schedule puts the flags into the header.
func (c *ingestCmd) schedule(h *record.Header) error {
	for _, s := range []struct {
		flag, text string
		to         *record.Schedule
	}{{"--record", c.Record, &h.Schedule}, {"--record-theta", c.RecTheta, &h.ThetaSchedule}, {"--record-grad", c.RecGrad, &h.GradSchedule}, {"--record-state", c.RecState, &h.StateSchedule}} {
		if s.text == "" {
			continue
		}
		v, err := record.ParseSchedule(s.text)
		if err != nil {
			return usagef("%s: %w", s.flag, err)
		}
		*s.to = v
	}
	return nil
}

// pump records the stream to its end, closes the run and keeps how it ended.
func (c *ingestCmd) pump(e *env, d *stream.Decoder, h *record.Header, r *recording) (*ingested, error) {
	start := time.Now()
	sink := record.NewScheduledSink(r, h)
	rates, failure := newGroupRates(c.Out, len(h.Groups))
	silent := r.tell(c.Out)
	e.progress.Begin("ingest", int(h.Steps))
	for failure == nil {
		var s record.Step
		if failure = d.Next(&s); failure != nil {
			break
		}
		if failure = possible(&s); failure != nil {
			break
		}
		if s.WallTime.IsZero() {
			s.WallTime = time.Now()
		}
		if failure = sink.Append(&s); failure != nil {
			failure = fmt.Errorf("step %d could not be recorded: %w", s.Step, failure)
		} else if err := rates.add(s.Step, d.GroupRates()); err != nil && r.policy == arrowfile.FailOnError {
			failure = fmt.Errorf("step %d: the learning rates could not be recorded: %w", s.Step, err)
		}
		e.progress.Add(1)
	}
	e.progress.End()
	r.writer.SetFinished(errors.Is(failure, io.EOF)) // whatever its rows look like
	closed := errors.Join(sink.Close(), rates.close())
	silent()
	out := &ingested{Run: c.Out, Frames: d.Frames(), Notes: d.Notes(), Recording: r.stats(), Seconds: time.Since(start).Seconds()}
	out.Complete = out.Recording.Dropped == 0 && out.Recording.Error == ""
	switch {
	case errors.Is(failure, io.EOF):
		out.Status, failure = "finished", nil
	case errors.Is(failure, stream.ErrTorn):
		out.Status = "torn"
	case errors.Is(failure, stream.ErrUnfinished):
		out.Status = "unfinished"
	default:
		out.Status = "failed"
	}
	out.Rows = r.writer.Rows()
	out.Message = fmt.Sprintf("%d steps came, %d rows are recorded", out.Frames, r.writer.Rows())
	if failure == nil && closed != nil && (out.Complete || r.policy == arrowfile.FailOnError) {
		out.Status, failure = "failed", closed
	}
	if failure != nil {
		failure = fmt.Errorf("%w (%s: %s)", failure, c.Out, out.Message)
		out.Message = oneLine(failure)
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err == nil {
		err = safefile.WriteBytes(filepath.Join(c.Out, ingestName), append(text, '\n'))
	}
	return out, errors.Join(failure, err)
}

// possible refuses numbers that no training has.
func possible(s *record.Step) error {
	for _, n := range []struct {
		name  string
		value int64
	}{{"step", s.Step}, {"substep", int64(s.Substep)}, {"epoch", int64(s.Epoch)}, {"number of examples", int64(s.Examples)}, {"number of evaluations", s.Evaluations}} {
		if n.value < 0 {
			return fmt.Errorf("step %d: the %s is %d; it must be at least 0", s.Step, n.name, n.value)
		}
	}
	if a := s.BatchAccuracy; a.Valid && !(a.Value >= 0 && a.Value <= 1) {
		return fmt.Errorf("step %d: the accuracy is %v; it must be from 0 to 1", s.Step, a.Value)
	}
	if r := s.LearningRate; r.Valid && !(r.Value >= 0 && !math.IsInf(r.Value, 1)) {
		return fmt.Errorf("step %d: the learning rate is %v; it must be finite and at least 0", s.Step, r.Value)
	}
	return nil
}
