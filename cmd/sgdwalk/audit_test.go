package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// flipBit changes one bit of the last value of a file, and keeps the time of the file.
func flipBit(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	info, err := os.Stat(path)
	ts.Check(err)
	b, err := os.ReadFile(path)
	ts.Check(err)
	b[len(b)-3] ^= 1
	ts.Check(os.WriteFile(path, b, 0o666))
	ts.Check(os.Chtimes(path, info.ModTime(), info.ModTime()))
}

var stepInName = regexp.MustCompile(`step-0*(\d+)\.`)

// hubCache puts the files of a folder into a folder with the layout of the cache of the Hugging
// Face hub: the contents are in blobs, each revision is a folder of links in snapshots, and
// refs has the names of the revisions. Every checkpoint has a second file, as a tokenizer is.
func hubCache(ts *testscript.TestScript, _ bool, args []string) {
	model := ts.MkAbs(args[1])
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, dir := range []string{"blobs", "refs"} {
		ts.Check(os.MkdirAll(filepath.Join(model, dir), 0o777))
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), e.Name()))
		ts.Check(err)
		step := "step" + stepInName.FindStringSubmatch(e.Name())[1]
		sum := sha1.Sum([]byte(e.Name()))
		commit := hex.EncodeToString(sum[:])
		snapshot := filepath.Join(model, "snapshots", commit)
		ts.Check(os.MkdirAll(snapshot, 0o777))
		ts.Check(os.WriteFile(filepath.Join(model, "refs", step), []byte(commit), 0o666))
		for name, content := range map[string][]byte{"model.safetensors": b, "tokenizer.json": []byte("{}")} {
			blob := sha256.Sum256(content)
			target := hex.EncodeToString(blob[:])
			ts.Check(os.WriteFile(filepath.Join(model, "blobs", target), content, 0o666))
			ts.Check(os.Symlink(strings.Join([]string{"..", "..", "blobs", target}, string(filepath.Separator)),
				filepath.Join(snapshot, name)))
		}
	}
}
