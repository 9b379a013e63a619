package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"sgdwalk/cmd/runloss"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/printable"
	"sgdwalk/record/recorder"
)

// errDamaged is wrapped by the errors that mean exit status 3.
var errDamaged = errors.New("the recording is damaged")

// infoCmd says what is in a run.
type infoCmd struct {
	Run_ string `arg:"" name:"run" help:"Directory of a run, or a folder of checkpoints (SERIES)."`
	seriesFlags
}

func (infoCmd) Help() string {
	return `Examples:
  sgdwalk info RUN
  sgdwalk info checkpoints/
  sgdwalk info --json RUN`
}

// Run prints what the header, the ends of the recording and the notes of the writer say.
func (c *infoCmd) Run(e *env) error {
	if runloss.IsSeries(c.Run_) {
		r, err := c.openRun(c.Run_)
		if err != nil {
			return err
		}
		defer r.Close()
		return e.showSeries(r)
	}
	r, err := arrowfile.Open(c.Run_)
	if err != nil {
		return err
	}
	defer r.Close()
	info, statsErr, err := recorder.Inspect(c.Run_, r)
	if err != nil {
		return err
	}
	if statsErr != nil {
		e.say("note: the costs in %s are left out: %s", recorder.SummaryName, oneLine(statsErr))
	}
	if e.json {
		return e.printJSON(info)
	}
	return e.printLines(info.Lines())
}

// printLines prints a description with its names in one column.
func (e *env) printLines(lines []recorder.Line) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\n", l.Name, printable.Line(l.Text))
	}
	return w.Flush()
}
