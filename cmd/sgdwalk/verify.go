package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/sketch"
	"sgdwalk/train/replay"
)

// verifyCmd reads every byte of a run.
type verifyCmd struct {
	Run_   string `arg:"" name:"run" help:"Directory of the run."`
	Replay bool   `help:"Train again from the header and compare every recorded bit."`
	Data   string `placeholder:"DATA" help:"For --replay: where the data are now, if not where the run was recorded."`
}

func (verifyCmd) Help() string {
	return `Every problem is printed on a line of its own. The exit status is 3 when there is one. A run that
did not come to its end is named as unfinished: the step at which it ends is compared with the
planned ones, and the number of rows with what its writer has noted. --replay uses the
instruction set that the header names, and refuses where it is not available.

Examples:
  sgdwalk verify RUN
  sgdwalk verify --replay RUN`
}

// verifyResult is what verify prints.
type verifyResult struct {
	Run      string   `json:"run"`
	Rows     int64    `json:"rows"`
	Bytes    int64    `json:"bytes"`
	Replayed int64    `json:"replayed"` // rows that training again gave bit for bit
	Problems []string `json:"problems"`
	// Incomplete says which rows were never written, of a run whose training went on
	// after an error of writing; empty otherwise. What is there can be sound.
	Incomplete string `json:"incomplete,omitempty"`
	// Unfinished says where a run ends that did not come to its end; empty otherwise.
	Unfinished string   `json:"unfinished,omitempty"`
	Notes      []string `json:"notes,omitempty"` // about files that are no part of the recording
}

// Run checks the run and prints every problem.
func (c *verifyCmd) Run(ctx context.Context, e *env) error {
	report := func(problem string) {
		if !e.json {
			e.printf("%s\n", problem)
		}
	}
	v, err := verify(c.Run_, report)
	if err != nil {
		return err
	}
	if trace, err := arrowfile.Open(c.Run_); err == nil {
		if note := checkpointNote(c.Run_, fullHeader(trace.Header())); note != "" {
			v.Notes = append(v.Notes, note)
		}
		trace.Close()
	}
	if c.Replay && len(v.Problems) == 0 {
		if err := c.replay(ctx, e, &v, report); err != nil {
			return err
		}
	}
	if e.json {
		if err := e.printJSON(v); err != nil {
			return err
		}
	}
	if n := len(v.Problems); n > 0 {
		return fmt.Errorf("%s has %d problems: %w", c.Run_, n, errDamaged)
	}
	if !e.json {
		e.printf("%s is sound: %d rows, %s, every byte checked\n", c.Run_, v.Rows, bytesText(v.Bytes))
		if v.Incomplete != "" {
			e.printf("%s\n", v.Incomplete)
		}
		if v.Unfinished != "" {
			e.printf("unfinished: %s\n", v.Unfinished)
		}
		for _, note := range v.Notes {
			e.printf("note: %s\n", note)
		}
		if c.Replay {
			e.printf("training again from the header gave all %d rows bit for bit\n", v.Replayed)
		}
	}
	return nil
}

func verify(dir string, report func(string)) (verifyResult, error) {
	v := verifyResult{Run: dir, Problems: []string{}}
	add := func(problem string) {
		v.Problems = append(v.Problems, problem)
		report(problem)
	}
	var machine error
	s, err := arrowfile.Check(dir, func(problem error) {
		add(oneLine(problem))
		if record.IsSystemError(problem) {
			machine = problem
		}
	})
	if err != nil {
		return v, err
	}
	if machine != nil && s.Damaged == 0 {
		return v, fmt.Errorf("%s could not be checked: %w", dir, machine)
	}
	v.Rows, v.Bytes = s.Rows, s.Bytes
	v.end(&s, add)
	return v, nil
}

// end compares how the run ends with what its header plans, and with what its writer
// said about it. Fewer rows than the writer counted are damage; a run that was
// stopped, or is being recorded, is not.
func (v *verifyResult) end(s *arrowfile.Summary, add func(problem string)) {
	if stats, unread := readRecorder(v.Run); unread == nil && stats != nil {
		v.Incomplete = stats.incomplete()
	}
	if s.Live {
		v.Unfinished = "it is being recorded now"
		return
	}
	have := s.Rows + s.Damaged
	for _, name := range []string{summaryName, ingestName, importName} {
		if said, err := readRowCount(v.Run, name); err != nil {
			v.Notes = append(v.Notes, oneLine(err))
		} else if said > have {
			add(fmt.Sprintf("%s: %s says that the run has %d rows; %d are there, and its end is missing", v.Run, name, said, have))
		}
	}
	if !s.Finished {
		v.Unfinished = "it has no rows"
		switch {
		case have > 0 && s.Planned > 0:
			v.Unfinished = fmt.Sprintf("it ends at step %d of %d", s.LastStep, s.Planned)
		case have > 0:
			v.Unfinished = fmt.Sprintf("it ends at step %d, and nothing says that this is its end", s.LastStep)
		}
		v.Unfinished += ": its writer was stopped or killed, or its end is lost"
	}
}

