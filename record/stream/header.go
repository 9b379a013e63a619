package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"sgdwalk/record"
)

// line is the first line of a stream. Only the layout is required.
type line struct {
	Version   int              `json:"sgdwalk_stream"`
	Software  string           `json:"software,omitempty"`
	Kernel    string           `json:"kernel,omitempty"`
	Model     string           `json:"model,omitempty"`
	Data      record.Data      `json:"data,omitzero"`
	Optimizer record.Optimizer `json:"optimizer,omitzero"`
	Batch     int              `json:"batch,omitempty"`
	Epochs    int              `json:"epochs,omitempty"`
	Steps     int64            `json:"steps,omitempty"`
	Seed      uint64           `json:"seed,omitempty"`
	InitSeed  *uint64          `json:"init_seed,omitempty"`
	Layout    record.Layout    `json:"layout"`
	State     record.Layout    `json:"state_layout,omitempty"`
	Theta     *bool            `json:"theta,omitempty"`    // nil means true
	Grad      bool             `json:"grad,omitempty"`     // frames may have gradients
	Substeps  bool             `json:"substeps,omitempty"` // frames may be inner iterates
	Comment   string           `json:"comment,omitempty"`

	Groups []record.ParameterGroup `json:"parameter_groups,omitempty"`
	Memory bool                    `json:"memory,omitempty"` // frames may come through a Memory
}

// readLine reads the header line, up to the first newline.
func readLine(r io.ByteReader) ([]byte, error) {
	var b []byte
	for {
		c, err := r.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && len(b) == 0:
			return nil, fmt.Errorf("stream: no byte was received: %w", ErrUnfinished)
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("stream: header line: %w, after %d bytes without a newline", ErrTorn, len(b))
		case err != nil:
			return nil, fmt.Errorf("stream: header line: %w", err)
		case c == '\n':
			return b, nil
		case len(b) == 0 && c != '{':
			return nil, fmt.Errorf("stream: it begins with %q; it must begin with a line of JSON, "+
				"{\"sgdwalk_stream\":%d, ...}", c, Version)
		case len(b) == maxLineBytes:
			return nil, fmt.Errorf("stream: the header line is longer than %d bytes", maxLineBytes)
		}
		b = append(b, c)
	}
}

// parseLine returns the run's header and the other fields of the first line.
func parseLine(text []byte) (h *record.Header, l *line, err error) {
	l = new(line)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(l); err != nil {
		// A newer version may have fields that this one does not know.
		var only struct {
			Version int `json:"sgdwalk_stream"`
		}
		if json.Unmarshal(text, &only) == nil && only.Version > Version {
			return nil, nil, fmt.Errorf("stream: sgdwalk_stream is %d; this program reads 1 to %d: %w", only.Version,
				Version, record.ErrNewerFormat)
		}
		return nil, nil, fmt.Errorf("stream: header line: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("stream: header line: there is more text after the object")
	}
	switch {
	case l.Version > Version:
		return nil, nil, fmt.Errorf("stream: sgdwalk_stream is %d; this program reads 1 to %d: %w", l.Version, Version,
			record.ErrNewerFormat)
	case l.Version < 1:
		return nil, nil, fmt.Errorf("stream: sgdwalk_stream is %d; it must be 1 to %d", l.Version, Version)
	}
	h = record.NewHeader(l.Layout.WithOffsets())
	h.Software, h.Kernel, h.Model, h.Data, h.Optimizer, h.InitSeed = l.Software, l.Kernel, l.Model, l.Data, l.Optimizer,
		l.InitSeed
	h.Batch, h.Epochs, h.Steps, h.Seed, h.Comment = l.Batch, l.Epochs, l.Steps, l.Seed, l.Comment
	h.State, h.Groups = l.State.WithOffsets(), l.Groups
	h.Columns.Theta = l.Theta == nil || *l.Theta
	h.Columns.Grad, h.Columns.State, h.Columns.Substep = l.Grad, len(l.State) > 0, l.Substeps
	if err := h.Validate(); err != nil {
		return nil, nil, fmt.Errorf("stream: header line: %w", err)
	}
	for i, g := range h.Groups {
		for _, name := range g.Tensors {
			if !slices.ContainsFunc(h.Layout, func(t record.Tensor) bool { return t.Name == name }) {
				return nil, nil, fmt.Errorf("stream: header line: parameter group %d has %q, which is not in the layout",
					i, name)
			}
		}
	}
	return h, l, nil
}
