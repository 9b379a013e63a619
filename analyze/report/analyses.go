package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/line"
	"sgdwalk/analyze/result"
)

// analysis describes how the page shows one analysis.
type analysis struct {
	name     string
	title    string // the list of contents has only the part before the colon
	loss     bool   // it evaluates the loss, and its command has the flags for that
	expected bool   // if the result is missing, the page names the command that makes it
	shown    int    // number of tables that the section shows at once, with all its findings
	figure   string // name of the first figure on the page
	listed   string // key of the summary's list that the section shows in full; "" for none
	// tables are the names of the CSV files that the page reads, with the columns that it
	// uses.
	tables map[string]string
	// draw draws the figures of a result: of a new one, and later again in another style.
	draw draw.Drawing
	content
}

// content decodes the summary of a result and describes it in a section.
type content struct {
	decode   func(summary, options []byte) (analyze.Summary, error)
	describe func(s analyze.Summary, to *section)
}

// analyses are the analyses that the page knows, in the order of the page. Other analyses
// follow in the order of their names, with all their numbers in tables.
var analyses = []analysis{
	{
		name: "audit", shown: 4, title: "Audit: is every checkpoint what its step says?", figure: "distances", listed: "findings",
		draw: draw.AuditOf, content: of(auditSection),
	},
	{
		name: "path", title: "Path: how far and which way each step went", expected: true, figure: "loss",
		tables: map[string]string{
			"path": "step epoch batch_loss full_loss test_loss learning_rate update_norm grad_cos theta_norm",
		},
		draw: draw.PathOf, content: of(pathSection),
	},
	{
		name: "walk", loss: true, title: "Walk: the loss between consecutive iterates", expected: true, figure: "walk",
		tables: map[string]string{
			"losses": "step alpha position loss", "segments": "step floor_position floor_loss",
		},
		draw: draw.WalkOf, content: of(walkSection),
	},
	{
		name: "pca", title: "Directions: where the iterates spread", expected: true, figure: "pca",
		draw: draw.PCAOf, content: of(pcaSection),
	},
	{
		name: "landscape", loss: true, title: "Landscape: the loss on a plane", expected: true, figure: "landscape",
		tables: map[string]string{
			"grid": "i j a b loss valid", "path": "step epoch a b residual plane_loss true_loss",
		},
		draw: draw.LandscapeOf, content: of(landscapeSection),
	},
	{name: "lines", loss: true, title: "Random lines: the loss around one point", figure: "lines", draw: draw.LinesOf, content: of(linesSection)},
	{name: "line", loss: true, title: "Line: the loss between two points", figure: "line", draw: draw.LineOf, content: content{
		decode: func(text, options []byte) (analyze.Summary, error) {
			return line.DecodeSummary(text, options)
		},
		describe: of(lineSection).describe,
	}},
	{name: "curvature", loss: true, title: "Curvature: the Hessian along the run", draw: draw.CurvatureOf, content: content{
		decode:   func(text, _ []byte) (analyze.Summary, error) { return curvature.DecodeSummary(text) },
		describe: curvatureSection,
	}},
	{
		name: "average", loss: true, title: "Averages: how high the iterates are above the floor of their valley", figure: "average",
		listed: "averages", draw: draw.AverageOf, content: of(averageSection),
	},
	{name: "compare", shown: 1, title: "Comparison of runs", draw: draw.CompareOf, content: of(compareSection)},
}

// of returns the content of an analysis that has a single type of summary.
func of[T any, P interface {
	*T
	analyze.Summary
}](describe func(P, *section)) content {
	return content{
		decode: func(summary, _ []byte) (analyze.Summary, error) {
			s := P(new(T))
			return s, json.Unmarshal(summary, s)
		},
		describe: func(s analyze.Summary, to *section) { describe(s.(P), to) },
	}
}

// Figures draws the figures of a result from its files, without its run. The error names the
// analysis when it is not known, and what is damaged.
func Figures(s *result.Saved, o draw.Options) (figures []draw.Named, err error) {
	a := known(s.Analysis)
	if a.draw == nil {
		return nil, fmt.Errorf("%s: no figures are known for the analysis %q; known are %s", s.Dir, s.Analysis,
			strings.Join(drawable(), ", "))
	}
	defer func() {
		// Every table can be read alone: only a panic shows that they do not belong together.
		if p := recover(); p != nil {
			figures, err = nil, fmt.Errorf("%s: the tables of the analysis %s do not belong together, or are damaged (%v)", s.Dir,
				s.Analysis, p)
		}
	}()
	if figures, err = a.draw(s, o); err != nil {
		return nil, err
	}
	return figures, draw.Mark(figures, s)
}

// drawable returns the names of the analyses whose results can be drawn.
func drawable() []string {
	var names []string
	for _, a := range analyses {
		if a.draw != nil {
			names = append(names, a.name)
		}
	}
	return names
}

// rank returns the place of an analysis on the page. All unknown analyses have the last
// place.
func rank(name string) int {
	i := slices.IndexFunc(analyses, func(a analysis) bool { return a.name == name })
	if i < 0 {
		return len(analyses)
	}
	return i
}

// known returns an analysis by its name, or the zero value for an unknown name.
func known(name string) analysis {
	if i := rank(name); i < len(analyses) {
		return analyses[i]
	}
	return analysis{}
}

// decode returns the summary in the type of its analysis, or nil for an unknown analysis.
// The error names the field with a wrong type.
func decode(name string, summary, options []byte) (analyze.Summary, error) {
	a := known(name)
	if a.decode == nil {
		return nil, nil
	}
	s, err := a.decode(summary, options)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		err = fmt.Errorf("summary.%s is a JSON %s; it must be of type %s", wrong.Field, wrong.Value, wrong.Type)
	}
	return s, err
}
