package main

import (
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/cmd/runloss"
	"sgdwalk/record"
	"sgdwalk/record/exchange"
	"sgdwalk/record/recorder"
	"sgdwalk/record/safefile"
)

// exportCmd writes a run for other programs.
type exportCmd struct {
	Run_        string `arg:"" name:"run" help:"Directory of a run, or a folder of checkpoints (SERIES)."`
	NPZ         string `name:"npz" placeholder:"FILE" help:"All rows as numpy arrays: theta (rows, P), grad, state, step, epoch, batch_loss, ..."`
	Safetensors string `placeholder:"FILE" help:"One iterate as named tensors; DIR/ makes a folder of all."`
	CSV         string `name:"csv" placeholder:"FILE" help:"The numbers of all rows, without the vectors."`
	Events      string `placeholder:"DIR" help:"The numbers of all iterates as an event file of TensorBoard, in this folder."`
	Projector   string `placeholder:"DIR" help:"All iterates as points for the embedding projector, in this folder."`
	NewRun      string `name:"new-run" placeholder:"DIR" help:"With --inner: the inner iterates as the iterates of another run, for the analyses."`
	Inner       int    `placeholder:"N" help:"Inner iterates N of every step in place of the iterates, in every format: of schedule-free 1 is the average x and 2 is z, of sam 1 is the point of the second gradient."`
	Steps       string `default:"all" help:"Rows to write, in every format: all, A-B,C (steps), epoch:A-B,C, every:K, first:N, log:N, joined by + (default ${default})."`
	Row         int    `default:"-1" help:"Iterate for --safetensors, counted among the rows to write; negative numbers count from the end (default ${default})."`
	Dims        string `placeholder:"N" help:"Most dimensions of a point of --projector: more parameters are projected at random to N, a multiple of 4; all writes every parameter (default ${dims})."`
	Force       bool   `help:"Replace files that are there."`
}

func (exportCmd) Help() string {
	return `FILE may be - for standard output, and so may the DIR of --events.

Examples:
  sgdwalk export RUN --npz run.npz
  sgdwalk export RUN --safetensors last.safetensors
  sgdwalk export RUN --safetensors checkpoints/ --csv log.csv
  sgdwalk export RUN --csv -
  sgdwalk export RUN --events logs/run --projector logs/run   (then: tensorboard --logdir logs)
  sgdwalk export RUN --projector points --steps every:10 --dims all
  sgdwalk export RUN --inner 1 --new-run RUN-x   (then: sgdwalk path RUN-x, compare RUN RUN-x, ...)`
}

// exported is one file or folder that export wrote.
type exported struct {
	Format    string              `json:"format"`
	File      string              `json:"file"`
	Embedding *exchange.Embedding `json:"embedding,omitempty"` // of --projector
}

// target is one file or folder to write. Exactly one function is set.
type target struct {
	flag, path string
	file       func(io.Writer) error
	folder     func(*exported) error
}

// Run writes every requested file.
func (c *exportCmd) Run(ctx context.Context, e *env) error {
	o, err := c.projectorOptions()
	if err != nil {
		return err
	}
	steps, err := record.ParseSteps(c.Steps)
	if err != nil {
		return usageError{err}
	}
	run, err := runloss.OpenRecording(c.Run_, exchange.ImportOptions{})
	if err != nil {
		return err
	}
	defer run.Close()
	trace := record.Trajectory(run)
	if c.Inner != 0 {
		if trace, err = exchange.InnerIterates(run, c.Inner); err != nil {
			return err
		}
	}
	if trace, err = exchange.SelectSteps(trace, steps); err != nil {
		return err
	}
	targets := append(c.targets(trace, o), c.copyTo(ctx, trace, run.Finished())...)
	if err := c.check(targets); err != nil {
		return err
	}
	done := []exported{}
	for _, t := range targets {
		x := exported{Format: t.flag, File: t.path}
		switch {
		case t.folder != nil:
			err = t.folder(&x)
		case t.path == "-":
			err = t.file(e.raw)
		default:
			err = safefile.Write(t.path, t.file)
		}
		if err != nil {
			return err
		}
		if t.path != "-" {
			done = append(done, x)
		}
	}
	if e.json {
		return e.printJSON(struct {
			Run   string     `json:"run"`
			Files []exported `json:"files"`
		}{c.Run_, done})
	}
	for _, x := range done {
		e.printf("%s: %s\n", x.Format, x.File)
		if x.Embedding != nil {
			describeEmbedding(e, x.Embedding)
		}
	}
	return nil
}

