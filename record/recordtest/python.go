package recordtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Python finds an interpreter in PATH that has the package, or skips the test and
// says what is absent.
func Python(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		python := filepath.Join(dir, "python3")
		if exec.Command(python, "-c", "import "+name).Run() == nil {
			return python
		}
	}
	t.Skipf("no python3 with %s in PATH", name)
	return ""
}
