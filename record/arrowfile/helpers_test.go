package arrowfile

import (
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/record"
)

// writeRun records rows in a new directory.
func writeRun(t testing.TB, h *record.Header, rows []record.Step, opts Options) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, opts)
	if err != nil {
		t.Fatal(err)
	}
	appendRows(t, w, rows)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func appendRows(t testing.TB, w record.Sink, rows []record.Step) {
	t.Helper()
	for i := range rows {
		if err := w.Append(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
}

func mustOpen(t testing.TB, dir string) *Reader {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustWrite(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkName is the name of a checksum, which in format 1 is that of its column.
func checkName(f field) string {
	switch f {
	case fieldCRC:
		return "crc32c"
	case fieldWallCRC:
		return "wall_crc32c"
	default:
		return record.VectorNames[f-fieldVectorCRC] + "_crc32c"
	}
}
