package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// elsewhere writes the first rows of a run as another program would have kept them:
// NumPy archives with an array a tensor and nothing else, one a step, and all of
// them as one flat array theta.
func elsewhere(ts *testscript.TestScript, _ bool, args []string) {
	r, err := arrowfile.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer r.Close()
	dir := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(dir, 0o777))
	const rows = 5
	var flat []float32
	for i := range rows {
		theta, err := record.ThetaOf(r, i)
		ts.Check(err)
		flat = append(flat, theta...)
		var arrays []npzArray
		for _, t := range r.Header().Layout {
			arrays = append(arrays, npzArray{t.Name, npy(t.View(theta), t.Shape...)})
		}
		ts.Check(writeNPZ(filepath.Join(dir, fmt.Sprintf("ckpt-%d.npz", i)), arrays))
	}
	ts.Check(writeNPZ(ts.MkAbs(args[2]), []npzArray{{"theta", npy(flat, rows, len(flat)/rows)}}))
}

// npy is an array in NumPy's format, version 1.0.
func npy(v []float32, shape ...int) []byte {
	text := ""
	for _, n := range shape {
		text += fmt.Sprintf("%d, ", n)
	}
	text = fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", text)
	text += strings.Repeat(" ", 63-(10+len(text))%64) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(text)), byte(len(text)>>8))
	b = append(b, text...)
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// npzArray is an array of an archive.
type npzArray struct {
	name string
	npy  []byte
}

func writeNPZ(path string, arrays []npzArray) error {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, a := range arrays {
		w, err := z.Create(a.name + ".npy")
		if err != nil {
			return err
		}
		if _, err := w.Write(a.npy); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}
