package main

import (
	"fmt"
	"text/tabwriter"

	"sgdwalk/cmd/runloss"
	"sgdwalk/record"
	"sgdwalk/record/printable"
)

// seriesInfo is what info prints of a series with --json.
type seriesInfo struct {
	Series      string         `json:"series"`
	Checkpoints int            `json:"checkpoints"`
	FirstStep   int64          `json:"first_step"`
	LastStep    int64          `json:"last_step"`
	StepsFrom   string         `json:"steps_from"`
	Files       int            `json:"files"`
	Bytes       int64          `json:"bytes"`
	Header      *record.Header `json:"header"` // of the run that the import would make
	Warnings    []string       `json:"warnings"`
}

// showSeries prints what is in a series of checkpoints.
func (e *env) showSeries(r *runloss.Run) error {
	s := r.Series
	first, err := s.Read(0, record.ScalarsOnly)
	if err != nil {
		return err
	}
	last, err := s.Read(s.Len()-1, record.ScalarsOnly)
	if err != nil {
		return err
	}
	i := seriesInfo{
		Series: r.Dir, Checkpoints: s.Len(), FirstStep: first.Step, LastStep: last.Step, StepsFrom: s.StepsFrom,
		Bytes: s.Bytes(), Header: s.Header(), Warnings: []string{},
	}
	for row := range s.Len() {
		i.Files += len(s.Files(row))
	}
	for _, w := range seriesWarnings(r) {
		i.Warnings = append(i.Warnings, w.Text)
	}
	if e.json {
		return e.printJSON(i)
	}
	h := i.Header
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, printable.Line(fmt.Sprintf(format, args...)))
	}
	line("series", "%s (%s, steps %d to %d)", i.Series, counted(i.Checkpoints, "checkpoint"), i.FirstStep, i.LastStep)
	line("model", "%s: %d parameters in %s", h.Model, h.Layout.Len(), counted(len(h.Layout), "tensor"))
	if h.Columns.State {
		line("state", "%d numbers in %s", h.State.Len(), counted(len(h.State), "tensor"))
	}
	line("on disk", "%s in %s", record.Bytes(i.Bytes), counted(i.Files, "file"))
	for _, text := range i.Warnings {
		line("note", "%s", text)
	}
	return w.Flush()
}
