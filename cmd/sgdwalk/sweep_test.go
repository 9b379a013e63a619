package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// samestart checks that the first iterates of all runs of a sweep are the same to
// the last bit, and that their last ones are not.
func samestart(ts *testscript.TestScript, _ bool, args []string) {
	runs, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "cells", "*"))
	ts.Check(err)
	if len(runs) < 2 {
		ts.Fatalf("%d runs", len(runs))
	}
	var first, last []float32
	for i, dir := range runs {
		r, err := arrowfile.Open(dir)
		ts.Check(err)
		defer r.Close()
		start, err := r.Read(0, record.AllParts)
		ts.Check(err)
		end, err := r.Read(r.Len()-1, record.AllParts)
		ts.Check(err)
		if i > 0 && !slices.Equal(start.Theta, first) {
			ts.Fatalf("%s does not start where %s does", dir, runs[0])
		}
		if i > 0 && slices.Equal(end.Theta, last) {
			ts.Fatalf("%s ends where the run before it does", dir)
		}
		first, last = start.Theta, end.Theta
	}
}

// killsweep sends the program a signal in the middle of a sweep: when a cell has
// begun its last epochs and not all have.
func killsweep(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[2])
	cmd := exec.Command(ts.Getenv("SGDWALK"), "sweep", ts.MkAbs(args[1]), "--out", dir)
	ts.Check(cmd.Start())
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		begun := 0
		runs, _ := filepath.Glob(filepath.Join(dir, "cells", "*"))
		for _, run := range runs {
			if r, err := arrowfile.Open(run); err == nil {
				begun = max(begun, r.Len())
				r.Close()
			}
		}
		if begun > 200 {
			break
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no cell has begun after a minute")
		}
	}
	signal := os.Signal(os.Interrupt)
	if args[0] == "KILL" {
		signal = os.Kill
	}
	ts.Check(cmd.Process.Signal(signal))
	if err := cmd.Wait(); err == nil {
		ts.Fatalf("the sweep had ended before it was stopped")
	}
}
