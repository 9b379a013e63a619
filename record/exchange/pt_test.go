package exchange

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
)

const torchDir = "testdata/torch/"

// rowOf imports one file and returns its row by tensor.
func rowOf(t *testing.T, path string) (map[string][]float32, *Import, record.Step) {
	t.Helper()
	im, err := openBoth([]string{path}, ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := record.NewMemory(im.Header())
	if err != nil {
		t.Fatal(err)
	}
	if err := im.CopyTo(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	s, err := m.Read(0, record.AllParts)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]float32)
	for _, l := range im.Header().Layout {
		out[l.Name] = l.View(s.Theta)
	}
	return out, im, s
}

// TestTorch: what torch.save writes, alone and within a checkpoint, with strides,
// and types that are widened, rounded or left out.
func TestTorch(t *testing.T) {
	want := map[string][]float32{
		"view":   {0, 3, 1, 4, 2, 5},
		"half":   {1.5, 1.5, 1.5, 1.5},
		"brain":  {2.25, 2.25, 2.25},
		"double": {1. / 3, 1. / 3},
		"scalar": {-7},
		// element (i, j) of the transposed 3 x 4 matrix is 4 j + i
		"conv.weight": {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11},
	}
	for _, name := range []string{"zip.pt", "nested.pt"} {
		got, im, s := rowOf(t, torchDir+name)
		if len(got) != len(want) {
			t.Errorf("%s: %d tensors; want %d", name, len(got), len(want))
		}
		for tensor, v := range want {
			if !slices.Equal(got[tensor], v) {
				t.Errorf("%s: %s is %v; want %v", name, tensor, got[tensor], v)
			}
		}
		text := strings.Join(im.Warnings, "\n")
		for _, note := range []string{
			"float16 is widened", "bfloat16 is widened", "float64 is rounded",
			`"num_batches_tracked"`,
		} {
			if !strings.Contains(text, note) {
				t.Errorf("%s: nothing is said of %s: %s", name, note, text)
			}
		}
		if name == "nested.pt" && (s.Step != 300 || s.Epoch != 2) {
			t.Errorf("%s: step %d, epoch %d; want those of the checkpoint, 300 and 2", name, s.Step, s.Epoch)
		}
	}
}

// TestTorchRefused: one clear line for what holds no state dict.
func TestTorchRefused(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage.pt")
	if err := os.WriteFile(garbage, []byte("PK\x03\x04 and nothing that is a zip"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		torchDir + "list.pt":  "it holds a list; only a state dict can be read",
		torchDir + "empty.pt": `"loss"`, garbage: "it begins like a zip archive",
		torchDir + "legacy.pt": "save it again with a newer PyTorch",
	} {
		_, err := openBoth([]string{path}, ImportOptions{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want a line with %q", path, err, want)
		}
	}
}

// TestTorchDamaged cuts files and flips bits in them: an error or tensors, and no
// panic.
func TestTorchDamaged(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	refused := 0
	text, err := os.ReadFile(torchDir + "zip.pt")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		bad := slices.Clone(text)
		if i%3 == 0 {
			bad = bad[:rng.IntN(len(bad))]
		} else {
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		}
		path := filepath.Join(t.TempDir(), "bad.pt")
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		c, err := openContainer(path, "")
		if err != nil {
			refused++
			continue
		}
		for j := range c.arrays {
			a := &c.arrays[j]
			if a.element.isFloat() {
				_ = c.floats(a, make([]float32, a.length()))
			}
		}
		c.Close()
	}
	if refused < 150 {
		t.Errorf("only %d of 300 damaged files are refused", refused)
	}
}
