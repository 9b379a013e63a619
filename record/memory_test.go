package record_test

import (
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func newMemory(t *testing.T, h *record.Header) *record.Memory {
	t.Helper()
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMemory(t *testing.T) {
	t.Run("Sink", func(t *testing.T) {
		recordtest.Sink(t, func(t *testing.T, h *record.Header) (record.Sink, func() record.Trajectory) {
			m := newMemory(t, h)
			return m, func() record.Trajectory { return m }
		})
	})
	t.Run("Trajectory", func(t *testing.T) {
		recordtest.Trajectory(t, func(t *testing.T, h *record.Header, rows []record.Step) record.Trajectory {
			m := newMemory(t, h)
			for i := range rows {
				if err := m.Append(&rows[i]); err != nil {
					t.Fatal(err)
				}
			}
			return m
		})
	})
}
