package main

import (
	"context"
	"path/filepath"
	"strings"

	"sgdwalk/record"
	"sgdwalk/record/recorder"
)

// importCmd makes a run of files from other programs.
type importCmd struct {
	Files []string `arg:"" help:"A run as .npz or .npy, or checkpoints (.safetensors, .npz, .pt); a folder means the checkpoints in it and in its folders."`
	Out   string   `required:"" placeholder:"RUN" help:"Directory of the run; must not exist."`
	Kinds []string `placeholder:"PATTERN=KIND" help:"What the tensors of a name are for: ${kinds}; otherwise guessed."`
	checkpointFlags
	Scalars string `placeholder:"FILE.csv" help:"Losses and other numbers of checkpoints, with a column step and the columns of export --csv."`
	Model   string `help:"Name of the model for the header."`
	Force   bool   `help:"Replace the run that is there."`
}

func (importCmd) Help() string {
	return `A copy of checkpoints as a recorded run. Analyses also read the folder itself (sgdwalk pca
checkpoints/); the copy is checked by checksums, needs no options later, and can be moved.
path, pca and compare work on it; what evaluates a loss takes --objective.

Examples:
  sgdwalk import checkpoints/ --out RUN
  sgdwalk import checkpoints/ --scalars log.csv --out RUN
  sgdwalk import init.pt trained.pt final.pt --steps order --out RUN
  sgdwalk import ckpt-*.safetensors --kinds '*.gamma=norm_scale' --out RUN
  sgdwalk import checkpoints/ --layout OTHER-RUN/header.json --key ema --out RUN
  sgdwalk import run.npz --out RUN`
}

// Run imports.
func (c *importCmd) Run(ctx context.Context, e *env) error {
	o, err := c.options(c.Kinds)
	if err != nil {
		return err
	}
	o.Scalars, o.Model = c.Scalars, c.Model
	m, err := recorder.Import(ctx, c.Out, c.Force, c.Files, o)
	if err != nil {
		return err
	}
	h := m.Header()
	if e.json {
		return e.printJSON(struct {
			Run        string   `json:"run"`
			Rows       int      `json:"rows"`
			Parameters int      `json:"parameters"`
			StepsFrom  string   `json:"steps_from,omitempty"`
			Warnings   []string `json:"warnings"`
		}{c.Out, m.Len(), h.Layout.Len(), m.StepsFrom, append([]string{}, m.Warnings...)})
	}
	e.printf("%d rows of %d parameters in %d tensors: %s\n", m.Len(), h.Layout.Len(), len(h.Layout), c.Out)
	for _, warning := range m.Warnings {
		e.printf("note: %s\n", warning)
	}
	return nil
}

// repairCmd keeps what is intact of a damaged run.
type repairCmd struct {
	Run_  string `arg:"" name:"run" help:"Directory of the run."`
	Out   string `placeholder:"RUN" help:"Directory of the repaired run (default RUN-repaired); must not exist."`
	Force bool   `help:"Replace the run that is there."`
}

func (repairCmd) Help() string {
	return `Every intact row is copied into a new run; the damaged one is not changed. Every problem is
printed on a line of its own. A damaged or missing header.json is restored from the copies in
the segments, or from their hash of it. The exit status is 0 when rows were saved, and 3 when
the damage left none.

Examples:
  sgdwalk repair RUN
  sgdwalk repair RUN --out SOUND`
}

// Run repairs.
func (c *repairCmd) Run(e *env) error {
	out := c.Out
	if out == "" {
		out = strings.TrimRight(filepath.Clean(c.Run_), string(filepath.Separator)) + "-repaired"
	}
	problems := []string{}
	r, skipped, err := recorder.Repair(c.Run_, out, c.Force, func(err error) {
		problems = append(problems, oneLine(err))
		if !e.json {
			e.printf("%s\n", oneLine(err))
		}
	})
	if r != nil && !r.Finished {
		e.say("note: %s did not come to its end, or its end is lost: it has %d rows", c.Run_, r.Rows)
	}
	for _, err := range skipped {
		e.say("note: a file is left out: %v", err)
	}
	if err != nil {
		return err
	}
	if e.json {
		return e.printJSON(struct {
			Run      string   `json:"run"`
			Out      string   `json:"out"`
			Rows     int64    `json:"rows"`
			Lost     int64    `json:"lost"`
			Torn     int64    `json:"torn_bytes"`
			Finished bool     `json:"finished"`
			Problems []string `json:"problems"`
		}{c.Run_, out, r.Rows, r.Lost, r.Torn, r.Finished, problems})
	}
	e.printf("%d rows kept in %s, %d lost, %d torn bytes left behind\n", r.Rows, out, r.Lost, r.Torn)
	return nil
}

// kindNames lists the kinds for --help.
func kindNames() string {
	var names []string
	for _, k := range record.Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}
