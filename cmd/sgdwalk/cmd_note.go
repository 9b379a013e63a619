package main

import (
	"time"

	"sgdwalk/record/recorder"
)

// noteCmd adds a note or tags to a run.
type noteCmd struct {
	Run_  string   `arg:"" name:"run" help:"Directory of the run."`
	Text  string   `arg:"" optional:"" help:"The note. Without a text and without tags, the notes of the run are printed."`
	Tag   []string `placeholder:"TAG" help:"Add a tag to the run; may be repeated."`
	Untag []string `placeholder:"TAG" help:"Remove a tag from the run; may be repeated."`
}

func (noteCmd) Help() string {
	return `Notes and tags are shown by ls, info, report and serve. They are in notes.jsonl in the run's
directory, one JSON object a line, and are not a part of the recording: verify and the analyses
do not read them. A run that is being recorded can get notes too.

Examples:
  sgdwalk note RUN "loss explodes at step 400: try a warmup"
  sgdwalk note RUN --tag baseline --tag paper
  sgdwalk note RUN --untag baseline
  sgdwalk note RUN                                    (print the notes)`
}

// Run adds the note, or prints the notes.
func (c *noteCmd) Run(e *env) error {
	if err := needFolder("note", c.Run_, "a run"); err != nil {
		return err
	}
	if err := needRun("note", c.Run_, "nothing is written into its folder"); err != nil {
		return err
	}
	if c.Text != "" || len(c.Tag) > 0 || len(c.Untag) > 0 {
		n := recorder.Note{Time: time.Now().UTC().Truncate(time.Second), Text: c.Text, Tags: c.Tag, RemovedTags: c.Untag}
		if err := recorder.AddNote(c.Run_, n); err != nil {
			return err
		}
	}
	notes := recorder.ReadNotes(c.Run_)
	if e.json {
		return e.printJSON(notes)
	}
	return e.printLines(notes.Lines())
}
