package arrowfile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"sgdwalk/record"
	"sgdwalk/record/safefile"
)

// maxHeader bounds header.json. Its 16 MiB are enough for about 100,000 tensors.
const maxHeader = 16 << 20

// runHeader is header.json: what it says, its bytes, and their SHA-256, which is
// the identity of the run.
type runHeader struct {
	*record.Header
	text []byte
	id   identity
}

// newRunHeader returns the header with the bytes that it is written with.
func newRunHeader(h *record.Header) (*runHeader, error) {
	text, err := h.Encode()
	if err != nil {
		return nil, err
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("arrowfile: %s would have %d bytes for %d tensors; at most %d are allowed", headerName, len(text), len(h.Layout)+len(h.State), maxHeader)
	}
	return &runHeader{h, text, sha256.Sum256(text)}, nil
}

// parseRunHeader reads the bytes of header.json.
func parseRunHeader(text []byte) (*runHeader, error) {
	h, err := record.DecodeHeader(text)
	if err != nil {
		return nil, err
	}
	return &runHeader{h, text, sha256.Sum256(text)}, nil
}

// readHeader reads a run's header. One that cannot be read, or is missing although
// segments of a run are there, is damaged.
func readHeader(dir string) (*runHeader, error) {
	path := filepath.Join(dir, headerName)
	text, err := safefile.Read(path, maxHeader)
	switch {
	case errors.Is(err, fs.ErrNotExist) && hasOwnSegment(dir):
		return nil, fmt.Errorf("arrowfile: %s: %s is missing, though there are segments of a run (%w); sgdwalk repair can restore it", dir, headerName, record.ErrDamaged)
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("arrowfile: %s: %w: no such directory", dir, ErrNotRun)
		}
		return nil, fmt.Errorf("arrowfile: %s: %w: it has no %s", dir, ErrNotRun, headerName)
	case err != nil && !record.IsDamage(err):
		return nil, fmt.Errorf("arrowfile: %s: %w: %w", dir, ErrNotRun, err)
	case err != nil:
		return nil, fmt.Errorf("arrowfile: %w", err)
	}
	h, err := parseRunHeader(text)
	if err == nil {
		return h, nil
	}
	// A newer program's header is sound, unless the segments name another one.
	if claim := readClaim(filepath.Join(dir, segmentName(0))); errors.Is(err, ErrNewerFormat) && (claim == nil || claim.id == sha256.Sum256(text)) {
		return nil, fmt.Errorf("arrowfile: %s: %w", path, err)
	}
	return nil, fmt.Errorf("arrowfile: %s is %w: %v; sgdwalk repair can restore it", path, record.ErrDamaged, err) //nolint:errorlint // it may say that a newer program wrote it, which is not so
}

// writeHeader writes header.json, all of it or nothing.
func writeHeader(dir string, h *runHeader) error {
	return safefile.Write(filepath.Join(dir, headerName), func(w io.Writer) error {
		_, err := w.Write(h.text)
		return err
	})
}
