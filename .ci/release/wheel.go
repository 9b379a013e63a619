package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"
)

// packageDir has the Python package.
const packageDir = "notebooks/python/sgdwalk"

// released is the time of all files in wheels and archives. ZIP has no earlier year.
var released = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// entry is a file of a wheel or an archive.
type entry struct {
	name    string // with slashes
	content []byte
	isExec  bool
}

// writeWheel writes a wheel (PEP 427) with the package and the program, and returns its name.
// pip puts what is in data/scripts on the PATH of the environment.
func writeWheel(dir, version string, p platform, program []byte) (string, error) {
	files, err := packageFiles()
	if err != nil {
		return "", err
	}
	license, err := os.ReadFile("LICENSE")
	if err != nil {
		return "", err
	}
	info := "sgdwalk-" + version + ".dist-info/"
	files = append(files,
		entry{"sgdwalk-" + version + ".data/scripts/" + p.program(), program, true},
		entry{info + "METADATA", metadata(version), false},
		entry{info + "WHEEL", []byte("Wheel-Version: 1.0\nGenerator: sgdwalk\nRoot-Is-Purelib: false\nTag: py3-none-" + p.wheel + "\n"), false},
		entry{info + "licenses/LICENSE", license, false},
	)
	slices.SortFunc(files, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	files = append(files, entry{info + "RECORD", recordOf(files, info+"RECORD"), false})
	name := fmt.Sprintf("sgdwalk-%s-py3-none-%s.whl", version, p.wheel)
	b, err := zipOf(files)
	if err != nil {
		return "", err
	}
	return name, os.WriteFile(filepath.Join(dir, name), b, 0o666)
}

// packageFiles returns the modules of the package, and the mark that it has types.
func packageFiles() ([]entry, error) {
	list, err := os.ReadDir(packageDir)
	if err != nil {
		return nil, err
	}
	var files []entry
	for _, f := range list {
		if ext := path.Ext(f.Name()); f.IsDir() || ext != ".py" && f.Name() != "py.typed" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(packageDir, f.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, entry{"sgdwalk/" + f.Name(), b, false})
	}
	return files, nil
}

// metadata describes the package for pip. numpy is the only dependency.
func metadata(version string) []byte {
	return []byte(`Metadata-Version: 2.1
Name: sgdwalk
Version: ` + version + `
Summary: Record every step of a training run, and analyze the walk of stochastic gradient descent
License: Apache-2.0
Requires-Python: >=3.9
Requires-Dist: numpy>=1.20
Provides-Extra: torch
Requires-Dist: torch>=1.13; extra == "torch"
Description-Content-Type: text/markdown

sgdwalk records the parameters, gradients and losses of every step of a training run, and
analyzes the recorded walk: principal directions, the loss between iterates, landscapes with the
path on them, curvature. The program is in the wheel; the package uses it.
`)
}

// recordOf lists the files with their hashes; the list itself has none.
func recordOf(files []entry, self string) []byte {
	var text bytes.Buffer
	for _, f := range files {
		sum := sha256.Sum256(f.content)
		fmt.Fprintf(&text, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.content))
	}
	fmt.Fprintf(&text, "%s,,\n", self)
	return text.Bytes()
}

// zipOf returns a zip archive whose bytes depend on the files alone.
func zipOf(files []entry) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: released}
		h.SetMode(modeOf(f))
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func modeOf(f entry) os.FileMode {
	if f.isExec {
		return 0o755
	}
	return 0o644
}
