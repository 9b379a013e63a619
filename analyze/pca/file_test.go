package pca_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze/pca"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// TestDamagedRun: rows are verified while they are read, by either way to the Gram
// matrix, and a flipped bit is an error whatever it made of the value: a number, a
// NaN, one in a coordinate that takes no part.
func TestDamagedRun(t *testing.T) {
	for _, n := range []int{12, 300} {
		const p = 2500
		tensors := []record.Tensor{
			{Name: "w", Kind: record.Weight, Shape: []int{1, p - 100}},
			{Name: "b", Kind: record.Bias, Shape: []int{100}},
		}
		h := &record.Header{
			Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true},
			Layout: record.Pack(tensors...),
		}
		dir := filepath.Join(t.TempDir(), "run")
		w, err := arrowfile.Create(dir, h, arrowfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		theta := make([]float32, p)
		for i := range n {
			for j := range theta {
				theta[j] += float32(math.Sin(float64(i*p + j*j)))
			}
			if err := w.Append(&record.Step{Step: int64(i), Theta: theta}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		fit := func() error {
			r, err := arrowfile.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			_, err = pca.Fit(context.Background(), r, pca.Options{Surrogates: -1})
			return err
		}
		if err := fit(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "steps-000000.arrow")
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// The last row, whose values are those of theta now.
		at := strings.Index(string(sound), string(littleEndian(theta)))
		if at < 0 {
			t.Fatal("the last row is not in the file")
		}
		for _, element := range []int{0, 1300, p - 101, p - 1} {
			for _, flip := range []byte{0x01, 0x40, 0x80} {
				b := slices.Clone(sound)
				b[at+4*element+3] ^= flip
				if err := os.WriteFile(path, b, 0o666); err != nil {
					t.Fatal(err)
				}
				var corrupt *arrowfile.CorruptError
				if err := fit(); !errors.As(err, &corrupt) || corrupt.Row != int64(n-1) {
					t.Errorf("%d rows, element %d, bits %#x: got %v", n, element, flip, err)
				}
			}
		}
	}
}

func littleEndian(v []float32) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}
