package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// FormatVersion is the version of the vocabulary and of the files that this
// program writes. A reader refuses a newer version and reads every earlier one:
//
//	1  vectors are float32; every row has a substep
//	2  vectors may be float16 or bfloat16; rows have substeps when
//	   Columns.Substep says so; files of record/arrowfile are smaller
//	3  every segment of record/arrowfile has a copy of the header, and the last
//	   segment says whether the run came to its end
const FormatVersion = 3

// ErrNewerFormat is wrapped by the error for a header that a newer program wrote.
var ErrNewerFormat = errors.New("written by a newer program")

// Data identifies the examples of a run, so that an analysis that opens the data
// set again can check that it has the same examples.
type Data struct {
	Spec          string `json:"spec"`           // how the data set is opened, for example "digits" or "mnist:/path"
	Hash          string `json:"hash"`           // "sha256:..." over shapes, labels and pixels of both parts
	TrainExamples int    `json:"train_examples"` // size of the training set
	TestExamples  int    `json:"test_examples"`  // size of the held-out set, may be 0
	Height        int    `json:"height"`
	Width         int    `json:"width"`
	Channels      int    `json:"channels"`
	Classes       int    `json:"classes"`
	Split         string `json:"split"`   // which examples train and which are held out, as a sentence
	Scaling       string `json:"scaling"` // how a stored pixel becomes an input, for example "pixel/255"
}

// Name returns the name of the data set, without the place where it was.
func (d *Data) Name() string {
	name, _, _ := strings.Cut(d.Spec, ":")
	return name
}

// Optimizer names the update rule and all of its hyperparameters, including those
// with default values. Names are snake_case; learning_rate is always present.
type Optimizer struct {
	Name            string             `json:"name"`
	Hyperparameters map[string]float64 `json:"hyperparameters"`
	// RateSchedule says how the learning rate changes over the run, for example
	// "warmup:100+cosine"; empty means that it does not.
	RateSchedule string `json:"learning_rate_schedule,omitempty"`
}

// ParameterGroup is a part of the parameters that has its own update rule or settings.
type ParameterGroup struct {
	Optimizer Optimizer `json:"optimizer"`
	Tensors   []string  `json:"tensors"` // names of tensors of the layout, before a reduction
}

// Columns says what the rows of a run may have: which vectors, and whether some
// rows are inner iterates.
type Columns struct {
	Theta   bool `json:"theta"`
	Grad    bool `json:"grad"`
	State   bool `json:"state"`
	Substep bool `json:"substep,omitempty"` // some rows have a substep other than 0; format 1 allows them always
}

// has reports whether vector i (see VectorNames) is recorded.
func (c Columns) has(i int) bool { return [3]bool{c.Theta, c.Grad, c.State}[i] }

// The types of the elements of theta and grad as they are kept: DType.
const (
	Float32  = "float32"
	Float16  = "float16"  // IEEE 754 binary16
	BFloat16 = "bfloat16" // the upper half of a float32
)

// ImportedModel is the model of an imported run when the user did not name it.
const ImportedModel = "imported"

// Header is everything about a run that is known before its first step. It is
// enough to rebuild the model and the order of the data. It contains neither a time
// nor a host name, so two runs of one command have the same header, byte for byte.
type Header struct {
	Format   int    `json:"format"`   // FormatVersion of the writer
	Software string `json:"software"` // program and version that wrote the run
	// instruction set of the kernels, for example "avx2"; the same set gives the same bits
	Kernel string `json:"kernel"`
	// of theta and grad in files; vectors in memory, and state everywhere, are float32
	DType     string    `json:"dtype"`
	Model     string    `json:"model"`     // for example "mlp:128"
	Data      Data      `json:"data"`      //
	Optimizer Optimizer `json:"optimizer"` //
	Batch     int       `json:"batch"`     // examples per mini-batch; the last batch of an epoch may be smaller
	Epochs    int       `json:"epochs"`    // planned passes over the data
	Steps     int64     `json:"steps"`     // planned updates; a run that diverged or was stopped has fewer
	Seed      uint64    `json:"seed"`      // of the batch order, and of the initialization unless InitSeed is given
	Schedule  Schedule  `json:"schedule"`  // which rows are kept
	Columns   Columns   `json:"columns"`   // which vectors they have
	// InitSeed is the seed of the initialization, nil where Seed decides it. With it,
	// runs that differ in the order of their data start at the same theta.
	InitSeed *uint64 `json:"init_seed,omitempty"`
	// ThetaSchedule, GradSchedule and StateSchedule say which of the kept rows have
	// these vectors; the zero value means all of them.
	ThetaSchedule Schedule `json:"theta_schedule,omitzero"`
	GradSchedule  Schedule `json:"grad_schedule,omitzero"`
	StateSchedule Schedule `json:"state_schedule,omitzero"`
	Layout        Layout   `json:"layout"`            // of theta and grad
	State         Layout   `json:"state_layout"`      // of state; empty for models without running statistics
	Comment       string   `json:"comment,omitempty"` // free text
	// Groups are the parameter groups where there are several; Optimizer then joins
	// the names of their rules, and the learning rate of a row is that of the first.
	Groups []ParameterGroup `json:"parameter_groups,omitempty"`
	Sketch *Sketch          `json:"sketch,omitempty"` // how the rows were reduced; nil when they were not
}

