package exchange

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/record"
)

// npyFloats writes a .npy file of float32 by hand, as numpy does.
func npyFloats(shape string, values ...float32) []byte {
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shape)
	for (10+len(head)+1)%64 != 0 {
		head += " "
	}
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(head)+1), byte((len(head)+1)>>8))
	b = append(append(b, head...), '\n')
	for _, v := range values {
		bits := math.Float32bits(v)
		b = append(b, byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24))
	}
	return b
}

func TestVectors(t *testing.T) {
	layout := record.Pack(
		record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, 2}},
		record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{1}},
	)
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	got, err := Vectors(write("two.npy", npyFloats("(2, 3)", 1, 2, 3, 4, 5, 6)), layout)
	if err != nil || len(got) != 2 || fmt.Sprint(got) != "[{theta[0] [1 2 3]} {theta[1] [4 5 6]}]" {
		t.Errorf("two rows: %v, %v", got, err)
	}
	got, err = Vectors(write("one.npy", npyFloats("(3,)", 1, 2, 3)), layout)
	if err != nil || fmt.Sprint(got) != "[{theta [1 2 3]}]" {
		t.Errorf("one vector: %v, %v", got, err)
	}

	m, err := record.NewMemory(&record.Header{
		Format: record.FormatVersion, DType: "float32",
		Columns: record.Columns{Theta: true}, Layout: layout,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Append(&record.Step{Theta: []float32{7, 8, 9}}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteSafetensors(&b, m, 0); err != nil {
		t.Fatal(err)
	}
	got, err = Vectors(write("checkpoint.safetensors", b.Bytes()), layout)
	if err != nil || fmt.Sprint(got) != "[{checkpoint.safetensors [7 8 9]}]" {
		t.Errorf("a checkpoint: %v, %v", got, err)
	}

	other := record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{1, 4}},
		record.Tensor{Name: "b", Kind: record.Bias, Shape: []int{1}})
	for _, c := range []struct {
		path   string
		layout record.Layout
		want   string
	}{
		{
			write("long.npy", npyFloats("(4,)", 1, 2, 3, 4)), layout,
			`array "theta" has shape [4]; a direction of this model has 3 elements`,
		},
		{write("flat.npy", npyFloats("(0, 3)")), layout, "shape [0 3]"},
		{
			filepath.Join(dir, "checkpoint.safetensors"), other,
			`array "w" has shape [1 2] and type float32; the model's tensor has shape [1 4]`,
		},
		{write("text.txt", []byte("0.1\n0.2\n")), layout, `its format is not known: it begins with "0.1`},
		{filepath.Join(dir, "none.npy"), layout, "no such file"},
	} {
		if _, err := Vectors(c.path, c.layout); err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want %q", c.path, err, c.want)
		}
	}
}
