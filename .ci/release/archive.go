package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeArchive writes the program with the license, the README, its picture and all pages, whose links
// to one another work in the archive too. It returns the name of the archive: zip for Windows, tar.gz for others.
func writeArchive(dir, version string, p platform, program []byte) (string, error) {
	top := fmt.Sprintf("sgdwalk-%s-%s", version, p)
	files := []entry{{top + "/" + p.program(), program, true}}
	pages, err := pages()
	if err != nil {
		return "", err
	}
	for _, name := range append([]string{"LICENSE", "testdata/readme/landscape.png"}, pages...) {
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

// pages returns the names of all pages of the source, with slashes and in order.
func pages() ([]string, error) {
	var names []string
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case filepath.Ext(name) == ".md":
			names = append(names, filepath.ToSlash(name))
		}
		return nil
	})
	return names, err
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