// NewHeader returns the header of a run whose parameters have this layout. It
// fills in what every run needs: the format, the element type, and theta as the
// only recorded vector. The header is valid when the layout is. The caller adds
// what it knows (Model, Optimizer, Steps, ...), and sets Columns.Grad when its rows
// have gradients. The layout is copied.
func NewHeader(layout Layout) *Header {
	return &Header{Format: FormatVersion, DType: Float32, Columns: Columns{Theta: true}, Layout: cloneLayout(layout)}
}

// InitializationSeed returns the seed that theta_0 was drawn from.
func (h *Header) InitializationSeed() uint64 {
	if h.InitSeed != nil {
		return *h.InitSeed
	}
	return h.Seed
}

// Title names the run in a few words, for figures: model, name of the data set,
// optimizer, learning rate and batch size. Parts that are not known are left out.
func (h *Header) Title() string {
	t := h.Model
	if name := h.Data.Name(); name != "" {
		t += " on " + name
	}
	if h.Optimizer.Name != "" {
		t += ", " + h.Optimizer.Name
	}
	if rate, ok := h.Hyperparameter("learning_rate"); ok {
		t += fmt.Sprintf(" \u03b7 = %g", rate)
	}
	if h.Batch > 0 {
		t += fmt.Sprintf(", batch %d", h.Batch)
	}
	return strings.TrimPrefix(strings.TrimPrefix(t, ","), " ")
}

// Clone returns a deep copy: nothing in it is shared with h.
func (h *Header) Clone() *Header {
	c := *h
	if h.InitSeed != nil {
		seed := *h.InitSeed
		c.InitSeed = &seed
	}
	c.Optimizer.Hyperparameters = maps.Clone(h.Optimizer.Hyperparameters)
	c.Groups = slices.Clone(h.Groups)
	for i, g := range h.Groups {
		c.Groups[i].Tensors, c.Groups[i].Optimizer.Hyperparameters = slices.Clone(g.Tensors),
			maps.Clone(g.Optimizer.Hyperparameters)
	}
	c.Schedule, c.ThetaSchedule = h.Schedule.clone(), h.ThetaSchedule.clone()
	c.GradSchedule, c.StateSchedule = h.GradSchedule.clone(), h.StateSchedule.clone()
	c.Layout, c.State = cloneLayout(h.Layout), cloneLayout(h.State)
	c.Sketch = h.Sketch.clone()
	return &c
}

// cloneLayout returns a deep copy of a layout.
func cloneLayout(l Layout) Layout {
	c := slices.Clone(l)
	for i := range c {
		c[i].Shape, c[i].Axes = slices.Clone(c[i].Shape), slices.Clone(c[i].Axes)
	}
	return c
}

// Validate checks everything that can be checked without the data set. The error
// names the field, its value and the allowed range.
func (h *Header) Validate() error {
	switch {
	case h.Format < 1 || h.Format > FormatVersion:
		return fmt.Errorf("record: header: format is %d; this program reads 1 to %d", h.Format, FormatVersion)
	case h.DType != Float32 && (h.Format < 2 || h.DType != Float16 && h.DType != BFloat16):
		return fmt.Errorf("record: header: dtype is %q; allowed are \"float32\" and, from format 2 on, \"float16\" "+
			"and \"bfloat16\"", h.DType)
	case h.Format < 2 && h.Columns.Substep:
		return fmt.Errorf("record: header: columns has substep, which format %d does not have; use format 2 or later",
			h.Format)
	case h.Batch < 0 || h.Epochs < 0 || h.Steps < 0:
		return fmt.Errorf("record: header: batch %d, epochs %d, steps %d: none may be negative", h.Batch, h.Epochs,
			h.Steps)
	case h.Data.TrainExamples < 0 || h.Data.TestExamples < 0:
		return fmt.Errorf("record: header: %d training and %d held-out examples: neither may be negative",
			h.Data.TrainExamples, h.Data.TestExamples)
	}
	optimizers := []Optimizer{h.Optimizer}
	for _, g := range h.Groups {
		optimizers = append(optimizers, g.Optimizer)
	}
	for _, o := range optimizers {
		for name, v := range o.Hyperparameters {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("record: header: hyperparameter %s is %v; it must be finite", name, v)
			}
		}
	}
	if len(h.Layout) == 0 {
		return fmt.Errorf("record: header: the layout has no tensor; a run has at least one parameter")
	}
	if err := h.Layout.Validate(); err != nil {
		return err
	}
	if err := h.State.Validate(); err != nil {
		return fmt.Errorf("%w (state)", err)
	}
	if h.Columns.State && len(h.State) == 0 {
		return fmt.Errorf("record: header: columns has state, but the state layout has no tensor")
	}
	return h.Sketch.validate()
}

