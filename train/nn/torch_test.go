package nn

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sgdwalk/record/recordtest"
	"sgdwalk/train/nn/op"
)

// TestPythonProduct compares float32 products with those of PyTorch's double
// backward in float64, at the same parameters and batches. The tolerance is
// relative to the product's length; sums over a few thousand float32 products stay
// below it.
func TestPythonProduct(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	work, products, rows := t.TempDir(), map[string][]float32{},
		map[string]int{"mlp128": 100, "lenet": 10, "resnet8": 4}
	for _, c := range productBenchmarks {
		f := build[float32](t, c.spec, c.in, rows[c.name], 2, 3)
		e := newEvaluator(t, c.spec, c.in, f.inputs, f.labels, EvalOptions{Policy: Batch, Workers: 2})
		v, dir := direction[float32](len(f.theta), 5), filepath.Join(work, c.name)
		products[c.name] = products32(t, e, op.Hessian, f.theta, v)[0]
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string]any{"theta": f.theta, "v": v, "x": f.inputs, "y": f.labels} {
			var to bytes.Buffer
			if err := binary.Write(&to, binary.LittleEndian, data); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), to.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out, err := exec.Command(interpreter, "testdata/pytorch.py", "--product", work).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, got := range products {
		text, err := os.ReadFile(filepath.Join(work, name, "product"))
		if err != nil {
			t.Fatal(err)
		}
		want := make([]float64, len(got))
		if err := binary.Read(bytes.NewReader(text), binary.LittleEndian, want); err != nil {
			t.Fatal(err)
		}
		if d := relative(got, want); !(d <= 1e-5) {
			t.Errorf("%s: differs by %.2g", name, d)
		}
	}
}
