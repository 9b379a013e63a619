//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/record/recordtest"
)

// TestPythonKilled: the script is killed while steps that it has sent are in the shared memory, and the program has
// not read them. The program writes them.
func TestPythonKilled(t *testing.T) {
	interpreter := recordtest.Python(t, "numpy")
	for _, memory := range []bool{true, false} {
		dir := filepath.Join(t.TempDir(), "run")
		script := `
import os, signal, sys
import numpy as np
import sgdwalk
if sys.argv[2] == "false":
    def refuse(offer):
        raise OSError("not here")
    sgdwalk.FrameMemory = refuse
w = np.zeros((100, 100), np.float32)
recorder = sgdwalk.Recorder({"w": w}, out=sys.argv[1])
for k in range(8):
    if k == 6:
        os.kill(recorder._process.pid, signal.SIGSTOP)
    recorder.step(1.0)
    w += 1
print(recorder._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
`
		out, err := runPython(t, interpreter, "-c", script, dir, fmt.Sprint(memory))
		var pid int
		if _, e := fmt.Sscan(out, &pid); err == nil || e != nil {
			t.Fatalf("%v, %v: %s", err, e, out)
		}
		if process, err := os.FindProcess(pid); err != nil || process.Signal(syscall.SIGCONT) != nil {
			t.Fatal(err)
		}
		for range 1000 { // it is the child of no one who waits for it
			if _, err := os.Stat(filepath.Join(dir, recorder.IngestName)); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		s := end(t, dir)
		if s.Status != "unfinished" || s.Frames != 8 || s.Rows != 8 || (s.Memory == 8) != memory {
			t.Errorf("memory %v: %+v", memory, s)
		}
		if noted := strings.Contains(strings.Join(s.Notes, ""), "memory could not be shared: not here"); noted == memory {
			t.Errorf("memory %v: notes %q", memory, s.Notes)
		}
		r := must(arrowfile.Open(dir))
		for i := range r.Len() {
			if theta := must(r.Read(i, record.AllParts)).Theta; theta[0] != float32(i) || theta[9999] != float32(i) {
				t.Errorf("memory %v: row %d has theta %v", memory, i, theta[0])
			}
		}
		r.Close()
		wantStatus(t, exitOK, "verify", dir)
	}
}

// TestPythonFullDisk: step() raises the program's own message when the disk is full.
func TestPythonFullDisk(t *testing.T) {
	interpreter := recordtest.Python(t, "numpy")
	dir := filepath.Join(t.TempDir(), "run")
	program := filepath.Join(t.TempDir(), "limited")
	text := fmt.Sprintf("#!/bin/sh\nexec '%s' 1300000 \"$@\"\n", must(exec.LookPath(limitedName)))
	if err := os.WriteFile(program, []byte(text), 0o777); err != nil {
		t.Fatal(err)
	}
	out, err := runPython(t, interpreter, "-c", `
import sys
import numpy as np
from sgdwalk import Recorder, RecorderError
w = np.zeros((100, 100), np.float32)
recorder = Recorder({"w": w}, out=sys.argv[1], program=sys.argv[2])
try:
    for k in range(200):
        recorder.step(1.0)
        w += 1
except RecorderError as e:
    print(e)
recorder.close()
`, dir, program)
	if err != nil || !strings.Contains(out, "file too large") || strings.Count(out, "\n") != 1 {
		t.Errorf("%v: %s", err, out)
	}
	if s := end(t, dir); s.Status != "failed" || s.Rows < 20 || s.Memory == 0 {
		t.Errorf("%+v", s)
	}
	wantStatus(t, exitOK, "verify", dir)
}
