package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/exchange"
	"sgdwalk/record/recorder"
	"sgdwalk/record/safefile"
)

// exportCmd writes a run for other programs.
type exportCmd struct {
	Run_        string `arg:"" name:"run" help:"Directory of the run."`
	NPZ         string `name:"npz" placeholder:"FILE" help:"All rows as numpy arrays: theta (rows, P), grad, state, step, epoch, batch_loss, ..."`
	Safetensors string `placeholder:"FILE" help:"One iterate as named tensors; DIR/ makes a folder of all."`
	CSV         string `name:"csv" placeholder:"FILE" help:"The numbers of all rows, without the vectors."`
	Row         int    `default:"-1" help:"Iterate for --safetensors; negative numbers count from the end (default ${default})."`
	Force       bool   `help:"Replace files that are there."`
}

func (exportCmd) Help() string {
	return `FILE may be - for standard output.

Examples:
  sgdwalk export RUN --npz run.npz
  sgdwalk export RUN --safetensors last.safetensors
  sgdwalk export RUN --safetensors checkpoints/ --csv log.csv
  sgdwalk export RUN --csv -`
}

// exported is one file that export wrote.
type exported struct {
	Format string `json:"format"`
	File   string `json:"file"`
}

// Run writes every requested file.
func (c *exportCmd) Run(e *env) error {
	trace, err := arrowfile.Open(c.Run_)
	if err != nil {
		return err
	}
	defer trace.Close()
	formats := []struct {
		name, file string
		write      func(io.Writer) error
	}{
		{"npz", c.NPZ, func(w io.Writer) error { return exchange.WriteNPZ(w, trace, exchange.NPZOptions{}) }},
		{
			"safetensors", oneFile(c.Safetensors),
			func(w io.Writer) error { return exchange.WriteSafetensors(w, trace, c.Row) },
		},
		{"csv", c.CSV, func(w io.Writer) error { return exchange.WriteCSV(w, trace) }},
	}
	var done []exported
	for _, f := range formats {
		switch {
		case f.file == "":
			continue
		case f.file == "-":
			if err := f.write(e.raw); err != nil {
				return err
			}
			continue
		case !c.Force:
			if _, err := os.Lstat(f.file); err == nil {
				return usagef("--%s %s exists already; name a new file, or give --force", f.name, f.file)
			}
		}
		if err := safefile.Write(f.file, f.write); err != nil {
			return err
		}
		done = append(done, exported{f.name, f.file})
	}
	if oneFile(c.Safetensors) == "" && c.Safetensors != "" {
		if _, err := os.Lstat(c.Safetensors); err == nil && !c.Force {
			return usagef("--safetensors %s exists already; name a new folder, or give --force", c.Safetensors)
		}
		if err := exchange.WriteSafetensorsFolder(c.Safetensors, trace); err != nil {
			return err
		}
		done = append(done, exported{"safetensors", c.Safetensors})
	}
	if len(done) == 0 && c.NPZ+c.Safetensors+c.CSV == "" {
		return usagef("nothing to export: give --npz FILE, --safetensors FILE or --csv FILE")
	}
	if e.json {
		return e.printJSON(struct {
			Run   string     `json:"run"`
			Files []exported `json:"files"`
		}{c.Run_, done})
	}
	for _, f := range done {
		e.printf("%s: %s\n", f.Format, f.File)
	}
	return nil
}

// oneFile returns the name unless it is a folder's, which ends with a separator.
func oneFile(name string) string {
	if strings.HasSuffix(name, "/") || strings.HasSuffix(name, string(filepath.Separator)) {
		return ""
	}
	return name
}

// importCmd makes a run of files from other programs.
type importCmd struct {
	Files   []string `arg:"" help:"A run as .npz or .npy, or checkpoints (.safetensors, .npz, .pt); a folder means the checkpoints in it and in its folders."`
	Out     string   `required:"" placeholder:"RUN" help:"Directory of the run; must not exist."`
	Kinds   []string `placeholder:"PATTERN=KIND" help:"What the tensors of a name are for: ${kinds}; otherwise guessed."`
	Layout  string   `placeholder:"FILE" help:"Names, kinds and shapes of the tensors, instead of guesses: JSON as in header.json."`
	Key     string   `placeholder:"KEY" help:"Where in .pt checkpoints the state dict is, for example state.model or models.0 (default: found; . is the dict itself)."`
	Exclude []string `placeholder:"PATTERN" help:"Tensors to leave out."`
	Steps   string   `placeholder:"FROM" help:"Steps of checkpoints: metadata, name, order (0, 1, 2, ... as given) or a list such as 0,10,20 (default: metadata, else name)."`
	Scalars string   `placeholder:"FILE.csv" help:"Losses and other numbers of checkpoints, with a column step and the columns of export --csv."`
	Model   string   `help:"Name of the model for the header."`
	Force   bool     `help:"Replace the run that is there."`
}

func (importCmd) Help() string {
	return `path, pca and compare work on an imported run; what evaluates a loss takes --objective.

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
	o := exchange.ImportOptions{
		Layout: c.Layout, Key: c.Key, Exclude: c.Exclude, Steps: exchange.Numbering(c.Steps),
		Scalars: c.Scalars, Model: c.Model,
	}
	for _, text := range c.Kinds {
		rule, err := exchange.ParseKindRule(text)
		if err != nil {
			return usageError{err}
		}
		o.Kinds = append(o.Kinds, rule)
	}
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