// HasSubsteps reports whether some rows may be inner iterates.
func (h *Header) HasSubsteps() bool { return h.Format < 2 || h.Columns.Substep }

// ElementBytes returns the bytes of an element of theta and grad in a file.
func (h *Header) ElementBytes() int {
	if h.DType == Float16 || h.DType == BFloat16 {
		return 2
	}
	return 4
}

// CheckStep checks a row against the header and the row before it (nil for the
// first): lengths of the vectors, and the order of the steps.
func (h *Header) CheckStep(s, previous *Step) error {
	lens := h.VectorLens()
	for i, v := range s.Vectors() {
		name, n := VectorNames[i], len(*v)
		switch {
		case *v == nil, n == 0 && h.vectorLayout(i).Len() == 0: // a model without state may pass an empty one
		case !h.Columns.has(i):
			return fmt.Errorf("record: step %d has %s, but the header says that it is not recorded", s.Step, name)
		case n != lens[i]:
			return fmt.Errorf("record: step %d: %s has %d elements, the layout has %d", s.Step, name, n, lens[i])
		}
	}
	if s.Step < 0 || s.Substep < 0 {
		return fmt.Errorf("record: step %d, substep %d: neither may be negative", s.Step, s.Substep)
	}
	if s.Substep > 0 && !h.HasSubsteps() {
		return fmt.Errorf("record: step %d has substep %d, but the header says that the run has no inner iterates",
			s.Step, s.Substep)
	}
	if previous != nil && (s.Step < previous.Step || s.Step == previous.Step && s.Substep <= previous.Substep) {
		return fmt.Errorf("record: step %d, substep %d comes after step %d, substep %d; steps must increase", s.Step,
			s.Substep, previous.Step, previous.Substep)
	}
	return nil
}

// EndsRun reports whether the last row of a recording proves that the run came to
// its end: the row follows the last planned update. From format 3 on, a run without
// a planned number of updates needs another proof, the footer of its last segment.
func (h *Header) EndsRun(last *Step) bool {
	return last.IsLast() && (h.Format < 3 || h.Steps > 0 && last.Step >= h.Steps)
}

// VectorLens returns the lengths of the vectors that rows have, in the order of
// VectorNames; 0 for a vector that is not recorded.
func (h *Header) VectorLens() (lens [3]int) {
	for i := range lens {
		if h.Columns.has(i) {
			lens[i] = h.vectorLayout(i).Len()
		}
	}
	return lens
}

// vectorLayout returns the layout of vector i, recorded or not.
func (h *Header) vectorLayout(i int) Layout { return [3]Layout{h.Layout, h.Layout, h.State}[i] }

// Hyperparameter returns a hyperparameter of the optimizer.
func (h *Header) Hyperparameter(name string) (float64, bool) {
	v, ok := h.Optimizer.Hyperparameters[name]
	return v, ok
}

// Encode returns the header as indented JSON that ends in a newline. The same
// header always gives the same bytes.
func (h *Header) Encode() ([]byte, error) {
	if err := h.Validate(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(h); err != nil {
		return nil, fmt.Errorf("record: header: %w", err)
	}
	return b.Bytes(), nil
}

// DecodeHeader parses what Encode wrote and validates it. It checks the format
// version first, so that the error for a header from a newer program says so,
// instead of naming an unknown field. That error wraps ErrNewerFormat.
func DecodeHeader(b []byte) (*Header, error) {
	var version struct{ Format int }
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, fmt.Errorf("record: header: %w", err)
	}
	if version.Format > FormatVersion {
		return nil, fmt.Errorf("record: header: format is %d, %w; this program reads 1 to %d", version.Format,
			ErrNewerFormat, FormatVersion)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	h := new(Header)
	if err := d.Decode(h); err != nil {
		return nil, fmt.Errorf("record: header: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if err := h.Validate(); err != nil {
		return nil, err
	}
	return h, nil
}
