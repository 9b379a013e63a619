package notebooks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestRun compiles the cells of every notebook into one program and runs each cell
// as a process of its own, as the kernel does, with nothing but Go. It sees a
// notebook that an ordinary change of the library has broken; that the kernel
// itself runs them is for .ci/run. -short runs the second notebook alone.
func TestRun(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := notebooks(t)
	if testing.Short() {
		files = files[1:2]
	}
	all := make([]*cells, len(files))
	for i, file := range files {
		if all[i], err = parseCells(readNotebook(t, file)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(all[i].bodies) == 0 {
			t.Fatalf("%s: no cell runs anything", file)
		}
		write(t, filepath.Join(dir, packageName(i), "cells.go"), all[i].source(packageName(i)))
	}
	write(t, filepath.Join(dir, "main.go"), mainSource(len(files)))
	write(t, filepath.Join(dir, "go.mod"), "module cells\n\ngo 1.26\n")
	// A workspace finds the library, as in the notebooks, and takes the versions and
	// checksums of its modules from it.
	write(t, filepath.Join(dir, "go.work"), fmt.Sprintf("go 1.26\n\nuse (\n\t.\n\t%q\n)\n", root))
	program := filepath.Join(dir, "cells")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the cells do not compile: %v\n%s", err, out)
	}
	for i, file := range files {
		t.Run(strings.TrimSuffix(file, ".ipynb"), func(t *testing.T) {
			work := t.TempDir()
			for k := range all[i].bodies {
				start := time.Now()
				cmd := exec.Command(program, packageName(i), fmt.Sprint(k))
				cmd.Dir = work
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("cell %d: %v\n%s", all[i].at[k], err, out)
				}
				if len(out) == 0 {
					t.Errorf("cell %d shows nothing", all[i].at[k])
				}
				t.Logf("cell %d, %.1f s:\n%s", all[i].at[k], time.Since(start).Seconds(), out)
			}
		})
	}
}

func packageName(i int) string { return fmt.Sprintf("notebook%d", i) }

// mainSource is the program that runs one cell of one notebook.
func mainSource(n int) string {
	var imports, table strings.Builder
	for i := range n {
		fmt.Fprintf(&imports, "\t\"cells/%s\"\n", packageName(i))
		fmt.Fprintf(&table, "\t\t%q: %s.Cells,\n", packageName(i), packageName(i))
	}
	return "package main\n\nimport (\n\t\"os\"\n\t\"strconv\"\n\n" + imports.String() + ")\n\nfunc main() {\n" +
		"\tcells := map[string][]func(){\n" + table.String() + "\t}\n" +
		"\tk, err := strconv.Atoi(os.Args[2])\n\tif err != nil {\n\t\tpanic(err)\n\t}\n\tcells[os.Args[1]][k]()\n}\n"
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
