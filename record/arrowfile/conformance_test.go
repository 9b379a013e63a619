package arrowfile

import (
	"path/filepath"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func TestConformance(t *testing.T) {
	for name, opts := range map[string]Options{
		"one segment": {}, "a row a segment": {SegmentBytes: 1},
		"rotating": {SegmentBytes: 9000},
	} {
		t.Run("Sink/"+name, func(t *testing.T) {
			recordtest.Sink(t, func(t *testing.T, h *record.Header) (record.Sink, func() record.Trajectory) {
				dir := filepath.Join(t.TempDir(), "run")
				w, err := Create(dir, h, opts)
				if err != nil {
					t.Fatal(err)
				}
				return w, func() record.Trajectory { return mustOpen(t, dir) }
			})
		})
		t.Run("Trajectory/"+name, func(t *testing.T) {
			recordtest.Trajectory(t, func(t *testing.T, h *record.Header, rows []record.Step) record.Trajectory {
				return mustOpen(t, writeRun(t, h, rows, opts))
			})
		})
	}
	// The way of reading that serves systems without a memory map.
	t.Run("Trajectory/read", func(t *testing.T) {
		recordtest.Trajectory(t, func(t *testing.T, h *record.Header, rows []record.Step) record.Trajectory {
			r, err := open(writeRun(t, h, rows, Options{SegmentBytes: 9000}), openReadSource)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { r.Close() })
			return r
		})
	})
}
