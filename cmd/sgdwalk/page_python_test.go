package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"sgdwalk/record/recordtest"
)

const pythonPage = "../../notebooks/python/README.md"

// pythonBlocks returns the Python code blocks of a page, in their order and without the
// indentation that they have in a list.
func pythonBlocks(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	fence := regexp.MustCompile("(?ms)^( *)```python\n(.*?)^ *```$")
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, strings.ReplaceAll("\n"+m[2], "\n"+m[1], "\n")[1:])
	}
	return blocks
}

// TestPythonPage runs the code of the page for PyTorch users: the first two blocks draw the
// picture that the page shows, and all blocks run in the order of the page.
func TestPythonPage(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	blocks := pythonBlocks(t, pythonPage)
	if len(blocks) < 4 {
		t.Fatalf("the page has %d blocks of Python", len(blocks))
	}
	lines := 0
	for line := range strings.Lines(blocks[0]) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	if lines != 15 {
		t.Errorf("the first block has %d lines; the page says fifteen", lines)
	}
	// What the blocks below the picture take from the user's own script.
	names := `
loader = list(zip(x.split(50), y.split(50)))
criterion, epochs, images, targets = F.cross_entropy, 2, x, y
`
	dir := t.TempDir()
	for name, text := range map[string]string{
		"picture.py": blocks[0] + blocks[1],
		"all.py":     blocks[0] + names + strings.Join(blocks[1:], "\n"),
	} {
		work := filepath.Join(dir, name+"-run")
		write := func(file, text string) {
			if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Mkdir(work, 0o777); err != nil {
			t.Fatal(err)
		}
		write(filepath.Join(work, name), "import os\nos.chdir("+fmt.Sprintf("%q", work)+")\n"+text)
		out, err := runPackage(t, interpreter, filepath.Join(work, name))
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		for _, want := range []string{"landscape of run", "contours near the path can be trusted"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s prints %q; want %q", name, out, want)
			}
		}
		shown, drawn := "../../notebooks/python/landscape.png", filepath.Join(work, "landscape.png")
		if d := difference(t, shown, drawn); d > 0.02 {
			t.Errorf("%s draws another picture than the page shows: %.2g of their pixels differ (%s)", name, d, drawn)
		}
	}
	// The comparison would notice another picture.
	other := filepath.Join(dir, "picture.py-run", "other.png")
	out, err := runPackage(t, interpreter, "-c", strings.NewReplacer("lr=0.05", "lr=0.2", `"run"`, fmt.Sprintf("%q", dir+"/other"),
		`"landscape.png"`, fmt.Sprintf("%q", other)).Replace(blocks[0]+blocks[1]))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if d := difference(t, "../../notebooks/python/landscape.png", other); d < 0.1 {
		t.Errorf("the picture of another learning rate has only %.2g other pixels", d)
	}
}

// difference returns the share of pixels whose color differs visibly.
func difference(t *testing.T, first, second string) float64 {
	t.Helper()
	var images [2]image.Image
	for i, file := range []string{first, second} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if images[i], err = png.Decode(bytes.NewReader(data)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	a, b := images[0], images[1]
	if a.Bounds() != b.Bounds() {
		return 1
	}
	const visible = 0x2000 // of 0xffff
	count := 0
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			r, g, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			if max(apart(r, r2), apart(g, g2), apart(b1, b2)) > visible {
				count++
			}
		}
	}
	return float64(count) / float64(a.Bounds().Dx()*a.Bounds().Dy())
}

func apart(a, b uint32) uint32 { return max(a, b) - min(a, b) }

// TestPythonQuestions: the answers of the page to questions that no other test asks.
func TestPythonQuestions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to end a process")
	}
	interpreter := recordtest.Python(t, "torch")
	if out, err := exec.Command(interpreter, "-c", "import torch.distributed as d; assert d.is_available()").CombinedOutput(); err != nil {
		t.Skipf("this PyTorch has no torch.distributed: %s", out)
	}
	out, err := runPackage(t, interpreter, "../../notebooks/python/testdata/questions.py", t.TempDir())
	if err != nil || strings.TrimSpace(out) != "ok" {
		t.Fatalf("%v: %s", err, out)
	}
}
