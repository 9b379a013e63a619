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

// SummaryName is the file that makes a result complete.
const SummaryName = "summary.json"

// Document is what summary.json holds.
type Document struct {
	Analysis string            `json:"analysis"` // name of the analysis, for example "walk"
	Summary  any               `json:"summary"`  // its Summary
	Warnings []analyze.Warning `json:"warnings"` // never null
	// names of the other files of the result, sorted; Finish fills it in
	Files      []string   `json:"files"`
	Provenance Provenance `json:"provenance"` // where the numbers come from
}

// Provenance says where the numbers of a result come from: enough to make them
// again.
type Provenance struct {
	Run          string `json:"run"`           // name of the run's directory
	HeaderSHA256 string `json:"header_sha256"` // of the run's header in its canonical form
	Software     string `json:"software"`      // that made the result
	Options      any    `json:"options"`       // of the analysis, defaults filled in
	Method       string `json:"method"`        // one sentence
	Citation     string `json:"citation"`      // BibTeX
	DataHash     string `json:"data_hash"`     // of the data that the loss was evaluated on; empty when no loss was
	// instruction set that evaluated the loss; empty when no loss was evaluated
	Kernel string `json:"kernel"`
	// where the statistics of normalization layers came from; empty when there are none
	Policy string `json:"policy"`
	// Objective is the command line of the program that evaluated the loss; empty
	// when this one did.
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

// NewProvenance fills in what a run's directory and header say. The run may be
// given as any path; only the directory's own name is kept.
func NewProvenance(run string, h *record.Header) (Provenance, error) {
	sum, err := HeaderSHA256(h)
	if err != nil {
		return Provenance{}, err
	}
	if abs, err := filepath.Abs(run); err == nil {
		run = abs
	}
	return Provenance{Run: filepath.Base(run), HeaderSHA256: sum}, nil
}

// encode returns the document as indented JSON that ends in a newline: the same
// bytes for the same document.
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

// Read returns the document of the result in that directory and decodes its
// summary into the value that summary points to; nil leaves it undecoded, as a
// json.RawMessage. The options are always a json.RawMessage. The error of a directory
// without a finished result wraps fs.ErrNotExist.
func Read(dir string, summary any) (*Document, error) {
	path := filepath.Join(dir, SummaryName)
	b, err := safefile.Read(path, maxSummary)
	if err != nil {
		return nil, fmt.Errorf("result: %s holds no finished result: %w", dir, err)
	}
	var raw, options json.RawMessage
	d := &Document{Summary: &raw, Provenance: Provenance{Options: &options}}
	if summary != nil {
		d.Summary = summary
	}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("result: %s: %w", path, err)
	}
	if summary == nil {
		d.Summary = raw
	}
	d.Provenance.Options = options
	return d, nil
}
