package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sgdwalk/analyze/result"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
)

// plainSafetensors writes an iterate as a file of another program: tensors in the order of the
// layout, and no header of a run. width is 4 for float32 and 2 for bfloat16.
func plainSafetensors(l record.Layout, theta []float32, width int) []byte {
	header, values := map[string]any{}, []byte{}
	for _, t := range l {
		from := len(values)
		for _, v := range t.View(theta) {
			b := binary.LittleEndian.AppendUint32(nil, math.Float32bits(v))
			values = append(values, b[4-width:]...)
		}
		dtype := "F32"
		if width == 2 {
			dtype = "BF16"
		}
		header[t.Name] = map[string]any{"dtype": dtype, "shape": t.Shape, "data_offsets": []int{from, len(values)}}
	}
	text := must(json.Marshal(header))
	text = append(text, bytes.Repeat([]byte(" "), (8-len(text)%8)%8)...)
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text, values)
}

// foreign writes the iterates of a run as checkpoints of another program:
// OUT/step-N/model.safetensors.
func foreign(ts *testscript.TestScript, _ bool, args []string) {
	r, err := arrowfile.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer r.Close()
	width := 4
	if len(args) > 2 {
		width = 2
	}
	for i := range r.Len() {
		s, err := r.Read(i, record.ThetaPart)
		ts.Check(err)
		dir := filepath.Join(ts.MkAbs(args[1]), fmt.Sprintf("step-%d", s.Step))
		ts.Check(os.MkdirAll(dir, 0o777))
		ts.Check(os.WriteFile(filepath.Join(dir, "model.safetensors"),
			plainSafetensors(r.Header().Layout, s.Theta, width), 0o666))
	}
}

// sameResults checks that two results have the same files with the same bytes, and the same
// numbers in their summaries.
func sameResults(ts *testscript.TestScript, _ bool, args []string) {
	var summaries [2]json.RawMessage
	var files [2][]string
	for i := range summaries {
		doc, err := result.Read(ts.MkAbs(args[i]), nil)
		ts.Check(err)
		summaries[i], files[i] = doc.Summary.(json.RawMessage), doc.Files
	}
	if string(summaries[0]) != string(summaries[1]) || !slices.Equal(files[0], files[1]) || len(files[0]) == 0 {
		ts.Fatalf("summaries %s and %s, files %q", summaries[0], summaries[1], files)
	}
	for _, name := range files[0] {
		a, b := ts.ReadFile(filepath.Join(args[0], name)), ts.ReadFile(filepath.Join(args[1], name))
		if a != b {
			ts.Fatalf("%s differs", name)
		}
	}
}

// snapshot lists a folder with the sizes and times of its files, and compares the list with
// the one of the first call.
func snapshot(ts *testscript.TestScript, _ bool, args []string) {
	var list strings.Builder
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintln(&list, path, info.Size(), info.Mode(), info.ModTime().UnixNano())
		}
		return err
	}))
	at := ts.MkAbs(args[0] + ".list")
	if before, err := os.ReadFile(at); err == nil && string(before) != list.String() {
		ts.Fatalf("the folder was\n%s\nand is\n%s", before, list.String())
	}
	ts.Check(safefile.WriteBytes(at, []byte(list.String())))
}

func TestSeriesName(t *testing.T) {
	hash := strings.Repeat("0a", 20)
	dir := t.TempDir()
	for path, want := range map[string]string{
		"checkpoints": "checkpoints", "a/models--org--some-model": "some-model",
		"models--org--m/snapshots": "m", "models--org--m/snapshots/" + hash: "m", hash: hash,
		"snapshots": "snapshots",
	} {
		if got := seriesName(filepath.Join(dir, path)); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	for name, want := range map[string]string{
		"last.pth.tar": "last", "model.safetensors": "model", "model.safetensors.index.json": "model", "x": "x",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		if got := seriesName(path); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := seriesName("/"); got != "series" {
		t.Errorf("the root: %q", got)
	}
}
