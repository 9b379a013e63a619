package result

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/unitline"
	"sgdwalk/record"
	"sgdwalk/record/safefile"
)

// Journal is an analyze.Store in a file. It has the finished units of one analysis with one
// set of options. The name of the file has a hash of everything that the numbers depend on,
// so an analysis with other options never resumes from it.
//
// A unit is one line. Save returns after the operating system has the line, so the death of
// the process loses no saved unit. A crash of the machine may damage a line; then the line
// is ignored and its unit is computed again.
//
// Several goroutines may call Lookup and Save.
type Journal struct {
	path string

	mu      sync.Mutex
	file    *os.File
	seed    uint32 // start value of the checksums, from the key: lines of another journal do not match
	units   map[string][]float64
	damaged int // number of lines that did not match their checksums
}

var _ analyze.Store = (*Journal)(nil)

// Journal opens the journal of the analysis. The journal is empty or has the units that an
// interrupted analysis left. Its key consists of the name of the analysis, the header, the
// options as JSON, and in also everything else that the numbers depend on, such as the hash
// of other data or the policy for normalization statistics. Finish removes the journal;
// Close keeps it.
func (d *Dir) Journal(analysis string, h *record.Header, options any, also ...string) (*Journal, error) {
	sum, err := HeaderSHA256(h)
	if err != nil {
		return nil, err
	}
	key, err := json.Marshal(struct {
		Version  int
		Analysis string
		Header   string
		Options  any
		Also     []string
	}{2, analysis, sum, options, also}) // 2: --norm running has the statistics of each iterate
	if err != nil {
		return nil, fmt.Errorf("result: journal: options of %s: %w", analysis, err)
	}
	j, err := openJournal(d.real, sha256.Sum256(key))
	if err != nil {
		return nil, err
	}
	d.journal = j
	return j, nil
}

// maxJournal is the largest size in bytes at which a journal is read.
const maxJournal = 2 << 30

func openJournal(dir string, key [sha256.Size]byte) (*Journal, error) {
	path := filepath.Join(dir, "journal-"+hex.EncodeToString(key[:6]))
	j := &Journal{path: path, units: make(map[string][]float64), seed: unitline.Seed(key[:])}
	b, err := safefile.Read(path, maxJournal)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("result: journal: %w", err)
	}
	whole := j.load(b)
	if j.file, err = safefile.Open(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND); err != nil {
		return nil, fmt.Errorf("result: journal: %w", err)
	}
	// An incomplete last line is removed, so that the next unit starts on a new line.
	if whole < len(b) {
		if err := j.file.Truncate(int64(whole)); err != nil {
			return nil, fmt.Errorf("result: journal: %w", errors.Join(err, j.file.Close()))
		}
	}
	return j, nil
}

// load takes the units of all intact lines and returns the offset after the last complete
// line. It counts and ignores lines that do not match their checksums.
func (j *Journal) load(b []byte) (whole int) {
	for {
		n := bytes.IndexByte(b[whole:], '\n')
		if n < 0 {
			return whole
		}
		if unit, values, ok := unitline.Parse(j.seed, string(b[whole:whole+n])); ok {
			j.units[unit] = values
		} else {
			j.damaged++
		}
		whole += n + 1
	}
}

// Lookup returns the values of a finished unit. The slice belongs to the journal; callers
// must not change it.
func (j *Journal) Lookup(unit string) ([]float64, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	v, ok := j.units[unit]
	return v, ok
}

// Save appends a finished unit to the file and copies its values. The name must not be
// empty or contain a line break.
func (j *Journal) Save(unit string, values []float64) error {
	line, err := unitline.Append(nil, j.seed, unit, values)
	if err != nil {
		return fmt.Errorf("result: journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return fmt.Errorf("result: journal: %s is saved after the journal was closed", unit)
	}
	if _, err := j.file.Write(line); err != nil {
		return fmt.Errorf("result: journal: %w", err)
	}
	j.units[unit] = append([]float64{}, values...)
	return nil
}

// Len returns the number of finished units.
func (j *Journal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.units)
}

// Damaged returns the number of lines that did not match their checksums when the file was
// opened, and were ignored. An incomplete last line does not count.
func (j *Journal) Damaged() int { return j.damaged }

// Close closes the file, and removes it if it has no unit. A second Close or Remove does
// nothing.
func (j *Journal) Close() error { return j.close(false) }

// Remove closes the journal and removes its file, because the analysis is finished.
func (j *Journal) Remove() error { return j.close(true) }

func (j *Journal) close(remove bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	if remove || len(j.units) == 0 {
		if e := os.Remove(j.path); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return fmt.Errorf("result: journal: %w", err)
	}
	return nil
}
