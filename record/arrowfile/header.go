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

// maxHeader bounds the size of header.json. 16 MiB suffice for about 100,000 tensors.
const maxHeader = 16 << 20

// runHeader is header.json: the header, its bytes, and their SHA-256, which is the identity
// of the run.
type runHeader struct {
	*record.Header
	text []byte
	id   identity
}

// newRunHeader returns the header together with its bytes.
func newRunHeader(h *record.Header) (*runHeader, error) {
	text, err := h.Encode()
	if err != nil {
		return nil, err
	}
	if len(text) > maxHeader {
		return nil, fmt.Errorf("arrowfile: %s would have %d bytes for %d tensors; at most %d are allowed", headerName,
			len(text), len(h.Layout)+len(h.State), maxHeader)
	}
	return &runHeader{h, text, sha256.Sum256(text)}, nil
}

// parseRunHeader decodes the bytes of header.json.
func parseRunHeader(text []byte) (*runHeader, error) {
	h, err := record.DecodeHeader(text)
	if err != nil {
		return nil, err
	}
	return &runHeader{h, text, sha256.Sum256(text)}, nil
}

// readHeader reads a run's header. The error is damage when the header cannot be decoded,
// and when it is missing in a directory that has segments of a run.
func readHeader(dir string) (*runHeader, error) {
	path := filepath.Join(dir, headerName)
	text, err := safefile.Read(path, maxHeader)
	switch {
	case errors.Is(err, fs.ErrNotExist) && hasOwnSegment(dir):
		return nil, fmt.Errorf("arrowfile: %s: %s is missing, but there are segments of a run (%w); sgdwalk repair "+
			"can restore it", dir, headerName, record.ErrDamaged)
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
	// The header of a newer program is intact, unless the segments name another header.
	if claim := readClaim(filepath.Join(dir, segmentName(0))); errors.Is(err, ErrNewerFormat) && (claim == nil ||
		claim.id == sha256.Sum256(text)) {
		return nil, fmt.Errorf("arrowfile: %s: %w", path, err)
	}
	// err is not wrapped, because it may claim wrongly that a newer program wrote the header.
	return nil, fmt.Errorf("arrowfile: %s is %w: %s; sgdwalk repair can restore it", path, record.ErrDamaged,
		err.Error())
}

// writeHeader writes header.json as a whole.
func writeHeader(dir string, h *runHeader) error {
	return safefile.Write(filepath.Join(dir, headerName), func(w io.Writer) error {
		_, err := w.Write(h.text)
		return err
	})
}