// readRowCount returns how many rows the writer of a run says that there are; 0
// when it does not.
func readRowCount(dir, name string) (int64, error) {
	text, err := readRunFile(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var said struct{ Rows int64 }
	if err := json.Unmarshal(text, &said); err != nil {
		return 0, fmt.Errorf("%s is damaged: %w", filepath.Join(dir, name), err)
	}
	return said.Rows, nil
}

// checkpointNote says that a run cannot continue from its checkpoint; nothing when
// it can, or has none.
func checkpointNote(dir string, h *record.Header) string {
	if _, err := replay.LoadCheckpoint(dir, h); errors.Is(err, replay.ErrBadCheckpoint) {
		return oneLine(err) + "; train --resume puts it aside and computes the steps again from the start"
	}
	return ""
}

// replay trains again and compares the rows as they come.
func (c *verifyCmd) replay(ctx context.Context, e *env, v *verifyResult, report func(string)) error {
	trace, err := arrowfile.Open(c.Run_)
	if err != nil {
		return err
	}
	defer trace.Close()
	useKernel(trace.Header())
	if err := checkKernel(c.Run_, trace.Header()); err != nil {
		return err
	}
	x, err := replay.FromHeader(fullHeader(trace.Header()), replay.Options{Data: c.Data})
	if err != nil {
		return err
	}
	x.Train()
	again := &comparison{trace: trace}
	reduced, err := reducedAlike(again, trace.Header())
	if err != nil {
		return err
	}
	loop, err := x.Loop(reduced)
	if err != nil {
		return err
	}
	if err := x.Measure(loop); err != nil {
		return err
	}
	outer := ctx
	ctx, stop := context.WithCancel(outer)
	defer stop()
	again.enough = stop // an unfinished run is replayed as far as it goes
	e.progress.Begin("replay", trace.Len())
	loop.Hook = func(*record.Step) error { e.progress.Add(1); return nil }
	_, err = loop.Run(ctx)
	if outer.Err() != nil && again.next < trace.Len() {
		// An interrupt may have cut short the losses of a row: that is no difference.
		return fmt.Errorf("%w after %d of %d rows were replayed", errInterrupted, again.next, trace.Len())
	}
	if again.problem != "" {
		v.Problems = append(v.Problems, again.problem)
		report(again.problem)
		return nil
	}
	if err != nil {
		return err
	}
	v.Replayed = int64(again.next)
	if again.next < trace.Len() && ctx.Err() == nil {
		problem := fmt.Sprintf("training again ends after %d rows; the recording has %d", again.next, trace.Len())
		v.Problems = append(v.Problems, problem)
		report(problem)
	}
	return nil
}

// reducedAlike is a sink before the given one that reduces rows as those of the
// header were.
func reducedAlike(to record.Sink, h *record.Header) (record.Sink, error) {
	if h.Sketch == nil {
		return to, nil
	}
	spec, err := sketch.ParseSpec(h.Sketch.Spec)
	if err != nil {
		return nil, err
	}
	s, _, err := sketch.Sink(func(*record.Header) (record.Sink, error) { return to, nil }, fullHeader(h), spec)
	return s, err
}

// comparison is a sink that compares what it is given with a recording.
type comparison struct {
	trace   *arrowfile.Reader
	next    int
	enough  func()
	problem string
}

// Append compares the next row, the time of day aside.
func (c *comparison) Append(s *record.Step) error {
	if c.next >= c.trace.Len() {
		c.enough()
		return nil
	}
	want, err := c.trace.Read(c.next, record.AllParts)
	if err != nil {
		return err
	}
	got := *s
	got.WallTime = want.WallTime
	if d := record.Diff(&got, &want); d != "" {
		c.problem = fmt.Sprintf("row %d (step %d) is not what training again gives: %s", c.next, want.Step, d)
		return fmt.Errorf("%s", c.problem)
	}
	if c.next++; c.next == c.trace.Len() {
		c.enough()
	}
	return nil
}

// Close does nothing.
func (c *comparison) Close() error { return nil }
