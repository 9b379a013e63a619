package exchange

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/record/safefile"
	"sgdwalk/record/sketch"
)

// The dimensions of a point for the projector.
const (
	// DefaultDims is the number of dimensions up to which the projector's PCA is exact. It
	// projects points of more dimensions to 200, with other random numbers in every session.
	DefaultDims = 200
	// AllDims writes theta as it is, with one dimension for each parameter.
	AllDims = -1
)

// SampledPoints is the number of points above which the projector computes t-SNE from
// a random sample of them. UMAP samples above 5,000 and PCA above 50,000.
const SampledPoints = 10_000

// The files of an embedding.
const (
	tensorsText  = "tensors.tsv"
	tensorsBytes = "tensors.bytes"
	metadataFile = "metadata.tsv"
	configText   = "projector_config.pbtxt"
	configJSON   = "projector_config.json"
)

// nextColumn is the column of the metadata with the index of the point to which the
// projector draws a line.
const nextColumn = "__seq_next__"

// ProjectorOptions selects what WriteProjector writes.
type ProjectorOptions struct {
	// Dims is the largest number of dimensions of a point. A theta with more parameters is
	// projected to that many, as record/sketch does with project:Dims. 0 is DefaultDims;
	// AllDims does not project.
	Dims int
}

// Validate names the value and what is allowed.
func (o ProjectorOptions) Validate() error {
	if o.Dims == AllDims {
		return nil
	}
	if err := (sketch.Spec{Project: o.Dims}).Validate(); err != nil {
		return record.Optionf("exchange: dims is %d; it must be all, or a multiple of 4 from %d to %d", o.Dims,
			sketch.MinProject, sketch.MaxProject)
	}
	return nil
}

// Embedding says what WriteProjector wrote.
type Embedding struct {
	Points     int `json:"points"`
	Dims       int `json:"dims"`       // of a point; less than Parameters when theta was projected
	Parameters int `json:"parameters"` // of theta
	NotFinite  int `json:"not_finite"` // iterates that were left out because theta has NaN or infinite values
}

// WriteProjector writes the iterates for the embedding projector into the folder dir. It
// makes a missing folder, and replaces existing files:
//
//	tensors.tsv             one line for each iterate, with its coordinates
//	tensors.bytes           the same numbers as little-endian float32, row-major
//	metadata.tsv            step, epoch and numbers of each iterate, and the index of the next one
//	projector_config.pbtxt  makes TensorBoard show tensors.tsv
//	projector_config.json   makes the standalone projector show tensors.bytes
//
// A point is theta minus the mean of the written iterates: the projector's PCA does not
// subtract the mean, and its t-SNE and UMAP compare the angles of points as seen from the
// origin. A theta with more parameters than o.Dims is projected first, with seed 0, so
// that distances between points have the relative standard error 1/sqrt(2 Dims). Inner
// iterates are left out, and so are iterates with NaN or infinite values, which the
// projector cannot show.
//
// The metadata has the columns of which at least one iterate has a finite number; absent
// numbers, NaN and infinities are empty fields, because one such value would turn the
// column into words. The column __seq_next__ makes the projector draw the walk as a line.
//
// The same run gives the same bytes. Memory: that of a row, and the numbers of all rows.
// Every theta is read twice.
func WriteProjector(dir string, t record.Trajectory, o ProjectorOptions) (*Embedding, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	p, err := readPoints(t, cmp.Or(o.Dims, DefaultDims))
	if err != nil {
		return nil, err
	}
	e := &Embedding{
		Points: len(p.rows), Dims: len(p.mean), Parameters: t.Header().Layout.Len(), NotFinite: p.notFinite,
	}
	name := e.name(t.Header().Model)
	config, err := e.jsonConfig(name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	err = safefile.Write(filepath.Join(dir, tensorsText), func(text io.Writer) error {
		return safefile.Write(filepath.Join(dir, tensorsBytes), func(bytes io.Writer) error {
			return p.write(text, bytes)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("exchange: projector: %w", err)
	}
	// The configurations come last: a program that finds one finds the other files too.
	for _, f := range []struct {
		name    string
		content []byte
	}{{metadataFile, metadataOf(p.steps)}, {configText, e.textConfig(name)}, {configJSON, config}} {
		if err := safefile.WriteBytes(filepath.Join(dir, f.name), f.content); err != nil {
			return nil, fmt.Errorf("exchange: projector: %w", err)
		}
	}
	return e, nil
}

// name returns the name of the embedding, which the projector shows.
func (e *Embedding) name(model string) string {
	name := fmt.Sprintf("%s: iterates minus their mean, ", cmp.Or(printable.Line(model), "run"))
	if e.Dims == e.Parameters {
		return name + fmt.Sprintf("%d parameters", e.Parameters)
	}
	return name + fmt.Sprintf("%d parameters projected at random to %d dimensions", e.Parameters, e.Dims)
}

// textConfig returns the configuration for TensorBoard, in the text form of protocol
// buffers. The paths are relative to it.
func (e *Embedding) textConfig(name string) []byte {
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	return fmt.Appendf(nil, `# %s
# Remove the tick at "Sphereize data" in the projector: it moves every point to a sphere.
embeddings {
  tensor_name: %s
  tensor_shape: %d
  tensor_shape: %d
  tensor_path: "%s"
  metadata_path: "%s"
}
`, name, quoted, e.Points, e.Dims, tensorsText, metadataFile)
}

// jsonConfig returns the configuration for the standalone projector. The paths are
// relative to its page.
func (e *Embedding) jsonConfig(name string) ([]byte, error) {
	type embedding struct {
		Name         string `json:"tensorName"`
		Shape        [2]int `json:"tensorShape"`
		Path         string `json:"tensorPath"`
		MetadataPath string `json:"metadataPath"`
	}
	b, err := json.MarshalIndent(struct {
		Embeddings []embedding `json:"embeddings"`
	}{[]embedding{{name, [2]int{e.Points, e.Dims}, tensorsBytes, metadataFile}}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("exchange: projector: %w", err)
	}
	return append(b, '\n'), nil
}

// metadataOf returns a heading and one line for each row.
func metadataOf(rows []record.Step) []byte {
	var has [len(record.OptionalNames)]bool
	for i := range rows {
		for c, o := range rows[i].Optionals() {
			has[c] = has[c] || isNumber(o)
		}
	}
	fields := append(make([]string, 0, len(has)+3), "step", "epoch")
	for c, name := range record.OptionalNames {
		if has[c] {
			fields = append(fields, name)
		}
	}
	b := appendLine(nil, append(fields, nextColumn))
	for i := range rows {
		fields = append(fields[:0], strconv.FormatInt(rows[i].Step, 10), strconv.Itoa(int(rows[i].Epoch)))
		for c, o := range rows[i].Optionals() {
			switch {
			case isNumber(o):
				fields = append(fields, strconv.FormatFloat(o.Value, 'g', -1, 64))
			case has[c]:
				fields = append(fields, "")
			}
		}
		next := ""
		if i+1 < len(rows) {
			next = strconv.Itoa(i + 1)
		}
		b = appendLine(b, append(fields, next))
	}
	return b
}

// appendLine appends fields with tabs between them.
func appendLine(b []byte, fields []string) []byte {
	return append(append(b, strings.Join(fields, "\t")...), '\n')
}

// isNumber reports whether a number is present and finite.
func isNumber(o *record.Optional) bool {
	return o.Valid && !math.IsNaN(o.Value) && !math.IsInf(o.Value, 0)
}
