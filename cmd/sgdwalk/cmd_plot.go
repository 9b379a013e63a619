package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/report"
	"sgdwalk/analyze/result"
	"sgdwalk/record/printable"
	"sgdwalk/record/safefile"
	"sgdwalk/train/sweep"
)

// plotCmd draws the figures of finished results again.
type plotCmd struct {
	Results []string `arg:"" name:"result" help:"Directories of results (RUN/analysis/NAME, or the directory of a comparison or a sweep), or of runs with their results."`
	List    bool     `help:"Print the figures and their panels, and draw nothing."`
	Panels  string   `placeholder:"LIST" help:"Put these panels on one page, with commas between them: RESULT:FIGURE, RESULT:PANEL, or RESULT for its first figure. --list prints the names."`
	Columns int      `placeholder:"N" help:"Columns of the page with --panels, 1 to 6 (default: 2 at double width, otherwise 1)."`
	Plain   bool     `name:"no-letters" help:"No letters (a, b, c) at the panels."`
	Out     string   `placeholder:"PATH" help:"Directory of the figures (default figures); with --panels the name of the figure without its extension (default figure)."`
	Force   bool     `help:"Replace files that exist."`
	Against string   `group:"Figures" default:"" enum:",step,epoch,passes" help:"Axis of the series of a comparison: step, epoch or passes (default: the axis of the result)."`
	figureFlags
	mapFlags
}

func (plotCmd) Help() string {
	return `Draws from the tables and the summary of a result. The run and its data are not needed, nothing
is evaluated, and no number changes.

Examples:
  sgdwalk plot RUN --list
  sgdwalk plot RUN/analysis/walk --width single --theme dark --out dark
  sgdwalk plot RUN/analysis/landscape --levels 0.1,0.3,1 --path-loss
  sgdwalk plot RUN/analysis/walk RUN/analysis/landscape --panels walk:loss,landscape --out figure1
  sgdwalk plot RUN1 RUN2 --panels RUN1-walk:loss,RUN2-walk:loss --columns 2 --formats pdf`
}

// plotted is a result with its figures.
type plotted struct {
	name    string // on the command line
	run     string // name of the run; empty for several runs
	isMap   bool   // a figure is a landscape
	figures []draw.Named
}

// drawResult draws the figures of the result in a directory.
func drawResult(dir string, o draw.Options) (p plotted, err error) {
	p.name = filepath.Base(filepath.Clean(dir))
	if isSweep(dir) {
		s, err := sweep.ReadSummary(dir)
		if err != nil {
			return p, err
		}
		t := sweep.Table(s.Results)
		p.figures = draw.Sweep(&t)
		return p, nil
	}
	s, err := result.Open(dir)
	if err != nil {
		return p, err
	}
	p.run, p.isMap = s.Provenance.Run, s.Analysis == "landscape" || s.Analysis == "compare"
	p.figures, err = report.Figures(s, o)
	return p, err
}

// isSweep reports whether a directory is the directory of a sweep.
func isSweep(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, sweep.Name))
	return err == nil
}

