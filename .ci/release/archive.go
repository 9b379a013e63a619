package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
)

// writeArchive writes the program with the license and pages, whose links to one another work in the archive too.
// It returns the name of the archive: zip for Windows, tar.gz for others.
func writeArchive(dir, version string, p platform, program []byte) (string, error) {
	top := fmt.Sprintf("sgdwalk-%s-%s", version, p)
	files := []entry{{top + "/" + p.program(), program, true}}
	for _, name := range append([]string{"LICENSE"}, pages...) {
		b, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			return "", err
		}
		files = append(files, entry{top + "/" + name, b, false})
	}
	name, pack := top+".tar.gz", tarOf
	if p.goos == "windows" {
		name, pack = top+".zip", zipOf
	}
	b, err := pack(files)
	if err != nil {
		return "", err
	}
	return name, os.WriteFile(filepath.Join(dir, name), b, 0o666)
}

// pages are the pages that a user without a clone needs. Pictures would make the archive larger than 15 MB.
var pages = []string{
	"README.md", "notebooks/LEARN.md", "analyze/MEANING.md", "analyze/GLOSSARY.md", "cmd/sgdwalk/REFERENCE.md",
	"cmd/sgdwalk/CHANGELOG.md",
}

// tarOf returns a compressed tar archive whose bytes depend on the files alone.
func tarOf(files []entry) ([]byte, error) {
	var out bytes.Buffer
	g, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(g)
	for _, f := range files {
		h := &tar.Header{
			Name: f.name, Mode: int64(modeOf(f)), Size: int64(len(f.content)), ModTime: released, Typeflag: tar.TypeReg,
			Format: tar.FormatUSTAR,
		}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	if err := g.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
