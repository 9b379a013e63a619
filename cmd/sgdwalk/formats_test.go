package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train/nn/kernel"
)

// TestEarlierFormats: runs that the programs of every earlier format trained are read, analyzed, trained again from
// their headers bit for bit, and are the same run: the first rows of every format are those of the newest one.
func TestEarlierFormats(t *testing.T) {
	t.Parallel()
	trained := func(format int) string {
		// A copy: an analysis writes into the run.
		dir := filepath.Join(t.TempDir(), "run")
		source := fmt.Sprintf("../../record/arrowfile/testdata/format%d-trained", format)
		if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
			t.Fatalf("format %d has no trained run: %v; train one with --data digits --model mlp:2 --batch 500 --epochs 1 "+
				"--grad, and keep it in %s", format, err, source)
		}
		return dir
	}
	newest := trained(record.FormatVersion)
	for format := 1; format <= record.FormatVersion; format++ {
		dir := trained(format)
		wantStatus(t, exitOK, "verify", dir)
		if slices.Contains(kernel.Available(), "avx2") { // which trained them
			wantStatus(t, exitOK, "verify", "--replay", dir)
		}
		wantStatus(t, exitOK, "path", dir)
		wantStatus(t, exitOK, "walk", dir)
		if err := compareRows(dir, newest); err != nil {
			t.Errorf("format %d: %v", format, err)
		}
	}
}
