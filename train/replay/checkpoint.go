package replay

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"sgdwalk/record"
	"sgdwalk/record/safefile"
	"sgdwalk/train"
)

// CheckpointName is the file in the directory of a run from which the run resumes.
const CheckpointName = "checkpoint"

// ErrNoCheckpoint is wrapped by the error of LoadCheckpoint if the run has no
// checkpoint: it was never stopped, or the process died in the first epoch.
var ErrNoCheckpoint = errors.New("the run has no checkpoint")

// ErrBadCheckpoint is wrapped by the error of LoadCheckpoint if the file is
// damaged or belongs to another run, so the run cannot resume from it.
var ErrBadCheckpoint = errors.New("the checkpoint cannot be used")

// maxCheckpoint limits how much LoadCheckpoint reads. It is many times the size
// of theta, the state and the buffers of any optimizer.
func maxCheckpoint(h *record.Header) int64 {
	return 1<<20 + 256*int64(h.Layout.Len()+h.State.Len())
}

// checkpointMagic begins the file. After it come the SHA-256 of the body, the
// SHA-256 of the run's header, and the body.
const checkpointMagic = "sgdwalk checkpoint 1\n"

// SaveCheckpoint writes the checkpoint of the run with the given header into its
// directory. It writes a temporary file, syncs it and renames it, so that the
// directory always has a complete checkpoint.
func SaveCheckpoint(dir string, h *record.Header, c *train.Checkpoint) error {
	owner, err := headerSum(h)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(c); err != nil {
		return fmt.Errorf("replay: checkpoint: %w", err)
	}
	sum := sha256.Sum256(body.Bytes())
	err = safefile.Write(filepath.Join(dir, CheckpointName), func(w io.Writer) error {
		for _, part := range [][]byte{[]byte(checkpointMagic), sum[:], owner[:], body.Bytes()} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay: checkpoint: %w", err)
	}
	return nil
}

// LoadCheckpoint reads the checkpoint of the run with the given header. It
// refuses a file that is damaged or belongs to another run.
func LoadCheckpoint(dir string, h *record.Header) (*train.Checkpoint, error) {
	path := filepath.Join(dir, CheckpointName)
	b, err := safefile.Read(path, maxCheckpoint(h))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("replay: %s: %w", dir, ErrNoCheckpoint)
	case record.IsDamage(err):
		return nil, fmt.Errorf("replay: %w: %w", ErrBadCheckpoint, err)
	case err != nil:
		return nil, fmt.Errorf("replay: checkpoint: %w", err)
	}
	owner, err := headerSum(h)
	if err != nil {
		return nil, err
	}
	b, ok := bytes.CutPrefix(b, []byte(checkpointMagic))
	if !ok || len(b) < 2*sha256.Size {
		return nil, fmt.Errorf("replay: %w: %s is not a checkpoint, or is truncated", ErrBadCheckpoint, path)
	}
	sum, of, body := b[:sha256.Size], b[sha256.Size:2*sha256.Size], b[2*sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, fmt.Errorf("replay: %w: %s is damaged: its checksum is %x, its content has %x",
			ErrBadCheckpoint, path, sum[:8], got[:8])
	}
	if !bytes.Equal(of, owner[:]) {
		return nil, fmt.Errorf("replay: %w: %s belongs to another run: its header has hash %x, that of this run %x",
			ErrBadCheckpoint, path, of[:8], owner[:8])
	}
	c := new(train.Checkpoint)
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(c); err != nil {
		return nil, fmt.Errorf("replay: %w: %s: %w", ErrBadCheckpoint, path, err)
	}
	return c, nil
}

// headerSum returns the hash of a header, which ties a checkpoint to its run:
// resuming another run from it would give wrong rows without any error.
func headerSum(h *record.Header) ([sha256.Size]byte, error) {
	b, err := h.Encode()
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256(b), nil
}
