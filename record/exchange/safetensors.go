package exchange

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"sgdwalk/record"
)

// Keys of the metadata that WriteSafetensors writes and Open reads.
const (
	metaHeader = "sgdwalk.header" // the run's header as JSON
	metaStep   = "step"
	metaEpoch  = "epoch"
)

// WriteSafetensors writes one iterate as a checkpoint: the tensors of the layout by
// name, as float32, in the layout's order, followed by the running statistics if the
// row has them. A negative row counts from the end: -1 is the last row. The metadata has
// format, model, step, epoch and the run's header, so that Open can rebuild a run from
// several such files. The same row gives the same bytes. Memory: that of one row.
func WriteSafetensors(w io.Writer, t record.Trajectory, row int) error {
	i := row
	if i < 0 {
		i += t.Len()
	}
	if i < 0 || i >= t.Len() {
		return fmt.Errorf("exchange: row %d is not in the recording; it has %d rows, from 0", row, t.Len())
	}
	s, err := t.Read(i, record.ThetaPart|record.StatePart)
	if err != nil {
		return fmt.Errorf("exchange: row %d: %w", i, err)
	}
	if s.Theta == nil {
		return fmt.Errorf("exchange: row %d (step %d) has no theta", i, s.Step)
	}
	head, err := safetensorsHeader(t.Header(), &s)
	if err != nil {
		return err
	}
	for _, b := range [][]byte{head, appendFloats(nil, s.Theta), appendFloats(nil, s.State)} {
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("exchange: safetensors: %w", err)
		}
	}
	return nil
}

// safetensorsHeader returns the bytes before the values. The safetensors module is not
// used, because it sorts tensors by name, and the layout's order is part of a run.
func safetensorsHeader(h *record.Header, s *record.Step) ([]byte, error) {
	h = h.Clone()
	h.Columns = record.Columns{Theta: true, State: s.State != nil, Substep: h.Columns.Substep}
	encoded, err := h.Encode()
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, encoded); err != nil {
		return nil, fmt.Errorf("exchange: safetensors: %w", err)
	}
	b := []byte(`{"__metadata__":`)
	metadata := map[string]string{
		"format": "pt", "model": h.Model, // loaders expect "pt": row-major tensors by name
		metaStep: strconv.FormatInt(s.Step, 10), metaEpoch: strconv.Itoa(int(s.Epoch)), metaHeader: compact.String(),
	}
	if b, err = appendJSON(b, metadata); err != nil {
		return nil, err
	}
	layouts := []record.Layout{h.Layout}
	if s.State != nil {
		layouts = append(layouts, h.State)
	}
	at := 0
	seen := map[string]bool{"__metadata__": true}
	for _, l := range layouts {
		for _, t := range l {
			if seen[t.Name] {
				return nil, fmt.Errorf("exchange: safetensors: two tensors would be named %q", t.Name)
			}
			seen[t.Name] = true
			if b, err = appendJSON(append(b, ','), t.Name); err != nil {
				return nil, err
			}
			shape := t.Shape
			if shape == nil {
				shape = []int{}
			}
			info := struct {
				DType   string `json:"dtype"`
				Shape   []int  `json:"shape"`
				Offsets [2]int `json:"data_offsets"`
			}{"F32", shape, [2]int{at, at + 4*t.Len()}}
			if b, err = appendJSON(append(b, ':'), info); err != nil {
				return nil, err
			}
			at += 4 * t.Len()
		}
	}
	b = append(b, '}')
	for len(b)%8 != 0 { // aligns the values
		b = append(b, ' ')
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(b))), b...), nil
}

// appendJSON appends the JSON text of a value.
func appendJSON(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("exchange: safetensors: %w", err)
	}
	return append(b, text...), nil
}
