package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/result"
	"sgdwalk/record"
	"sgdwalk/record/safefile"
)

// Run is a run with what is known about it. It is a copy: nothing on disk is
// looked at again.
type Run struct {
	Name    string         // of its directory
	Header  *record.Header //
	Results []Result       // finished ones, in the order of the page
	// Unreadable are the results that could not be read; the page names them.
	Unreadable []Unreadable
}

// Unreadable is a result that cannot be read, and why.
type Unreadable struct {
	Name string // of its directory under RUN/analysis
	Err  error
}

// Result is a finished result of one analysis.
type Result struct {
	Name     string           // of its directory under RUN/analysis: "walk", or what --out said
	Document *result.Document // with Summary and Options as a json.RawMessage
	Summary  analyze.Summary  // of the analysis' own type; nil for an analysis that is not known
	Figures  []Figure         // in the order of the page

	summary value // for tables of all numbers
	options json.RawMessage
	tables  map[string]*series
}

// Figure is one figure of a result.
type Figure struct {
	Name string // of its file, without the extension
	SVG  []byte // as it was drawn; nil for a figure that has none
	PNG  []byte // of a figure without SVG
	GIF  []byte // of an animation
}

// Limits of what is read, so that a forged file does not take all memory.
const (
	maxSummary = 64 << 20
	maxFigure  = 64 << 20
	maxTable   = 1 << 30
)

// Open reads the header of a run and its finished results. A run without any
// result is in order. A directory of a result without summary.json is unfinished
// and left out. A result whose summary.json, table or figure cannot be read is in
// Run.Unreadable with an error that names the file; the other results stay.
func Open(dir string) (Run, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Run{}, fmt.Errorf("report: %w", err)
	}
	path := filepath.Join(dir, "header.json")
	b, err := safefile.Read(path, maxSummary)
	if err != nil {
		return Run{}, fmt.Errorf("report: %s is no run: %w", dir, err)
	}
	r := Run{Name: filepath.Base(abs)}
	if r.Header, err = record.DecodeHeader(b); err != nil {
		return Run{}, fmt.Errorf("report: %s: %w", path, err)
	}
	results := filepath.Join(dir, "analysis")
	if err := safefile.CheckBelow(dir, results); err != nil {
		return Run{}, fmt.Errorf("report: %w", err)
	}
	entries, err := os.ReadDir(results)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Run{}, fmt.Errorf("report: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		one, err := OpenResult(filepath.Join(results, e.Name()))
		if errors.Is(err, fs.ErrNotExist) && !finished(filepath.Join(results, e.Name())) {
			continue
		}
		if err != nil {
			r.Unreadable = append(r.Unreadable, Unreadable{e.Name(), err})
			continue
		}
		r.Results = append(r.Results, one)
	}
	sortResults(r.Results)
	return r, nil
}

// sortResults puts results in the order of the page.
func sortResults(results []Result) {
	slices.SortStableFunc(results, func(a, b Result) int {
		if d := rank(a.Document.Analysis) - rank(b.Document.Analysis); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
}

func finished(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, result.SummaryName))
	return err == nil
}

// OpenResult reads one finished result wherever it is, such as a comparison of
// several runs. The error of a directory without summary.json wraps
// fs.ErrNotExist.
func OpenResult(dir string) (Result, error) {
	path := filepath.Join(dir, result.SummaryName)
	doc, err := result.Read(dir, nil)
	if err != nil {
		return Result{}, fmt.Errorf("report: %w", err)
	}
	raw, _ := doc.Summary.(json.RawMessage)
	r := Result{Name: filepath.Base(dir), Document: doc, tables: make(map[string]*series)}
	if r.summary, err = parse(raw); err != nil || r.summary.kind != object {
		return Result{}, fmt.Errorf("report: %s: it has no object summary", path)
	}
	if doc.Analysis == "" {
		return Result{}, fmt.Errorf("report: %s: it names no analysis", path)
	}
	r.options, _ = doc.Provenance.Options.(json.RawMessage)
	if r.Summary, err = decode(doc.Analysis, raw, r.options); err != nil {
		return Result{}, fmt.Errorf("report: %s: %w", path, err)
	}
	if err := r.readFigures(dir); err != nil {
		return Result{}, err
	}
	return r, r.readTables(dir)
}

// readFigures reads the figures that the summary lists: SVG first; PNG and GIF
// only where there is no SVG of that name.
func (r *Result) readFigures(dir string) error {
	at := make(map[string]int)
	for _, ext := range []string{".svg", ".gif", ".png"} {
		for _, file := range r.Document.Files {
			name, ok := strings.CutSuffix(file, ext)
			if !ok || file != filepath.Base(file) {
				continue
			}
			if _, drawn := at[name]; drawn && ext == ".png" {
				continue
			}
			path := filepath.Join(dir, file)
			b, err := safefile.Read(path, maxFigure)
			if err != nil {
				return fmt.Errorf("report: figure %w", err)
			}
			f := Figure{Name: name}
			switch ext {
			case ".svg":
				f.SVG = b
				if _, err := inline(b, "check", "", ""); err != nil {
					return fmt.Errorf("report: figure %s: %w", path, err)
				}
			case ".gif":
				f.GIF = b
			case ".png":
				f.PNG = b
			}
			at[name] = len(r.Figures)
			r.Figures = append(r.Figures, f)
		}
	}
	first := known(r.Document.Analysis).figure
	slices.SortStableFunc(r.Figures, func(a, b Figure) int {
		switch {
		case a.Name == b.Name:
			return 0
		case a.Name == first:
			return -1
		case b.Name == first:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return nil
}

func (r *Result) readTables(dir string) error {
	for name, columns := range known(r.Document.Analysis).tables {
		file := name + ".csv"
		if !slices.Contains(r.Document.Files, file) {
			continue
		}
		t, err := readSeries(filepath.Join(dir, file), strings.Fields(columns))
		if err != nil {
			return err
		}
		r.tables[name] = t
	}
	return nil
}
