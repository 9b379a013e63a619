package result

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"

	"sgdwalk/analyze"
	"sgdwalk/record"
	"sgdwalk/record/safefile"
)

// SummaryName is the name of the file that marks a result as complete.
const SummaryName = "summary.json"

// Document is the content of summary.json.
type Document struct {
	Analysis string            `json:"analysis"` // name of the analysis, for example "walk"
	Summary  any               `json:"summary"`  // an analyze.Summary of the analysis
	Warnings []analyze.Warning `json:"warnings"` // never null in the file
	// Files are the sorted names of the other files of the result. Finish sets them.
	Files      []string   `json:"files"`
	Provenance Provenance `json:"provenance"` // the origin of the numbers
}

// Provenance describes the origin of the numbers of a result, in enough detail to compute
// them again.
type Provenance struct {
	Run          string `json:"run"`             // name of the run's directory, without its parents
	Title        string `json:"title,omitempty"` // describes the run, or the runs, on figures
	HeaderSHA256 string `json:"header_sha256"`   // hash of the run's header in its canonical form
	Software     string `json:"software"`        // program that made the result, with its version
	Options      any    `json:"options"`         // options of the analysis, including defaults
	Method       string `json:"method"`          // one sentence
	Citation     string `json:"citation"`        // BibTeX
	// DataHash is the hash of the data that the loss was evaluated on; it is empty when no
	// loss was evaluated.
	DataHash string `json:"data_hash"`
	// Kernel is the instruction set that evaluated the loss; it is empty when no loss was
	// evaluated.
	Kernel string `json:"kernel"`
	// Policy names the source of the statistics of normalization layers; it is empty when
	// the network has no such layers.
	Policy string `json:"policy"`
	// Objective is the command line of the program that evaluated the loss; it is empty
	// when this program did.
	Objective string `json:"objective,omitempty"`
}

// HeaderSHA256 returns the hash of the header's canonical form in hexadecimal.
func HeaderSHA256(h *record.Header) (string, error) {
	b, err := h.Encode()
	if err != nil {
		return "", fmt.Errorf("result: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// NewProvenance returns a Provenance with Run, Title and HeaderSHA256 set. run is a path; only its
// last element is kept, because a result must not reveal where it was made.
func NewProvenance(run string, h *record.Header) (Provenance, error) {
	sum, err := HeaderSHA256(h)
	if err != nil {
		return Provenance{}, err
	}
	if abs, err := filepath.Abs(run); err == nil {
		run = abs
	}
	return Provenance{Run: filepath.Base(run), Title: h.Title(), HeaderSHA256: sum}, nil
}

// encode returns the document as indented JSON that ends in a newline. The same document
// gives the same bytes.
func (d *Document) encode() ([]byte, error) {
	c := *d
	if c.Warnings == nil {
		c.Warnings = []analyze.Warning{}
	}
	if c.Files == nil {
		c.Files = []string{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(&c); err != nil {
		return nil, fmt.Errorf("result: %s: %w", SummaryName, err)
	}
	return b.Bytes(), nil
}

// Read returns the document of the result in a directory. It decodes the summary into the
// value that summary points to; when summary is nil, Document.Summary is a json.RawMessage.
// The options are always a json.RawMessage. When the directory has no finished result, the
// error wraps fs.ErrNotExist.
func Read(dir string, summary any) (*Document, error) {
	path := filepath.Join(dir, SummaryName)
	b, err := safefile.Read(path, maxSummary)
	if err != nil {
		return nil, fmt.Errorf("result: %s has no finished result: %w", dir, err)
	}
	d, err := decode(b, summary)
	if err != nil {
		return nil, fmt.Errorf("result: %s: %w", path, err)
	}
	return d, nil
}

// decode decodes the content of a summary.json; see Read.
func decode(b []byte, summary any) (*Document, error) {
	var raw, options json.RawMessage
	d := &Document{Summary: &raw, Provenance: Provenance{Options: &options}}
	if summary != nil {
		d.Summary = summary
	}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, err
	}
	if summary == nil {
		d.Summary = raw
	}
	d.Provenance.Options = options
	return d, nil
}
