package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
	"sgdwalk/record/recorder"
	"sgdwalk/record/safefile"
	"sgdwalk/train/session"
)

// demoCmd does the whole job on the embedded digits.
type demoCmd struct {
	Out   string `default:"sgdwalk-demo" placeholder:"DIR" help:"Where everything goes; must not exist (default ${default})."`
	Force bool   `help:"Replace an earlier demo."`
}

func (demoCmd) Help() string {
	return `Trains a small network on 1,438 handwritten digits with every step recorded, verifies the
recording, takes the walk, finds its principal directions, draws the landscape around it,
measures the curvature at its end and says in words what was seen, with a page to open in
a browser. Needs no network and writes nowhere else.

Examples:
  sgdwalk demo
  sgdwalk demo --out DIR --json`
}

// demoConfig is the run of the demo. The learning rate is high enough for the
// walk to bounce between the walls of its valley and low enough to learn.
func demoConfig() *session.Settings {
	rate, batch := 0.5, 50
	return &session.Settings{
		Data: "digits", Model: "mlp:32", Optimizer: "sgd", LR: &rate, Batch: &batch, Epochs: 8, Seed: 1,
		Record: "every:1", Grad: true,
	}
}

// demoResult is everything that the demo saw.
type demoResult struct {
	Out       string                 `json:"out"`
	Train     *session.Summary       `json:"train"`
	Verified  *recorder.Verification `json:"verified"`
	Path      path.Summary           `json:"path"`
	Walk      walk.Summary           `json:"walk"`
	PCA       pca.Summary            `json:"pca"`
	Landscape landscape.Summary      `json:"landscape"`
	Curvature curvature.Summary      `json:"curvature"`
	Warnings  []analyze.Warning      `json:"warnings"`
	Summary   []string               `json:"summary"`
}

// Run does the whole job.
func (c *demoCmd) Run(ctx context.Context, e *env) error {
	start := time.Now()
	if err := c.prepare(); err != nil {
		return err
	}
	r, err := c.fly(ctx, e)
	if err != nil {
		return err
	}
	text := "# What was seen\n\n" + strings.Join(r.Summary, "\n") + "\n"
	if err := safefile.WriteBytes(filepath.Join(c.Out, "summary.md"), []byte(text)); err != nil {
		return err
	}
	var page reportCmd
	if err := parseVerb(&page, filepath.Join(c.Out, "run"), "--out", filepath.Join(c.Out, "report.html"),
		"--force"); err != nil {
		return err
	}
	quiet := *e
	quiet.silent, quiet.json = true, false
	if err := page.Run(&quiet); err != nil {
		return err
	}
	e.say("done in %.1f s", time.Since(start).Seconds())
	if e.json {
		return e.printJSON(r)
	}
	e.print(text)
	return nil
}

// prepare makes the output directory. Only what a demo wrote is ever replaced.
func (c *demoCmd) prepare() error {
	entries, err := os.ReadDir(c.Out)
	switch {
	case os.IsNotExist(err):
		return os.MkdirAll(c.Out, 0o777)
	case err != nil:
		return usagef("--out %s: %w", c.Out, err)
	case len(entries) == 0:
		return nil
	case !c.Force:
		return usagef("--out %s exists already; name a new directory, or give --force to replace an earlier demo",
			c.Out)
	}
	for _, f := range entries {
		if !slices.Contains([]string{"run", "summary.md", "report.html"}, f.Name()) {
			return usagef("--out %s holds %s, which no demo wrote; it is not touched", c.Out, f.Name())
		}
	}
	return nil
}

