package exchange

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sgdwalk/record"
	"sgdwalk/record/safefile"
)

// WriteSafetensorsFolder writes every iterate with theta into the folder dir, one file an iterate. The names count
// the steps.
func WriteSafetensorsFolder(dir string, t record.Trajectory) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	written := 0
	for i := range t.Len() {
		s, err := t.Read(i, record.ThetaPart)
		if err != nil {
			return err
		}
		if s.Substep != 0 || s.Theta == nil {
			continue
		}
		path := filepath.Join(dir, fmt.Sprintf("step-%08d.safetensors", s.Step))
		if err := safefile.Write(path, func(w io.Writer) error { return WriteSafetensors(w, t, i) }); err != nil {
			return err
		}
		written++
	}
	if written == 0 {
		return fmt.Errorf("exchange: %s has no iterate with theta", t.Header().Model)
	}
	return nil
}
