package record

import (
	"errors"
	"fmt"
)

// ErrClosed is returned by the Append of a sink after its Close.
var ErrClosed = errors.New("record: the sink is closed")

// Memory keeps a run in memory: a Sink to write it and a Trajectory to read it.
// It holds 4P bytes per recorded vector, so it suits tests and small runs.
// It is not safe to append while reading.
type Memory struct {
	header Header
	rows   []Step
	closed bool
}

var (
	_ Sink       = (*Memory)(nil)
	_ Trajectory = (*Memory)(nil)
)

// NewMemory returns an empty run. The header is copied; it must be valid.
func NewMemory(h *Header) (*Memory, error) {
	if err := h.Validate(); err != nil {
		return nil, err
	}
	return &Memory{header: *h.Clone()}, nil
}

// Append keeps a copy of the row.
func (m *Memory) Append(s *Step) error {
	if m.closed {
		return ErrClosed
	}
	var previous *Step
	if n := len(m.rows); n > 0 {
		previous = &m.rows[n-1]
	}
	if err := m.header.CheckStep(s, previous); err != nil {
		return err
	}
	m.rows = append(m.rows, s.CloneInto(new([3][]float32)))
	return nil
}

// Close ends the writing; the rows stay readable.
func (m *Memory) Close() error {
	m.closed = true
	return nil
}

// Header returns the run's header, which the caller must not change.
func (m *Memory) Header() *Header { return &m.header }

// Len returns the number of rows.
func (m *Memory) Len() int { return len(m.rows) }

// Read returns row i with the vectors in parts.
func (m *Memory) Read(i int, parts Parts) (Step, error) {
	if i < 0 || i >= len(m.rows) {
		return Step{}, fmt.Errorf("record: row %d is not in the recording; it has %d rows, from 0", i, len(m.rows))
	}
	return m.rows[i].withParts(parts), nil
}

// ThetaPieces returns theta of row i, nil when the row has none.
func (m *Memory) ThetaPieces(i int) (Pieces, error) {
	theta, err := ThetaOf(m, i)
	if theta == nil || err != nil {
		return nil, err
	}
	return VerifiedPieces(theta), nil
}

// Release does nothing: the rows are in memory.
func (m *Memory) Release() {}