// fly trains, verifies and analyzes.
func (c *demoCmd) fly(ctx context.Context, e *env) (*demoResult, error) {
	quiet := *e
	quiet.silent = true
	run := filepath.Join(c.Out, "run")
	r := &demoResult{Out: c.Out}
	var recording recordFlags
	if err := parseVerb(&recording); err != nil {
		return nil, err
	}
	o, err := recording.sessionOptions(e, c.Force)
	if err != nil {
		return nil, err
	}
	if r.Train, err = session.Start(ctx, run, demoConfig(), o); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("demo: interrupted; what was recorded is in %s", run)
	}
	if r.Verified, err = recorder.Verify(run, func(string) {}); err != nil {
		return nil, err
	}
	if n := len(r.Verified.Problems); n > 0 {
		return nil, fmt.Errorf("demo: the recording has %d problems, the first: %s: %w",
			n, r.Verified.Problems[0], errDamaged)
	}
	var path pathCmd
	var walk walkCmd
	var directions pcaCmd
	var plane landscapeCmd
	var top curvatureCmd
	if err := errors.Join(
		parseVerb(&path, run),
		parseVerb(&walk, run, "--segments", "all"),
		parseVerb(&directions, run),
		parseVerb(&plane, run),
		parseVerb(&top, run),
	); err != nil {
		return nil, err
	}
	p, err := path.compute(ctx, &quiet)
	if err != nil {
		return nil, err
	}
	w, err := walk.compute(ctx, &quiet)
	if err != nil {
		return nil, err
	}
	f, err := directions.compute(ctx, &quiet)
	if err != nil {
		return nil, err
	}
	l, err := plane.compute(ctx, &quiet)
	if err != nil {
		return nil, err
	}
	h, err := top.compute(ctx, &quiet)
	if err != nil {
		return nil, err
	}
	r.Path, r.Walk, r.PCA, r.Landscape, r.Curvature = p.Summary, w.Summary, f.Summary, l.Summary, h.Summary
	for _, part := range [][]analyze.Warning{p.Warnings, w.Warnings, f.Warnings, l.Warnings, h.Warnings} {
		r.Warnings = append(r.Warnings, part...)
	}
	r.Summary = c.words(r, run)
	return r, nil
}

// words says what was seen, one paragraph a question.
func (c *demoCmd) words(r *demoResult, run string) []string {
	config := demoConfig()
	t := r.Train
	out := []string{
		fmt.Sprintf("A network of %d parameters (%s) was trained on the handwritten digits with SGD, learning rate "+
			"%g, batches of %d, for %d steps.", t.Parameters, t.Model, *config.LR, *config.Batch, t.Result.Steps),
		fmt.Sprintf("Its training loss ended at %s; on the held-out digits it is right %s of the time.",
			analyze.Number(t.Result.FullLoss), percent(t.Result.TestAcc.Value)),
		fmt.Sprintf("All %d iterates and their gradients were recorded (%s); every byte was verified.",
			r.Verified.Rows, record.Bytes(r.Verified.Bytes)),
	}
	for _, part := range []struct {
		title     string
		summaries []analyze.Summary
	}{
		{"The walk", []analyze.Summary{&r.Walk, &r.Path}},
		{"The directions", []analyze.Summary{&r.PCA}},
		{"The plane", []analyze.Summary{&r.Landscape}},
		{"The curvature", []analyze.Summary{&r.Curvature}},
	} {
		out = append(out, "", "## "+part.title, "")
		for _, s := range part.summaries {
			for _, f := range s.Findings() {
				out = append(out, "- "+f.Text)
			}
		}
	}
	if len(r.Warnings) > 0 {
		out = append(out, "", "## Before you believe it", "")
		for _, s := range r.Warnings {
			out = append(out, "- "+s.Text)
		}
	}
	a := filepath.Join(run, "analysis")
	return append(out,
		"", "## Look at", "",
		"- all of it on one page: "+filepath.Join(c.Out, "report.html"),
		"- the walk: "+filepath.Join(a, "walk", "walk.png"),
		"- the landscape: "+filepath.Join(a, "landscape", "landscape.png"),
		"- the principal directions: "+filepath.Join(a, "pca", "pca.png"),
		"- the spectrum of the Hessian at the end: "+filepath.Join(a, "curvature", "curvature.png"),
		"- the geometry of the path: "+filepath.Join(a, "path", "{loss,cosine,step_length,distance}.png"),
		"",
		"Every figure is there as SVG, PDF and PNG with its data as CSV, and every number in summary.json.",
	)
}
