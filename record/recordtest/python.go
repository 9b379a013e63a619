package recordtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Python finds an interpreter in PATH that has the package, or skips the test and
// says what is absent. These tests take minutes: they run where SGDWALK_PYTHON is set.
func Python(t testing.TB, name string) string {
	t.Helper()
	if os.Getenv("SGDWALK_PYTHON") == "" {
		t.Skip("SGDWALK_PYTHON is not set: tests with Python have their own lane")
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		python := filepath.Join(dir, "python3")
		if exec.Command(python, "-c", "import "+name).Run() == nil {
			return python
		}
	}
	t.Skipf("no python3 with %s in PATH", name)
	return ""
}