// projectorOptions reads --dims.
func (c *exportCmd) projectorOptions() (o exchange.ProjectorOptions, err error) {
	switch {
	case c.Dims == "":
		return o, nil
	case c.Projector == "":
		return o, usagef("--dims is for --projector, which is not given")
	case c.Dims == "all":
		o.Dims = exchange.AllDims
	default:
		if o.Dims, err = strconv.Atoi(c.Dims); err != nil || o.Dims <= 0 {
			return o, usagef("--dims is %q; it must be all, or a whole number such as %d", c.Dims, exchange.DefaultDims)
		}
	}
	return o, o.Validate()
}

// targets returns the requested files and folders, in the order of --help.
func (c *exportCmd) targets(t record.Trajectory, o exchange.ProjectorOptions) []target {
	safetensors := target{flag: "safetensors", path: c.Safetensors}
	if isFolder(c.Safetensors) {
		safetensors.folder = func(*exported) error { return exchange.WriteSafetensorsFolder(c.Safetensors, t) }
	} else {
		safetensors.file = func(w io.Writer) error { return exchange.WriteSafetensors(w, t, c.Row) }
	}
	events := target{flag: "events", path: c.Events}
	if c.Events == "-" {
		events.file = func(w io.Writer) error { return exchange.WriteEvents(w, t) }
	} else {
		events.folder = func(*exported) error { return exchange.WriteEventFolder(c.Events, t) }
	}
	all := []target{
		{flag: "npz", path: c.NPZ, file: func(w io.Writer) error { return exchange.WriteNPZ(w, t, exchange.NPZOptions{}) }},
		safetensors,
		{flag: "csv", path: c.CSV, file: func(w io.Writer) error { return exchange.WriteCSV(w, t) }},
		events,
		{flag: "projector", path: c.Projector, folder: func(x *exported) (err error) {
			x.Embedding, err = exchange.WriteProjector(c.Projector, t, o)
			return err
		}},
	}
	return slices.DeleteFunc(all, func(t target) bool { return t.path == "" })
}

// copyTo returns the target of --new-run, if it is requested.
func (c *exportCmd) copyTo(ctx context.Context, t record.Trajectory, finished bool) []target {
	if c.NewRun == "" {
		return nil
	}
	return []target{{flag: "new-run", path: c.NewRun, folder: func(*exported) error {
		return recorder.Copy(ctx, c.NewRun, c.Force, t, c.Run_, finished)
	}}}
}

// check refuses existing files and folders before anything is written, so that one
// folder can have an event file and points.
func (c *exportCmd) check(targets []target) error {
	if c.NewRun != "" && c.Inner == 0 {
		return usagef("--new-run makes a run of inner iterates; give --inner N too")
	}
	if len(targets) == 0 {
		return usagef("nothing to export: give --npz FILE, --safetensors FILE, --csv FILE, --events DIR, " +
			"--projector DIR or --new-run DIR")
	}
	for _, t := range targets {
		if t.path == "-" && t.folder != nil {
			return usagef("--%s writes a folder, which cannot go to standard output; name a folder", t.flag)
		}
		if _, err := os.Lstat(t.path); t.path == "-" || err != nil || c.Force {
			continue
		}
		kind := "file"
		if t.folder != nil {
			kind = "folder"
		}
		return usagef("--%s %s exists already; name a new %s, or give --force", t.flag, t.path, kind)
	}
	return nil
}

// describeEmbedding prints what the points are.
func describeEmbedding(e *env, x *exchange.Embedding) {
	e.printf("  %d points of %d dimensions: theta minus the mean of the points\n", x.Points, x.Dims)
	if x.Dims < x.Parameters {
		e.printf("  %d parameters are projected at random to %d dimensions, with an error of about %.0f %% of a distance; "+
			"--dims all writes every parameter\n", x.Parameters, x.Dims, 100/math.Sqrt(2*float64(x.Dims)))
	}
	if x.NotFinite > 0 {
		e.printf("  %d iterates with NaN or infinite values are left out\n", x.NotFinite)
	}
	if x.Points > exchange.SampledPoints {
		e.printf("  more than %d points: t-SNE shows a random sample of them; choose some, for example --steps every:%d\n",
			exchange.SampledPoints, (x.Points+exchange.SampledPoints-1)/exchange.SampledPoints)
	}
}

// isFolder reports whether a name is a folder's: it ends with a separator.
func isFolder(name string) bool {
	return strings.HasSuffix(name, "/") || strings.HasSuffix(name, string(filepath.Separator))
}
