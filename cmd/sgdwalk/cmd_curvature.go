package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/record"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
)

// curvatureCmd computes the curvature at one iterate or along the run.
type curvatureCmd struct {
	runFlags
	lossFlags
	objectiveFlags
	Step      int64  `default:"-1" help:"Iterate; -1 is the last (default ${default})."`
	Along     string `placeholder:"ROWS" help:"Several iterates instead: A-B,C (steps), epoch:A-B,C, every:K, log:N."`
	Top       int    `default:"10" help:"Largest eigenvalues, and the dimension of the dominant space (default ${default})."`
	Matrix    string `default:"hessian" enum:"hessian,gauss-newton,empirical-fisher" help:"Matrix: hessian; gauss-newton, the Hessian without the curvature of the network; or empirical-fisher, the second moment of recorded mini-batch gradients, which is not a Hessian (default ${default})."`
	Gradients int    `default:"50" placeholder:"N" help:"With --matrix empirical-fisher: take the N recorded gradients nearest to --step (default ${default})."`
	Products  int    `default:"400" help:"Most matrix-vector products of the Lanczos iteration (default ${default})."`
	Block     int    `default:"4" help:"Vectors that the Lanczos iteration multiplies together (default ${default})."`
	Probes    int    `default:"10" help:"Random vectors of the spectral density; 0 leaves it out (default ${default})."`
	MaxMemory string `default:"4GiB" placeholder:"SIZE" help:"Most memory for the vectors of the iteration; with less it restarts from the best ones (default ${default})."`
	Layers    bool   `help:"Also the extreme eigenvalues and the trace of every layer's diagonal block (table layers)."`
	Seed      uint64 `default:"0" help:"Seed of the random vectors (default ${default})."`
}

func (curvatureCmd) Help() string {
	return `The Hessian is that of the loss over the whole training set, without weight decay. Products
with it are exact where the loss has them; otherwise they are central differences of
gradients, and the result says so.

--matrix empirical-fisher evaluates no loss. It is the mean of g g' over recorded mini-batch
gradients g around --step (train --grad records them): neither the Hessian, nor the Fisher
matrix of single examples.

Examples:
  sgdwalk curvature RUN
  sgdwalk curvature --along every:20 --top 5 RUN
  sgdwalk curvature --matrix empirical-fisher --gradients 100 RUN
  sgdwalk curvature --objective "python3 objective.py" RUN   a run from PyTorch
  sgdwalk curvature --objective "python3 objective.py" checkpoints/   a folder of checkpoints

What the numbers mean, and what not: analyze/MEANING.md.`
}

// Run computes, writes and prints.
func (c *curvatureCmd) Run(ctx context.Context, e *env) error {
	if err := c.checkFisher(); err != nil {
		return err
	}
	if curvature.Matrix(c.Matrix) == curvature.FisherMatrix {
		return c.fisher(ctx, e)
	}
	_, err := c.compute(ctx, e)
	return err
}

// reserveMemory prints how much memory the vectors and the evaluator's products take. It
// makes the garbage collector keep the process near that: otherwise discarded vectors may
// take as much memory again as those in use. A lower limit from GOMEMLIMIT stays. The
// returned function restores the limit.
func (c *curvatureCmd) reserveMemory(e *env, vectors int64) (restore func()) {
	const margin, passes = 16 << 20, 1 << 30
	var now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&now)
	text, limit := "memory for the vectors of the iteration: at most "+record.Bytes(vectors).String(),
		int64(now.HeapAlloc)+vectors+margin
	if c.Objective == "" {
		text, limit = text+"; for the passes that products share: at most "+record.Bytes(passes).String(), limit+passes
	}
	e.say("%s", text)
	before := debug.SetMemoryLimit(-1) // a negative limit changes nothing
	debug.SetMemoryLimit(min(before, limit))
	return func() { debug.SetMemoryLimit(before) }
}

