package exchange

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
)

// TestTies: a series in which every file lists tied tensors in another way is the
// series of the same tensors.
func TestTies(t *testing.T) {
	a := vector("FloatStorage", "0", 2)
	bias := vector("FloatStorage", "1", 3)
	torch := func(value pairs) []byte {
		return torchZip(t, value, "x/data/0", eighths(2, binary.LittleEndian), "x/data/1",
			eighths(3, binary.LittleEndian))
	}
	values, biases := []float32{0, 0.125}, []float32{0, 0.125, 0.25}
	files := map[string][]byte{
		"a first.pt":         torch(pairs{"a", a, "b", a, "bias", bias}),
		"b first.pt":         torch(pairs{"b", a, "bias", bias, "a", a}),
		"only a.safetensors": safetensorsOf(t, nil, f32("a", values, 2), f32("bias", biases, 3)),
		"only b.safetensors": safetensorsOf(t, nil, f32("b", values, 2), f32("bias", biases, 3)),
		"metadata.safetensors": safetensorsOf(t, map[string]string{"format": "pt", "b": "a"}, f32("a", values, 2),
			f32("bias", biases, 3)),
	}
	want := record.Pack(record.Tensor{Name: "a", Kind: record.Other, Shape: []int{2}},
		record.Tensor{Name: "bias", Kind: record.Bias, Shape: []int{3}})
	for _, order := range [][]string{
		{"a first.pt", "b first.pt"},
		{"a first.pt", "only b.safetensors", "only a.safetensors"},
		{"metadata.safetensors", "only b.safetensors"},
		{"metadata.safetensors", "b first.pt"},
	} {
		dir := t.TempDir()
		for i, name := range order {
			save(t, dir, fmt.Sprintf("step_%d%s", i, filepath.Ext(name)), files[name])
		}
		m, warnings, err := load([]string{dir}, ImportOptions{})
		if err != nil {
			t.Errorf("%q: %v", order, err)
			continue
		}
		if !m.Header().Layout.Equal(want) {
			t.Errorf("%q: layout %v", order, m.Header().Layout)
		}
		for i := range m.Len() {
			if s, err := m.Read(i, record.AllParts); err != nil ||
				!slices.Equal(s.Theta, slices.Concat(values, biases)) {
				t.Errorf("%q: row %d is %v, %v", order, i, s.Theta, err)
			}
		}
		if slices.Contains(order, "only b.safetensors") &&
			!strings.Contains(strings.Join(warnings, "\n"), `tensor "b" is read as "a"`) {
			t.Errorf("%q: notes %q", order, warnings)
		}
	}
	dir := t.TempDir()
	save(t, dir, "step_0.safetensors", files["only a.safetensors"])
	save(t, dir, "step_1.safetensors", files["only b.safetensors"])
	if _, _, err := load([]string{dir}, ImportOptions{}); err == nil ||
		!strings.Contains(err.Error(), `has no tensor "a"`) {
		t.Errorf("nothing says that a and b are tied: %v", err)
	}
}
