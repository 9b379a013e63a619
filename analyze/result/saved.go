package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// Saved is a result as it is in its files: everything that a figure of the result may
// depend on. An analysis draws its own figures from it, so they can be drawn again without
// the run and its data.
type Saved struct {
	// Document has the summary and the options as json.RawMessage.
	*Document
	// Dir is the directory of the result, as the caller named it.
	Dir string

	files string // directory of the files
}

// Open opens the result in a directory. It reads summary.json; tables are read on demand.
// When the directory has no finished result, the error wraps fs.ErrNotExist.
func Open(dir string) (*Saved, error) {
	d, err := Read(dir, nil)
	if err != nil {
		return nil, err
	}
	if d.Analysis == "" {
		return nil, fmt.Errorf("result: %s: the key \"analysis\" is missing or empty: it is not the summary of a result",
			filepath.Join(dir, SummaryName))
	}
	return &Saved{Document: d, Dir: dir, files: dir}, nil
}

// Draft returns the result that the document and the files so far would make, as Open will
// read it after Finish.
func (d *Dir) Draft(doc *Document) (*Saved, error) {
	stage, err := d.Stage()
	if err != nil {
		return nil, err
	}
	draft := *doc
	draft.Files = d.files
	b, err := draft.encode()
	if err != nil {
		return nil, err
	}
	read, err := decode(b, nil)
	if err != nil {
		return nil, fmt.Errorf("result: %s: %w", SummaryName, err)
	}
	return &Saved{Document: read, Dir: d.path, files: stage}, nil
}

// HasTable reports whether the result has a table with the name.
func (s *Saved) HasTable(name string) bool { return slices.Contains(s.Files, name+".arrow") }

// Table reads a table, which must have the columns. The error names the table when the
// result does not have it or when its file cannot be read.
func (s *Saved) Table(name string, columns ...string) (*record.Table, error) {
	if !s.HasTable(name) {
		return nil, fmt.Errorf("result: %s has no table %s: an older version made it; make it again with the analysis %s",
			s.Dir, name, s.Analysis)
	}
	t, err := arrowfile.LoadTable(filepath.Join(s.files, name+".arrow"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("result: %s: table %s is missing (%s.arrow), although %s lists it", s.Dir, name, name, SummaryName)
	}
	if err != nil {
		return nil, fmt.Errorf("result: %s: table %s is damaged: %w", s.Dir, name, err)
	}
	var missing []string
	for _, c := range columns {
		if t.Column(c) == nil {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("result: %s: table %s has no column %s: another version or another program made it", s.Dir, name,
			strings.Join(missing, ", "))
	}
	return t, nil
}

// DecodeSummary decodes the summary into the value that to points to.
func (s *Saved) DecodeSummary(to any) error {
	return s.checkDecoded("summary", json.Unmarshal(s.SummaryText(), to))
}

// DecodeOptions decodes the options of the analysis into the value that to points to.
func (s *Saved) DecodeOptions(to any) error {
	return s.checkDecoded("provenance.options", json.Unmarshal(s.OptionsText(), to))
}

// checkDecoded returns nil, or an error that names the value that could not be decoded.
func (s *Saved) checkDecoded(key string, err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return fmt.Errorf("result: %s: %s.%s is a JSON %s; it must be of type %s", filepath.Join(s.Dir, SummaryName), key,
			wrong.Field, wrong.Value, wrong.Type)
	}
	return fmt.Errorf("result: %s: %s: %w", filepath.Join(s.Dir, SummaryName), key, err)
}

// SummaryText returns the summary as JSON.
func (s *Saved) SummaryText() []byte { return rawJSON(s.Summary) }

// OptionsText returns the options of the analysis as JSON.
func (s *Saved) OptionsText() []byte { return rawJSON(s.Provenance.Options) }

// rawJSON returns the text of a json.RawMessage; a missing value is null.
func rawJSON(v any) []byte {
	if raw, ok := v.(json.RawMessage); ok && len(bytes.TrimSpace(raw)) > 0 {
		return raw
	}
	return []byte("null")
}
