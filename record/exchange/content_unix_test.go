//go:build unix

package exchange

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A named pipe is refused at once, and not opened: that would wait for a writer.
func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ckpt.pt")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skipf("no named pipe can be made here: %v", err)
	}
	if _, err := Open([]string{path}, ImportOptions{}); err == nil ||
		!strings.Contains(err.Error(), "it is a named pipe") {
		t.Errorf("a named pipe: %v", err)
	}
	if _, err := Open([]string{"/dev/null"}, ImportOptions{}); err == nil ||
		!strings.Contains(err.Error(), "it is a device") {
		t.Errorf("a device: %v", err)
	}
}
