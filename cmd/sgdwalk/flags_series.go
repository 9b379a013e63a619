package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/result"
	"sgdwalk/cmd/runloss"
	"sgdwalk/record/exchange"
)

// checkpointFlags say how checkpoints become a run, for the import and for series.
type checkpointFlags struct {
	Layout  string   `json:",omitempty" group:"Checkpoints" placeholder:"FILE" help:"Names, kinds and shapes of the tensors, instead of guesses: JSON as in header.json. For --align the names of their axes, also those of a recorded run."`
	Key     string   `json:",omitempty" group:"Checkpoints" placeholder:"KEY" help:"Where in .pt checkpoints the state dict is, for example state.model or models.0 (default: found; . is the dict itself)."`
	Exclude []string `json:",omitempty" group:"Checkpoints" placeholder:"PATTERN" help:"Tensors to leave out."`
	Steps   string   `json:",omitempty" group:"Checkpoints" placeholder:"FROM" help:"Steps of checkpoints: metadata, name, order (0, 1, 2, ... as given) or a list such as 0,10,20 (default: metadata, else name)."`
}

// options returns the options of the import. kinds are the texts of kind rules.
func (f *checkpointFlags) options(kinds []string) (exchange.ImportOptions, error) {
	o := exchange.ImportOptions{Layout: f.Layout, Key: f.Key, Exclude: f.Exclude, Steps: exchange.Numbering(f.Steps)}
	for _, text := range kinds {
		rule, err := exchange.ParseKindRule(text)
		if err != nil {
			return o, usageError{err}
		}
		o.Kinds = append(o.Kinds, rule)
	}
	if err := o.Validate(); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// seriesFlags are what a verb takes that reads a series of checkpoints in the place of a run.
type seriesFlags struct {
	checkpointFlags
	TensorKinds []string `json:",omitempty" group:"Checkpoints" placeholder:"PATTERN=KIND" help:"What the tensors of a name are for: ${kinds}; otherwise guessed."`
}

// arguments returns the flags as they are on a command line.
func (f *seriesFlags) arguments() []string {
	var out []string
	for _, flag := range []struct {
		name   string
		values []string
	}{
		{"layout", []string{f.Layout}},
		{"key", []string{f.Key}},
		{"exclude", f.Exclude},
		{"steps", []string{f.Steps}},
		{"tensor-kinds", f.TensorKinds},
	} {
		for _, v := range flag.values {
			if v != "" {
				out = append(out, "--"+flag.name+"="+v)
			}
		}
	}
	return out
}

// openRun opens a run, or a series with these options.
func (f *seriesFlags) openRun(path string) (*runloss.Run, error) {
	o, err := f.options(f.TensorKinds)
	if err != nil {
		return nil, err
	}
	return runloss.OpenWith(path, o)
}

// openRecording opens a run, or a series with these options, without a loss.
func (f *seriesFlags) openRecording(path string) (runloss.Recording, error) {
	o, err := f.options(f.TensorKinds)
	if err != nil {
		return nil, err
	}
	return runloss.OpenRecording(path, o)
}

// resultParent returns the directory that has the results of a run or of a series, each in a
// directory with the name of its analysis: RUN/analysis for a run, and NAME-analysis in the
// current directory for a series. It is an error when the results of a series would be in the
// folder of the checkpoints, which belongs to the user.
func resultParent(path string) (string, error) {
	if !runloss.IsSeries(path) {
		return filepath.Join(path, "analysis"), nil
	}
	here, err1 := filepath.EvalSymlinks(".")
	there, err2 := filepath.EvalSymlinks(path)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	here, err1 = filepath.Abs(here)
	there, err2 = filepath.Abs(there)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	if within, err := filepath.Rel(there, here); err == nil && filepath.IsLocal(within) {
		return "", usagef("the current directory is in the folder of checkpoints %s, into which nothing is written; name a "+
			"directory for the results with --out, or call the program from another directory", there)
	}
	return seriesName(path) + "-analysis", nil
}

var commitName = regexp.MustCompile(`^[0-9a-f]{40}$`)

// seriesName returns a readable name of a series: the last part of its path without the ending
// of a file, and the name of the model in the cache of the Hugging Face hub.
func seriesName(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	name := filepath.Base(path)
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		name = strings.TrimSuffix(name, ".index.json")
		for _, end := range []string{".safetensors", ".tar", ".pth", ".pt", ".ckpt", ".bin", ".npz", ".npy"} {
			name = strings.TrimSuffix(name, end)
		}
	}
	if commitName.MatchString(name) && filepath.Base(filepath.Dir(path)) == "snapshots" {
		path = filepath.Dir(path)
		name = "snapshots"
	}
	if parent := filepath.Base(filepath.Dir(path)); name == "snapshots" && strings.HasPrefix(parent, "models--") {
		name = parent
	}
	if strings.HasPrefix(name, "models--") {
		name = name[strings.LastIndex(name, "--")+2:]
	}
	if strings.Trim(name, `./\`) == "" {
		return "series"
	}
	return name
}

// provenance returns the origin of numbers of a run. A series has a readable name.
func provenance(r *runloss.Run) (result.Provenance, error) {
	p, err := result.NewProvenance(r.Dir, r.Header())
	if r.Series != nil {
		p.Run = seriesName(r.Dir)
	}
	return p, err
}

// seriesWarnings returns the decisions about the files of a series as warnings of a result.
// Paths count from the folder of the series.
func seriesWarnings(r *runloss.Run) (w analyze.Warnings) {
	if r.Series == nil {
		return nil
	}
	folder := filepath.Clean(r.Dir) + string(filepath.Separator)
	for _, note := range r.Series.Warnings {
		w = append(w, analyze.Warning{Code: "checkpoints", Text: strings.ReplaceAll(note, folder, "")})
	}
	return w
}

// needRun returns an error for a series: verb needs what only a recorded run has. instead says
// what to do.
func needRun(verb, path, instead string) error {
	if !runloss.IsSeries(path) {
		return nil
	}
	if _, err := exchange.OpenCatalog([]string{path}, exchange.ImportOptions{}); err != nil { // also a damaged series
		return err
	}
	return fmt.Errorf("%s: %s is a series of checkpoints, not a recorded run; %s", verb, path, instead)
}

// needFolder returns an error if there is no folder with this path.
func needFolder(verb, path, of string) error {
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %s does not exist; name the folder of %s", verb, path, of)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s: %s is a file; name the folder of %s", verb, path, of)
	}
	return nil
}
