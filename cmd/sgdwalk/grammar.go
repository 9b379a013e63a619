package main

import (
	"cmp"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"sgdwalk/record/exchange"
	"sgdwalk/record/recorder"
	"sgdwalk/train/dataset"
	"sgdwalk/train/nn"
	"sgdwalk/train/optim"
)

// cli has one field per verb, in the order of --help.
type cli struct {
	Demo      demoCmd      `cmd:"" help:"The whole job on the embedded digits: train, record, verify, analyze, draw."`
	Train     trainCmd     `cmd:"" help:"Train a network and record every step."`
	Sweep     sweepCmd     `cmd:"" help:"Train and record a grid of runs from one initialization."`
	Info      infoCmd      `cmd:"" help:"Say what is in a run."`
	Ls        lsCmd        `cmd:"" help:"List the runs in directories: model, optimizer, steps, losses, size, state, tags."`
	Diff      diffCmd      `cmd:"" help:"Say in which settings two runs, or two results, differ."`
	Note      noteCmd      `cmd:"" help:"Add a note or tags to a run."`
	Verify    verifyCmd    `cmd:"" help:"Read every byte of a run and name every problem."`
	Audit     auditCmd     `cmd:"" help:"Find faults in a series of checkpoints: weights of another step or training, and more."`
	Repair    repairCmd    `cmd:"" help:"Copy every intact row of a damaged run into a new one."`
	Export    exportCmd    `cmd:"" help:"Write a run for other programs: npz, safetensors, CSV, TensorBoard."`
	Import    importCmd    `cmd:"" help:"Make a run of checkpoints or arrays from elsewhere."`
	Ingest    ingestCmd    `cmd:"" help:"Record another program's steps, from a pipe or a socket."`
	Python    pythonCmd    `cmd:"" help:"Print sgdwalk.py, which records from PyTorch and numpy."`
	Path      pathCmd      `cmd:"" help:"Step lengths, cosines and displacement along the walk."`
	Walk      walkCmd      `cmd:"" help:"The full training loss between consecutive iterates (Xing et al. 2018)."`
	PCA       pcaCmd       `cmd:"" name:"pca" help:"Principal directions of the walk, compared with a random walk."`
	Line      lineCmd      `cmd:"" help:"The loss on the straight line, or a trained curve, between two iterates."`
	Curvature curvatureCmd `cmd:"" help:"Eigenvalues, trace and density of the Hessian, and the edge of stability."`
	Average   averageCmd   `cmd:"" help:"The loss of averages of the iterates (SWA, LAWA, EMA): how high the run is above the floor of its valley."`
	Landscape landscapeCmd `cmd:"" help:"The loss on a plane, by default of the first two principal directions, with the path on it."`

	Compare compareCmd `cmd:"" help:"Several runs in one plane, over one loss, paired over seeds."`

	Plan   planCmd   `cmd:"" set:"out=Directory of the plan." help:"Divide an analysis among many processes or machines."`
	Work   workCmd   `cmd:"" help:"Compute one shard of a plan."`
	Merge  mergeCmd  `cmd:"" help:"Make the result of a plan's shards."`
	Status statusCmd `cmd:"" help:"Say how the shards of a plan are."`
	Submit submitCmd `cmd:"" help:"Give the shards of a plan to Slurm or Kubernetes."`

	Plot   plotCmd   `cmd:"" help:"Draw the figures of results again: another style, or several panels on one page."`
	Report reportCmd `cmd:"" help:"One HTML file with everything that is known of a run."`
	Watch  watchCmd  `cmd:"" help:"Show a run in the terminal while it is recorded."`
	Serve  serveCmd  `cmd:"" help:"Show runs in a browser, on this machine alone, while they are recorded."`

	Help       helpCmd       `cmd:"" help:"Explain the program or one verb, as --help does."`
	Completion completionCmd `cmd:"" help:"Print a script that completes the command line in bash, zsh or fish."`
}

// common has the flags of every verb.
type common struct {
	JSON     bool        `name:"json" help:"Print one JSON object on standard output instead of text."`
	Quiet    bool        `short:"q" help:"No progress on standard error."`
	Progress string      `default:"auto" enum:"auto,lines" help:"Progress on standard error: auto (a bar on a terminal, otherwise a line every 5 seconds) or lines (up to 5 lines a second, for a program that shows them) (default ${default})."`
	Version  versionFlag `help:"Print the version and the commit, and exit."`
}

// grammarOf returns the grammar for a command line that is not empty: a pointer to a struct with the field of cli
// for its verb, with no verb for --version, or to a whole cli for everything else. A parser of all verbs takes
// longer to build than most verbs need for the rest of their start.
func grammarOf(args []string) any {
	if len(args) == 1 && args[0] == "--version" {
		return new(struct{})
	}
	t := reflect.TypeFor[cli]()
	for i := range t.NumField() {
		f := t.Field(i)
		name := cmp.Or(f.Tag.Get("name"), strings.ToLower(f.Name))
		if name == args[0] && name != "help" && name != "completion" {
			return reflect.New(reflect.StructOf([]reflect.StructField{f})).Interface()
		}
	}
	return new(cli)
}

// newParser makes the parser of the command line. grammar is from grammarOf. exit is called after --help and
// --version.
func newParser(grammar any, c *common, stdout, stderr io.Writer, exit func(code int)) (*kong.Kong, error) {
	return kong.New(
		grammar,
		kong.Embed(c),
		kong.Name("sgdwalk"),
		kong.Description("Record every step of a training run; see what stochastic gradient descent did on its way "+
			"through the loss landscape."),
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		kong.Vars{
			"datasets": dataset.Specs(), "models": nn.Specs(),
			"optimizers": strings.Join(optim.Names(), ", "), "schedules": optim.ScheduleForms, "kinds": kindNames(),
			"depth": strconv.Itoa(recorder.DefaultDepth), "states": stateNames(),
			"dims": strconv.Itoa(exchange.DefaultDims),
			"out":  "Where the results go (default RUN/analysis/VERB; of a SERIES, NAME-analysis/VERB in the current directory). Results of an earlier call are replaced.",
		},
		kong.Configuration(loadConfig),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.UsageOnError(),
	)
}

// parseVerb sets the flags of a verb, a pointer to its struct, as a command line would, with the defaults that the
// user sees.
func parseVerb(verb any, args ...string) error {
	p, err := newParser(verb, new(common), io.Discard, io.Discard, func(int) {})
	if err != nil {
		return err
	}
	_, err = p.Parse(args)
	return err
}

// negative is a number or a range that begins with a minus.
var negative = regexp.MustCompile(`^-[0-9.]`)

// joinNegative joins "--step -1" to "--step=-1": the parser would take -1
// for a flag.
func joinNegative(args []string) []string {
	var out []string
	for i, a := range args {
		if a == "--" {
			return append(out, args[i:]...)
		}
		if i > 0 && negative.MatchString(a) && strings.HasPrefix(args[i-1], "--") && !strings.Contains(args[i-1], "=") {
			out[len(out)-1] += "=" + a
			continue
		}
		out = append(out, a)
	}
	return out
}
