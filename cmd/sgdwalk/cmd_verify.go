package main

import (
	"context"
	"errors"
	"fmt"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/train/replay"
	"sgdwalk/train/session"
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

// Run checks the run and prints every problem.
func (c *verifyCmd) Run(ctx context.Context, e *env) error {
	if err := needRun("verify", c.Run_, "sgdwalk audit checks the files of a series"); err != nil {
		return err
	}
	v, err := recorder.Verify(c.Run_, func(problem string) {
		if !e.json {
			e.printf("%s\n", problem)
		}
	})
	if err != nil {
		return err
	}
	if trace, err := arrowfile.Open(c.Run_); err == nil {
		if _, err := replay.LoadCheckpoint(c.Run_, session.FullHeader(trace.Header())); errors.Is(err,
			replay.ErrBadCheckpoint) {
			v.Notes = append(v.Notes, oneLine(err)+
				"; train --resume puts it aside and computes the steps again from the start")
		}
		trace.Close()
	}
	if c.Replay && len(v.Problems) == 0 {
		rows, difference, err := session.Replay(ctx, c.Run_, c.Data, e.progress)
		if err != nil {
			return err
		}
		if difference != "" {
			v.Add(difference)
		} else {
			v.Replayed = rows
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
	if e.json {
		return nil
	}
	e.printf("%s is sound: %d rows, %s, every byte checked\n", c.Run_, v.Rows, record.Bytes(v.Bytes))
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
	return nil
}
