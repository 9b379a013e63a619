package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sgdwalk/analyze/report"
	"sgdwalk/analyze/result"
	"sgdwalk/cmd/runloss"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/exchange"
	"sgdwalk/record/safefile"
)

// reportCmd writes one HTML file.
type reportCmd struct {
	Runs []string `arg:"" name:"run" help:"Directories of runs, folders of checkpoints (SERIES) with results in NAME-analysis, and comparisons of these."`
	seriesFlags
	Out      string `required:"" placeholder:"FILE.html" help:"The page."`
	Title    string `help:"Heading (default: what was trained)."`
	Plotly   string `placeholder:"FILE" help:"Put this copy of plotly.min.js into the page: its figures become interactive, and it needs no network."`
	Interact bool   `name:"plotly-cdn" help:"Let the reader's browser load the pinned release of Plotly.js, checked by its hash."`
	Force    bool   `help:"Replace the file that is there."`

	Data      string `placeholder:"DATA" help:"Where the data are now, for the commands that the page suggests."`
	Objective string `placeholder:"COMMAND" help:"The program that evaluates the loss, for the commands that the page suggests (default: that of the results)."`
}

func (reportCmd) Help() string {
	return `One file that can be mailed: a summary in words, every figure, the key numbers, warnings and
provenance of all finished analyses. What was not computed is named with the command for it.
A directory that sgdwalk compare wrote comes in front of the runs.

Examples:
  sgdwalk report RUN --out report.html
  sgdwalk report checkpoints/ --out report.html
  sgdwalk report RUN --out report.html --plotly plotly.min.js
  sgdwalk report RUN RUN2 COMPARISON --out report.html`
}

// Run writes the page.
func (c *reportCmd) Run(e *env) error {
	if err := checkNew(c.Out, c.Force); err != nil {
		return err
	}
	o := report.Options{Title: c.Title, Software: software}
	if c.Interact {
		o.PlotlyRelease = report.DefaultPlotly
	}
	if c.Plotly != "" {
		script, err := os.ReadFile(c.Plotly)
		if err != nil {
			return usagef("--plotly: %w", err)
		}
		o.Plotly = script
	}
	if err := o.Validate(); err != nil {
		return usageError{err}
	}
	var runs []report.Run
	var damaged error
	for _, dir := range c.Runs {
		if isResult(dir) {
			x, err := report.OpenResult(dir)
			if err != nil {
				return err
			}
			o.Shared = append(o.Shared, x)
			continue
		}
		if runloss.IsSeries(dir) {
			r, err := c.openSeries(dir)
			if err != nil {
				return err
			}
			r.Place, r.Flags = placeOf(dir), c.arguments()
			runs = append(runs, r)
			continue
		}
		// The page shows finished results. A recording that is damaged does not cost
		// them, and is reported when the page is written.
		trace, err := arrowfile.Open(dir)
		switch {
		case record.IsDamage(err):
			damaged = errors.Join(damaged, err)
		case err != nil && !errors.Is(err, arrowfile.ErrStarting):
			return err
		case err == nil:
			trace.Close()
		}
		r, err := report.Open(dir)
		if err != nil {
			return errors.Join(damaged, err)
		}
		r.Place = placeOf(dir)
		runs = append(runs, r)
	}
	for i := range runs {
		runs[i].Data, runs[i].Objective = c.Data, c.Objective
		for _, u := range runs[i].Unreadable {
			e.say("%s: %s is left out: %v", runs[i].Name, u.Name, u.Err)
		}
	}
	if len(runs) == 0 {
		return usagef("%s: a report needs at least one run; these are results over several runs",
			strings.Join(c.Runs, ", "))
	}
	safefile.RemoveLeftovers(c.Out)
	if err := safefile.Write(c.Out, func(w io.Writer) error { return report.Write(w, runs, o) }); err != nil {
		return err
	}
	if e.silent {
		return damaged
	}
	if e.json {
		return errors.Join(damaged, e.printJSON(struct {
			Runs []string `json:"runs"`
			File string   `json:"file"`
		}{c.Runs, c.Out}))
	}
	e.printf("%s: %s\n", strings.Join(c.Runs, ", "), c.Out)
	return damaged
}

// placeOf returns the path of a run from the current directory. A page does not show where that directory is.
func placeOf(dir string) string {
	here, err1 := filepath.Abs(".")
	there, err2 := filepath.Abs(dir)
	if place, err := filepath.Rel(here, there); err1 == nil && err2 == nil && err == nil {
		return filepath.ToSlash(place)
	}
	return dir
}

// openSeries opens a series and its finished results. A checkpoint that cannot be read does not
// cost the results, and the page of its audit names the checkpoint.
func (c *reportCmd) openSeries(path string) (report.Run, error) {
	parent, err := resultParent(path)
	if err != nil {
		return report.Run{}, err
	}
	h, err := c.headerOf(path)
	if err != nil {
		return report.Run{}, err
	}
	r, err := report.OpenResults(seriesName(path), h, parent)
	r.IsSeries = true
	return r, err
}

// headerOf returns the header of a series, also of one that has damaged checkpoints.
func (c *reportCmd) headerOf(path string) (*record.Header, error) {
	o, err := c.options(c.TensorKinds)
	if err != nil {
		return nil, err
	}
	s, err := runloss.OpenRecording(path, o)
	if err == nil {
		defer s.Close()
		return s.Header(), nil
	}
	catalog, listErr := exchange.OpenCatalog([]string{path}, o)
	if listErr != nil {
		return nil, err
	}
	return catalog.Header(), nil
}

// isResult reports whether a directory is a result, not a run.
func isResult(dir string) bool {
	_, run := os.Stat(filepath.Join(dir, "header.json"))
	_, summary := os.Stat(filepath.Join(dir, result.SummaryName))
	return run != nil && summary == nil
}
