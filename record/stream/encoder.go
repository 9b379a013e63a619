package stream

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"sgdwalk/record"
)

// Encoder is a record.Sink that writes a stream. It must not be used concurrently.
type Encoder struct {
	w        *bufio.Writer
	header   *record.Header
	frames   int64
	previous *record.Step
	closed   bool
	err      error
	bytes    []byte
}

var _ record.Sink = (*Encoder)(nil)

// NewEncoder writes the header line. It leaves out schedules and sketches, because the
// program that records the stream decides them.
func NewEncoder(w io.Writer, h *record.Header) (*Encoder, error) {
	if err := h.Validate(); err != nil {
		return nil, err
	}
	var theta *bool // nil, the default, means that theta is recorded
	if !h.Columns.Theta {
		theta = new(bool)
	}
	text, err := json.Marshal(line{ // of version 2: an Encoder uses nothing of later versions
		Version: 2, Software: h.Software, Kernel: h.Kernel, Model: h.Model, Data: h.Data, Optimizer: h.Optimizer,
		Batch: h.Batch, Epochs: h.Epochs, Steps: h.Steps, Seed: h.Seed, InitSeed: h.InitSeed, Layout: h.Layout,
		State: h.State,
		Theta: theta, Grad: h.Columns.Grad, Substeps: h.Columns.Substep, Comment: h.Comment, Groups: h.Groups,
	})
	if err != nil {
		return nil, fmt.Errorf("stream: header line: %w", err)
	}
	e := &Encoder{w: bufio.NewWriterSize(w, 1<<16), header: h.Clone(), bytes: make([]byte, 0, 1<<16)}
	if _, err := e.w.Write(append(text, '\n')); err != nil {
		return nil, fmt.Errorf("stream: header line: %w", err)
	}
	return e, nil
}

// Append writes one frame.
func (e *Encoder) Append(s *record.Step) error {
	switch {
	case e.closed:
		return record.ErrClosed
	case e.err != nil:
		return e.err
	}
	if err := e.header.CheckStep(s, e.previous); err != nil {
		return err
	}
	e.previous = &record.Step{Step: s.Step, Substep: s.Substep}
	e.err = e.frame(s)
	e.frames++
	return e.err
}

// frame writes one frame: its head, then the vectors that the row has.
func (e *Encoder) frame(s *record.Step) error {
	flags, size := uint32(0), 0
	for i, v := range s.Vectors() {
		if *v != nil {
			flags |= hasTheta << i
			size += 4 * len(*v)
		}
	}
	for i, o := range s.Optionals() {
		if o.Valid {
			flags |= hasBatchLoss << i
		}
	}
	head := newHead(frameMagic, flags, s.Step)
	head = binary.LittleEndian.AppendUint32(head, uint32(s.Substep))
	head = binary.LittleEndian.AppendUint32(head, uint32(s.Epoch))
	head = binary.LittleEndian.AppendUint32(head, uint32(s.Examples))
	head = binary.LittleEndian.AppendUint32(head, 0)
	head = binary.LittleEndian.AppendUint64(head, uint64(s.Evaluations))
	for _, o := range s.Optionals() {
		head = binary.LittleEndian.AppendUint64(head, math.Float64bits(o.Value))
	}
	head = binary.LittleEndian.AppendUint64(head, uint64(s.UnixNano()))
	head = binary.LittleEndian.AppendUint64(head, uint64(size))
	if err := e.head(head); err != nil {
		return err
	}
	for _, v := range s.Vectors() {
		if err := e.floats(*v); err != nil {
			return err
		}
	}
	return nil
}

// floats writes a vector in pieces of the buffer's size.
func (e *Encoder) floats(v []float32) error {
	for len(v) > 0 {
		n := min(len(v), cap(e.bytes)/4)
		b := e.bytes[:0]
		for _, x := range v[:n] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		if _, err := e.w.Write(b); err != nil {
			return fmt.Errorf("stream: %w", err)
		}
		v = v[n:]
	}
	return nil
}

// newHead returns the first bytes of a head.
func newHead(magic string, flags uint32, step int64) []byte {
	head := append(make([]byte, 0, headBytes), magic...)
	head = binary.LittleEndian.AppendUint32(head, flags)
	return binary.LittleEndian.AppendUint64(head, uint64(step))
}

// head completes a head with zeros and its checksum, and writes it.
func (e *Encoder) head(head []byte) error {
	head = append(head, make([]byte, sumAt-len(head))...)
	head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(head))
	head = binary.LittleEndian.AppendUint32(head, 0)
	if _, err := e.w.Write(head); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	return nil
}

// Close writes the end mark and flushes. It does not close the underlying writer.
func (e *Encoder) Close() error {
	if e.closed {
		return nil
	}
	e.closed = true
	if e.err != nil {
		return e.err
	}
	if err := e.head(newHead(endMagic, 0, e.frames)); err != nil {
		return err
	}
	if err := e.w.Flush(); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	return nil
}
