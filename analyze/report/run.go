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
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/record/safefile"
)

// Run is a run with its finished results. All data are in memory: Write reads no files.
type Run struct {
	Name   string // name of the run's directory
	Header *record.Header
	// IsSeries is true for checkpoints of another program, which have no recording
	IsSeries bool
	Notes    recorder.Notes // tags and notes of the user
	// Outcome has the last step and the losses of the recording, for a report without results of
	// the analysis path.
	Outcome []record.Setting
	// Place, Flags, Data and Objective are for the commands that the page suggests: the path of the
	// run ("" means Name), arguments in front of it, and the values of --data and --objective.
	Place     string
	Flags     []string
	Data      string
	Objective string
	Results   []Result // the finished results, in the order of the page
	// Unreadable are the results that could not be read; the page names them.
	Unreadable []Unreadable
}

// Unreadable is a result that could not be read, with the reason.
type Unreadable struct {
	Name string // name of its directory under RUN/analysis
	Err  error
}

// Result is a finished result of one analysis.
type Result struct {
	Name     string           // name of its directory, for example "walk"
	Document *result.Document // its Summary and Options are json.RawMessage values
	Summary  analyze.Summary  // has the analysis' own type; nil for an unknown analysis
	Figures  []Figure         // in the order of the page

	summary value // the summary for tables of all numbers
	options json.RawMessage
	tables  map[string]*series
}

// Figure is one figure of a result.
type Figure struct {
	Name string // name of its file, without the extension
	SVG  []byte // content of the SVG file; nil when there is none
	PNG  []byte // content of the PNG file of a figure without an SVG file
	GIF  []byte // content of the GIF file of an animation
}

// Largest sizes in bytes of the files that are read, so that a forged file does not fill the
// memory.
const (
	maxSummary = 64 << 20
	maxFigure  = 64 << 20
	maxTable   = 1 << 30
)

// Open reads the header of a run and its finished results. A run without results is valid.
// Open ignores directories without summary.json, because their results are unfinished. A
// result whose summary.json, table or figure cannot be read goes to Run.Unreadable with an
// error that names the file, so that one damaged file does not prevent the report.
func Open(dir string) (Run, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Run{}, fmt.Errorf("report: %w", err)
	}
	path := filepath.Join(dir, "header.json")
	b, err := safefile.Read(path, maxSummary)
	if err != nil {
		return Run{}, fmt.Errorf("report: %s is not a run: %w", dir, err)
	}
	h, err := record.DecodeHeader(b)
	if err != nil {
		return Run{}, fmt.Errorf("report: %s: %w", path, err)
	}
	results := filepath.Join(dir, "analysis")
	if err := safefile.CheckBelow(dir, results); err != nil {
		return Run{}, fmt.Errorf("report: %w", err)
	}
	r, err := OpenResults(filepath.Base(abs), h, results)
	r.Notes = recorder.ReadNotes(dir)
	if r.first("path") == nil {
		r.Outcome = outcome(dir)
	}
	return r, err
}

// outcome returns how far the run in dir came, or nil if its recording cannot be read: a report
// is also possible without it.
func outcome(dir string) []record.Setting {
	recorded, err := arrowfile.Open(dir)
	if err != nil {
		return nil
	}
	defer recorded.Close()
	info, _, err := recorder.Inspect(dir, recorded)
	if err != nil || info.Rows == 0 {
		return nil
	}
	return info.Outcome()
}

// OpenResults does what Open does, for a run with this name and header whose results are in
// the directories of another directory. That directory need not exist.
func OpenResults(name string, h *record.Header, results string) (Run, error) {
	r := Run{Name: name, Header: h}
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

// sortResults sorts results in the order of the page: by analysis, then by name.
func sortResults(results []Result) {
	slices.SortStableFunc(results, func(a, b Result) int {
		if d := rank(a.Document.Analysis) - rank(b.Document.Analysis); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// finished reports whether a directory has a summary.json, even one that is a broken link.
func finished(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, result.SummaryName))
	return err == nil
}

// OpenResult reads one finished result from any directory, such as a comparison of several
// runs. When the directory has no summary.json, the error wraps fs.ErrNotExist.
func OpenResult(dir string) (Result, error) {
	path := filepath.Join(dir, result.SummaryName)
	doc, err := result.Read(dir, nil)
	if err != nil {
		return Result{}, fmt.Errorf("report: %w", err)
	}
	raw, _ := doc.Summary.(json.RawMessage)
	r := Result{Name: filepath.Base(dir), Document: doc, tables: make(map[string]*series)}
	if r.summary, err = parse(raw); err != nil || r.summary.kind != object {
		return Result{}, fmt.Errorf("report: %s: its summary is missing or not a JSON object", path)
	}
	if doc.Analysis == "" {
		return Result{}, fmt.Errorf("report: %s: the name of the analysis is missing", path)
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

// readFigures reads the figures that the summary lists. It reads a PNG file only when no SVG
// or GIF file has the same name, and moves the main figure of the analysis to the front.
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

// readTables reads the tables that the page uses. It skips tables that the summary does not
// list.
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
