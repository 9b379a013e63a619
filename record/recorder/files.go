package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"sgdwalk/record/safefile"
)

// Files next to a recording. None of them is needed to read the recording.
const (
	ConfigName     = "config.toml"        // the effective settings of the training
	SummaryName    = "train.json"         // how the training ended and what recording cost
	CheckpointName = "checkpoint"         // the state from which training continues
	IngestName     = "ingest.json"        // how the stream of another program ended
	ImportName     = "import.json"        // the number of imported rows
	GroupRatesName = "learning_rates.csv" // the learning rates of several parameter groups
	countersName   = "recorder.json"      // see Counters
)

// maxFile is the size up to which these files are read.
const maxFile = 16 << 20

// ExtraFiles returns the files of a new run for arrowfile.Options.ExtraFiles: the given files, which may be nil, and a
// nil entry for every other file of an earlier run in the same directory, which is removed.
func ExtraFiles(files map[string][]byte) map[string][]byte {
	all := make(map[string][]byte)
	for _, name := range []string{
		ConfigName, SummaryName, CheckpointName, IngestName, ImportName, GroupRatesName, countersName, NotesName,
	} {
		all[name] = files[name]
	}
	return all
}

// ReadFile reads a file next to a recording.
func ReadFile(dir, name string) ([]byte, error) {
	return safefile.Read(filepath.Join(dir, name), maxFile)
}

// WriteJSON writes v, indented, into a file next to a recording.
func WriteJSON(dir, name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return safefile.WriteBytes(filepath.Join(dir, name), append(text, '\n'))
}

// readJSON reads such a file into v. It reports whether the file exists.
func readJSON(dir, name string, v any) (exists bool, err error) {
	text, err := ReadFile(dir, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return true, err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return true, fmt.Errorf("%s is damaged: %w", filepath.Join(dir, name), err)
	}
	return true, nil
}
