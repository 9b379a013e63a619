//go:build unix

package arrowfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
	"sgdwalk/record/recordtest"
)

// TestCutVectors: vectors in a map whose file another process cuts are an error, and the run ends after the row
// before, without a torn row.
func TestCutVectors(t *testing.T) {
	for _, parameters := range []int{1 << 10, inPartsFrom/4 + 3} {
		h := recordtest.Header(parameters)
		rows := recordtest.Rows(h, 2, 1)
		dir := filepath.Join(t.TempDir(), "run")
		w, err := Create(dir, h, Options{})
		must(t, err)
		must(t, w.Append(&rows[0]))

		path := filepath.Join(t.TempDir(), "vectors")
		must(t, os.WriteFile(path, bytesOf(rows[1].Theta), 0o600))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		defer f.Close()
		data, err := mapped.MapShared(f, 4*parameters)
		must(t, err)
		defer func() { must(t, mapped.Unmap(data)) }()
		must(t, f.Truncate(0))
		rows[1].Theta = floatsOf(data)
		err = w.Append(&rows[1])
		if !errors.Is(err, mapped.ErrFault) || !strings.Contains(err.Error(), "the recording ends after row 0") {
			t.Errorf("%d parameters: %v", parameters, err)
		}
		if again := w.Append(&rows[2]); again == nil {
			t.Error("a row was accepted after the error")
		}
		_ = w.Close()
		r := mustOpen(t, dir)
		if r.Len() != 1 || r.Torn() != 0 {
			t.Errorf("%d parameters: %d rows, %d bytes torn", parameters, r.Len(), r.Torn())
		}
		got, err := r.Read(0, record.AllParts)
		must(t, err)
		if d := recordtest.Diff(&got, &rows[0]); d != "" {
			t.Error(d)
		}
	}
}