// Run draws.
func (c *plotCmd) Run(e *env) error {
	style, err := c.check()
	if err != nil {
		return err
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	results, err := c.open(e, o)
	if err != nil {
		return err
	}
	switch {
	case c.List:
		return c.list(e, results)
	case c.Panels != "":
		return c.compose(e, results, style)
	}
	return c.redraw(e, results, style)
}

// options returns what the figures show.
func (c *plotCmd) options() (o draw.Options, err error) {
	if o, err = c.drawing(c.Scale); err != nil {
		return o, err
	}
	o.Against = draw.Against(c.Against)
	switch {
	case c.Panels == "" && (c.Columns != 0 || c.Plain):
		return o, usagef("--columns and --no-letters are for --panels, which puts several panels on one page")
	case c.Columns < 0 || c.Columns > 6:
		return o, usagef("--columns is %d; it must be from 1 to 6", c.Columns)
	case c.Panels != "" && (c.GIF || c.VTK):
		return o, usagef("--gif and --vtk write files of their own; leave out --panels")
	}
	return o, nil
}

// open opens the named results and draws their figures. A result of a named run that cannot be
// drawn is left out with a note.
func (c *plotCmd) open(e *env, o draw.Options) ([]plotted, error) {
	var out []plotted
	for _, dir := range c.Results {
		dirs, isRun, err := resultsIn(dir)
		if err != nil {
			return nil, err
		}
		for _, d := range dirs {
			p, err := drawResult(d, o)
			if err != nil {
				if !isRun {
					return nil, err
				}
				e.say("sgdwalk: note: %s", oneLine(err))
				continue
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no result could be read", strings.Join(c.Results, ", "))
	}
	isMap := func(p plotted) bool { return p.isMap }
	if c.given() && !slices.ContainsFunc(out, isMap) {
		return nil, usagef("--levels, --equal-aspect, --path-loss, --surface, --gif and --vtk are for landscapes; %s has none",
			strings.Join(c.Results, ", "))
	}
	nameResults(out)
	return out, nil
}

// resultsIn returns the directories of the finished results in a directory: the directory
// itself, or those of a run.
func resultsIn(dir string) (dirs []string, isRun bool, err error) {
	if _, err := os.Stat(filepath.Join(dir, result.SummaryName)); err == nil || isSweep(dir) {
		return []string{dir}, false, nil
	}
	within, err := filepath.Glob(filepath.Join(escapeGlob(dir), "analysis", "*", result.SummaryName))
	if err == nil && len(within) > 0 {
		for _, p := range within {
			dirs = append(dirs, filepath.Dir(p))
		}
		return dirs, true, nil
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, false, usagef("%s does not exist; name the directory of a result, for example RUN/analysis/walk", dir)
	}
	return nil, false, usagef("%s is not a finished result (it has no %s) and not a run with results in its directory analysis",
		dir, result.SummaryName)
}

// escapeGlob returns a pattern that matches the path itself.
func escapeGlob(path string) string {
	if filepath.Separator == '\\' { // such systems have no escapes in patterns
		return path
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// nameResults makes the names of the results differ, with the name of the run.
func nameResults(results []plotted) {
	count := make(map[string]int)
	for _, p := range results {
		count[p.name]++
	}
	seen := make(map[string]int)
	for i := range results {
		p := &results[i]
		if count[p.name] > 1 && p.run != "" { // only a name: it becomes part of a path
			p.name = filepath.Base(p.run) + "-" + p.name
		}
		if seen[p.name]++; seen[p.name] > 1 {
			p.name = fmt.Sprintf("%s-%d", p.name, seen[p.name])
		}
	}
}

// panel is a figure, or a panel of one, with its name on the command line.
type panel struct {
	Name   string `json:"panel"`
	Shows  string `json:"shows"`
	Title  string `json:"title"`
	figure figure.Figure
}

func newPanel(name string, f figure.Figure) panel {
	shows, _, _ := strings.Cut(f.Alt(), ";") // the values follow
	if shows, _, _ = strings.Cut(shows, ". "); utf8.RuneCountInString(shows) > mostShown {
		shows = strings.TrimSpace(string([]rune(shows)[:mostShown-3])) + "..."
	}
	return panel{name, strings.TrimSuffix(shows, "."), f.Heading(), f}
}

// mostShown is the number of letters of the description of a panel in a list.
const mostShown = 76

// panels returns the figures of a result and their panels.
func (p *plotted) panels() []panel {
	var out []panel
	for _, f := range p.figures {
		out = append(out, newPanel(p.name+":"+f.Name, f.Figure))
	}
	for _, f := range p.figures {
		for _, part := range figure.Parts(f.Figure) {
			name := p.name + ":" + part.Name
			if slices.ContainsFunc(out, func(q panel) bool { return q.Name == name }) {
				name = p.name + ":" + f.Name + "." + part.Name
			}
			out = append(out, newPanel(name, part.Figure))
		}
	}
	return out
}

// list prints what can be drawn.
func (c *plotCmd) list(e *env, results []plotted) error {
	var all []panel
	for i := range results {
		all = append(all, results[i].panels()...)
	}
	if e.json {
		return e.printJSON(struct {
			Panels []panel `json:"panels"`
		}{all})
	}
	w := tabwriter.NewWriter(e.stdout, 0, 8, 2, ' ', 0)
	for _, p := range all {
		fmt.Fprintf(w, "%s\t%s\n", printable.Line(p.Name), printable.Line(p.Shows))
	}
	return w.Flush()
}

// find returns the panel with a name.
func find(results []plotted, name string) (figure.Figure, error) {
	var names []string
	for i := range results {
		p := &results[i]
		panels := p.panels()
		if name == p.name && len(panels) > 0 {
			return panels[0].figure, nil
		}
		for _, q := range panels {
			if q.Name == name {
				return q.figure, nil
			}
			names = append(names, q.Name)
		}
	}
	return nil, usagef("--panels has %q; there are %s", name, strings.Join(names, ", "))
}

// compose puts the requested panels on one page.
func (c *plotCmd) compose(e *env, results []plotted, style figureStyle) error {
	page := &figure.Composite{Columns: c.Columns, Plain: c.Plain}
	for name := range strings.SplitSeq(c.Panels, ",") {
		f, err := find(results, strings.TrimSpace(name))
		if err != nil {
			return err
		}
		page.Panels = append(page.Panels, f)
	}
	base := cmp.Or(c.Out, "figure")
	for _, format := range figure.Formats {
		if short, ok := strings.CutSuffix(base, "."+string(format)); ok && short != "" && c.Formats == "" {
			base, style.formats = short, []figure.Format{format}
		}
	}
	dir, name := filepath.Split(base)
	return c.save(e, style, cmp.Or(dir, "."), []draw.Named{{Name: name, Figure: page}})
}

// redraw draws all figures of the results; those of several results are in directories with
// their names.
func (c *plotCmd) redraw(e *env, results []plotted, style figureStyle) error {
	var list []draw.Named
	for _, p := range results {
		for _, f := range p.figures {
			if len(results) > 1 {
				f.Name = filepath.Join(p.name, f.Name)
			}
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return fmt.Errorf("%s: the result has no figures", strings.Join(c.Results, ", "))
	}
	return c.save(e, style, cmp.Or(c.Out, "figures"), list)
}

// save writes figures and prints their paths. Everything is drawn in a private directory
// first, so that a failure leaves the directory as it was.
func (c *plotCmd) save(e *env, style figureStyle, dir string, list []draw.Named) (err error) {
	stage, err := os.MkdirTemp("", "sgdwalk-plot-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	for _, f := range list {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(stage, f.Name)), 0o777); err != nil {
			return err
		}
	}
	drawn, err := style.save(list, stage)
	if err != nil {
		return err
	}
	var targets []string
	for _, path := range drawn {
		name, err := filepath.Rel(stage, path)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, name)
		if _, err := os.Lstat(target); err == nil && !c.Force {
			return usagef("%s exists already; choose another place with --out, or give --force to replace it", target)
		}
		targets = append(targets, target)
	}
	for i, path := range drawn {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(targets[i]), 0o777); err != nil {
			return err
		}
		if err := safefile.WriteBytes(targets[i], b); err != nil {
			return err
		}
	}
	if e.json {
		return e.printJSON(struct {
			Files []string `json:"files"`
		}{targets})
	}
	for _, t := range targets {
		e.printf("%s\n", t)
	}
	return nil
}
