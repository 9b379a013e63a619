package main

import (
	"runtime"
	"strings"
	"testing"

	"sgdwalk/record/recordtest"
)

// TestPythonAnalyses: analyses in the process of a numpy model have the numbers of the model,
// leave it as it was, and turn every mistake and exception into one exception.
func TestPythonAnalyses(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no ps, with which the program counts its processes")
	}
	interpreter := recordtest.Python(t, "numpy")
	out, err := runPackage(t, interpreter, "../../notebooks/python/testdata/analyses.py", t.TempDir())
	if err != nil || strings.TrimSpace(out) != "ok" {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestPythonAnalysesTorch: training continues after an analysis as if there had been none;
// Ctrl-C keeps what is finished, and no process outlives the other one. The single file is
// tested, and the package by the other tests.
func TestPythonAnalysesTorch(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to end a process")
	}
	interpreter := recordtest.Python(t, "torch")
	out, err := runPython(t, interpreter, "../../notebooks/python/testdata/analyses_torch.py", t.TempDir())
	if err != nil || strings.TrimSpace(out) != "ok" {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestPythonAlign: permutations of the units of a torch network, applied in torch, give the
// same function and the losses of the result; wrong names of axes are found.
func TestPythonAlign(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	out, err := runPackage(t, interpreter, "../../notebooks/python/testdata/align_torch.py", t.TempDir())
	if err != nil || strings.TrimSpace(out) != "ok" {
		t.Fatalf("%v: %s", err, out)
	}
}
