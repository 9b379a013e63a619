package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"sgdwalk/record"
	"sgdwalk/record/recorder"
	"sgdwalk/record/stream"
	"sgdwalk/train/optim"
	"sgdwalk/train/session"
)

// ingestCmd records another program's steps.
type ingestCmd struct {
	Out      string `placeholder:"RUN" help:"Directory of the run; must not exist."`
	Listen   string `placeholder:"SOCKET" help:"Wait for one producer on this Unix socket instead of reading standard input."`
	Record   string `default:"every:1" placeholder:"SCHEDULE" help:"Steps to keep: every:K, first:N, log:N, steps:A-B,C, epochs:A-B,C, joined by + (default ${default})."`
	RecTheta string `name:"record-theta" placeholder:"SCHEDULE" help:"Keep theta at these of the kept steps only."`
	RecGrad  string `name:"record-grad" placeholder:"SCHEDULE" help:"Keep gradients at these of the kept steps only."`
	RecState string `name:"record-state" placeholder:"SCHEDULE" help:"Keep state at these of the kept steps only."`
	Sketch   string `placeholder:"SPEC" help:"Record reduced rows: subset:PATTERNS, project:K, float16 or bfloat16, joined by +."`
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

// Run records until the stream ends.
func (c *ingestCmd) Run(ctx context.Context, e *env) error {
	if c.Out == "" {
		return usagef("--out is missing: the directory of the run, which must not exist")
	}
	if err := checkNew(c.Out, c.Force); err != nil {
		return err
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
	opts.Sketch = c.Sketch
	d, err := stream.NewDecoder(in)
	if err != nil {
		return err
	}
	defer d.Close()
	h := d.Header()
	err = session.ParseSchedules(c.Record, c.RecTheta, c.RecGrad, c.RecState, &h.Schedule, &h.ThetaSchedule,
		&h.GradSchedule, &h.StateSchedule)
	if err != nil {
		return err
	}
	if h.Software == "" {
		h.Software = software
	}
	cost := record.BudgetOptions{BatchesPerStep: optim.BatchesPerStep(h.Optimizer)}
	if h.Columns.Substep {
		cost.InnerRows = optim.InnerRows(h.Optimizer)
	}
	b, err := opts.Budget(h, cost, c.Out)
	if err != nil {
		return err
	}
	if h.Steps > 0 {
		e.say("recording %s, %.3g kB a step", b, b.BytesPerStep()/1e3)
	}
	var memory *stream.Memory
	if c.Ready { // otherwise the producer does not learn where it is
		memory = d.ShareMemory()
		opts.InPlace = memory != nil // the memory is the queue
	}
	recorder.RunInBackground()
	r, err := recorder.Create(c.Out, h, opts)
	if err != nil {
		return err
	}
	e.say("%s: %d parameters in %d tensors", c.Out, h.Layout.Len(), len(h.Layout))
	if c.Ready {
		text, err := json.Marshal(struct {
			Ready  int            `json:"sgdwalk_ready"`
			Memory *stream.Memory `json:"memory,omitempty"`
		}{1, memory})
		if err != nil {
			return err
		}
		e.printf("%s\n", text)
	}
	e.progress.Begin("ingest", int(h.Steps))
	s, err := stream.Ingest(c.Out, h, d, r, func() { e.progress.Add(1) })
	e.progress.End()
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