// compute computes, writes and prints. With --along the result is nil: it is in the files.
func (c *curvatureCmd) compute(ctx context.Context, e *env) (*curvature.Result, error) {
	most, err := parseSize("--max-memory", c.MaxMemory)
	if err != nil {
		return nil, err
	}
	o := curvature.Options{
		Top: c.Top, Matrix: curvature.Matrix(c.Matrix), Block: c.Block, MaxProducts: c.Products, MaxMemory: most,
		DensityProbes: c.Probes, Seed: c.Seed, Progress: e.progress,
	}
	if c.Probes == 0 {
		o.DensityProbes = -1
	}
	if err := o.Validate(); err != nil {
		return nil, usageError{err}
	}
	if err := c.check(c.lossFlags); err != nil {
		return nil, err
	}
	a, err := c.open(e, "curvature")
	if err != nil {
		return nil, err
	}
	defer a.close()
	o.Edge = curvature.Edge(optim.EdgeOf(a.trace.Header().Optimizer))
	needs, err := o.Memory(a.trace.Header().Layout.Len())
	if err != nil {
		return nil, usageError{err}
	}
	loss, err := a.evaluator(ctx, c.lossFlags, c.objectiveFlags, nil, products)
	if err != nil {
		return nil, err
	}
	if c.Along != "" {
		defer c.reserveMemory(e, needs)()
		return nil, c.along(ctx, a, loss, o)
	}
	if err := a.indivisible("curvature at one iterate is one chain of Hessian-vector products and cannot be shared; " +
		"--along shares iterates, and landscape --also eigenvalues the points of a plane"); err != nil {
		return nil, err
	}
	if err := a.begin(); err != nil {
		return nil, err
	}
	s, err := a.Iterate(c.Step)
	if err != nil {
		return nil, err
	}
	defer c.reserveMemory(e, needs)()
	if l, ok := loss.(analyze.Stateful); ok && s.State != nil {
		l.SetState(s.State)
	}
	o.Optimizer = a.trace.Header().Optimizer
	if o.LearningRate, o.NoRate, err = curvature.RateAt(a.trace, a.RowOf(s.Step)); err != nil {
		return nil, err
	}
	if c.Layers {
		o.Layers = curvature.Layers(a.trace.Header().Layout)
	}
	journal, err := a.journal(struct {
		Step    int64             `json:"step"`
		Options curvature.Options `json:"options"`
	}{s.Step, o.Effective()})
	if err != nil {
		return nil, err
	}
	defer journal.Close()
	o.Store = journal
	known, err := replay.NewPreconditioner(a.trace)
	if err != nil {
		return nil, err
	}
	if known != nil {
		if o.Preconditioner, o.PreconditionerAbsent, err = known.Preconditioner(ctx, a.RowOf(s.Step)); err != nil {
			return nil, err
		}
	}
	r, err := curvature.Compute(ctx, s.Theta, loss, o)
	if err != nil {
		return nil, a.interrupted(ctx, fmt.Errorf("step %d: %w", s.Step, err))
	}
	tables := []namedTable{
		{"eigenvalues", &r.Eigenvalues},
		{"density", &r.Density},
		{"spectrum", &r.Spectrum},
		{"trace", &r.TraceSamples},
		{"steps", &r.Steps},
		{"shares", &r.Shares},
		{"overlaps", &r.Overlaps},
	}
	if c.Layers {
		tables = append(tables, namedTable{"layers", &r.Layers})
	}
	if err := a.tables(tables...); err != nil {
		return nil, err
	}
	r.Summary.AtStep = s.Step
	return r, a.finish(&r.Summary, r.Warnings, o.Effective(), curvature.Method, curvature.Citation)
}

// along computes the curvature at several iterates.
func (c *curvatureCmd) along(ctx context.Context, a *analysis, loss analyze.Gradient, each curvature.Options) error {
	rows, err := analyze.ParseSegments(c.Along)
	if err != nil {
		return usageError{err}
	}
	o := curvature.AlongOptions{Rows: rows, Each: each}
	known, err := replay.NewPreconditioner(a.trace)
	if err != nil {
		return err
	}
	if known != nil {
		o.Preconditioner = known
	}
	j, err := curvature.NewJob(a.trace, loss, o)
	if err != nil {
		return err
	}
	return runJob(ctx, a, j, finish[*curvature.Run]{
		key:   o,
		write: func(r *curvature.Run) error { return writeAlong(a, r, o) },
	})
}

// writeAlong writes the curvature along a run and prints it.
func writeAlong(a *analysis, r *curvature.Run, o curvature.AlongOptions) error {
	if err := a.tables(namedTable{"along", &r.Table}, namedTable{"eigenvalues", &r.Eigenvalues}); err != nil {
		return err
	}
	return a.finish(&r.Summary, r.Warnings, o, curvature.Method, curvature.Citation)
}
