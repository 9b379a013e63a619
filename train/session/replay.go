package session

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/sketch"
	"sgdwalk/train/replay"
)

// Replay trains the run in dir again and compares every recorded bit, the times of day aside. data names the
// data set where it is not the recorded one. It returns how many rows are equal, and a sentence about the first
// difference, "" without one. An unfinished run is replayed as far as it goes.
func Replay(ctx context.Context, dir, data string, progress Progress) (rows int64, difference string, err error) {
	trace, err := arrowfile.Open(dir)
	if err != nil {
		return 0, "", err
	}
	defer trace.Close()
	UseKernel(trace.Header())
	if err := CheckKernel(dir, trace.Header()); err != nil {
		return 0, "", err
	}
	x, err := replay.FromHeader(FullHeader(trace.Header()), replay.Options{Data: data})
	if err != nil {
		return 0, "", err
	}
	x.UseModelState()
	again := &comparison{trace: trace}
	sink, err := reduced(again, trace.Header())
	if err != nil {
		return 0, "", err
	}
	loop, err := x.Loop(sink)
	if err != nil {
		return 0, "", err
	}
	if err := x.MeasureLosses(loop); err != nil {
		return 0, "", err
	}
	outer := ctx
	ctx, again.stop = context.WithCancel(outer)
	defer again.stop()
	progress.Begin("replay", trace.Len())
	loop.Hook = func(*record.Step) error { progress.Add(1); return nil }
	_, err = loop.Run(ctx)
	rows = int64(again.next)
	switch {
	case outer.Err() != nil && again.next < trace.Len():
		// An interrupt may have cut short the losses of a row: that is not a difference.
		return rows, "", fmt.Errorf("%w after %d of %d rows were replayed", outer.Err(), rows, trace.Len())
	case again.difference != "":
		return rows, again.difference, nil
	case err == nil && again.next < trace.Len():
		return rows, fmt.Sprintf("training again ends after %d rows; the recording has %d", rows, trace.Len()), nil
	}
	return rows, "", err
}

// reduced returns a sink that reduces rows as the header says and passes them on.
func reduced(to record.Sink, h *record.Header) (record.Sink, error) {
	if h.Sketch == nil {
		return to, nil
	}
	spec, err := sketch.ParseSpec(h.Sketch.Spec)
	if err != nil {
		return nil, err
	}
	s, _, err := sketch.Sink(func(*record.Header) (record.Sink, error) { return to, nil }, FullHeader(h), spec)
	return s, err
}

// comparison is a sink that compares its rows with a recording.
type comparison struct {
	trace      *arrowfile.Reader
	next       int
	stop       func() // ends the training after the last recorded row
	difference string
}

// Append compares the next row.
func (c *comparison) Append(s *record.Step) error {
	if c.next >= c.trace.Len() {
		c.stop()
		return nil
	}
	want, err := c.trace.Read(c.next, record.AllParts)
	if err != nil {
		return err
	}
	got := *s
	got.WallTime = want.WallTime
	if d := record.Diff(&got, &want); d != "" {
		c.difference = fmt.Sprintf("row %d (step %d) is not what training again gives: %s", c.next, want.Step, d)
		return errors.New(c.difference)
	}
	if c.next++; c.next == c.trace.Len() {
		c.stop()
	}
	return nil
}

// Close does nothing.
func (c *comparison) Close() error { return nil }
