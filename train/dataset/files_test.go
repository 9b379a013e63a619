package dataset

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// idx builds an IDX file of unsigned bytes.
func idx(magic uint32, values []byte, extents ...uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, magic)
	for _, e := range extents {
		b = binary.BigEndian.AppendUint32(b, e)
	}
	return append(b, values...)
}

// compress returns b as a gzip file.
func compress(t *testing.T, b []byte) []byte {
	t.Helper()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z.Bytes()
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

// writePart writes n examples whose pixels count up and whose labels are i%10.
func writePart(t *testing.T, dir, part, between, end string, n, h, w int) {
	t.Helper()
	pixels, labels := make([]byte, n*h*w), make([]byte, n)
	for i := range pixels {
		pixels[i] = byte(i)
	}
	for i := range labels {
		labels[i] = byte(i % 10)
	}
	images := idx(0x0803, pixels, uint32(n), uint32(h), uint32(w))
	marks := idx(0x0801, labels, uint32(n))
	if end == ".gz" {
		images, marks = compress(t, images), compress(t, marks)
	}
	write(t, filepath.Join(dir, part+"-images"+between+"idx3-ubyte"+end), images)
	write(t, filepath.Join(dir, part+"-labels"+between+"idx1-ubyte"+end), marks)
}

func TestMNISTSpellings(t *testing.T) {
	var hash string
	for _, end := range []string{"", ".gz"} {
		for _, between := range []string{"-", "."} {
			dir := t.TempDir()
			writePart(t, dir, "train", between, end, 20, 3, 4)
			writePart(t, dir, "t10k", between, end, 6, 3, 4)
			d := mustOpen(t, "fashion:"+dir, Options{})
			if d.Train.Len() != 20 || d.Test.Len() != 6 || d.Train.Height != 3 || d.Train.Width != 4 {
				t.Errorf("%q%q: %+v", between, end, d.Header())
			}
			const split = "the 20 examples of the published training part train, " +
				"the 6 of the published test part are held out"
			if d.Split != split {
				t.Errorf("split is %q", d.Split)
			}
			if v := d.Train.Example(1)[5]; v != 17./255 {
				t.Errorf("pixel 17 became %v", v)
			}
			if hash == "" {
				hash = d.Hash
			}
			if d.Hash != hash {
				t.Errorf("%q%q: the spelling changes the hash", between, end)
			}
			if _, err := Open("fashion:"+dir, Options{Holdout: 0.5}); err == nil ||
				!strings.Contains(err.Error(), "holdout or spread is given; allowed is neither here") {
				t.Errorf("holdout on two parts: %v", err)
			}
		}
	}
}

// TestMNISTDamage breaks one file at a time; every error names it.
func TestMNISTDamage(t *testing.T) {
	const images, labels = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
	good := idx(0x0803, make([]byte, 20*3*4), 20, 3, 4)
	for _, c := range []struct {
		name, file string
		content    []byte // nil removes the file
		want       string
	}{
		{"labels missing", labels, nil, images + " has no " + labels + " next to it"},
		{"images missing", images, nil, labels + " has no " + images + " next to it"},
		{"empty", images, []byte{}, images + ": the file ends after 0 bytes, its header has 16"},
		{"short header", images, good[:10], images + ": the file ends after 10 bytes, its header has 16"},
		{
			"magic of labels", images, idx(0x0801, make([]byte, 240), 20, 3, 4),
			images + ": the magic number is 0x00000801, not 0x00000803",
		},
		{"floats", images, idx(0x0d03, make([]byte, 240), 20, 3, 4), "the magic number is 0x00000d03"},
		{
			"truncated", images, good[:len(good)-1],
			images + ": the file ends after 239 values, its header announces 240",
		},
		{"trailing", images, append(bytes.Clone(good), 0), images + ": the file has more bytes than the 240 values"},
		{"no pixels", images, idx(0x0803, nil, 20, 0, 4), images + ": extent 2 is 0; extents are at least 1"},
		{"no images", images, idx(0x0803, nil, 0, 3, 4), images + ": extent 1 is 0"},
		{"huge", images, idx(0x0803, make([]byte, 240), 0xffffffff, 3, 4), images + ": extent 1 is 4294967295"},
		{
			"huge product", images, idx(0x0803, make([]byte, 240), 1<<20, 1<<10, 1<<10),
			images + ": extent 3 is 1024; extents are at least 1 and their product at most 2147483647",
		},
		{
			"large and absent", images, idx(0x0803, make([]byte, 240), 1<<10, 1<<10, 1<<10),
			images + ": the file ends after 240 values, its header announces 1073741824",
		},
		{"fewer images", images, idx(0x0803, make([]byte, 19*12), 19, 3, 4), images + " has 19 images, but "},
		{
			"label 10", labels, idx(0x0801, append(make([]byte, 19), 10), 20),
			labels + ": label 19 is 10; labels are 0 to 9",
		},
		{
			"labels trailing", labels, idx(0x0801, make([]byte, 21), 20),
			labels + ": the file has more bytes than the 20",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			writePart(t, dir, "train", "-", "", 20, 3, 4)
			path := filepath.Join(dir, c.file)
			if c.content == nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, path, c.content)
			}
			_, err := Open("mnist:"+dir, Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one line with %q", err, c.want)
			}
		})
	}
}

// TestClasses reads more than ten classes, and refuses a label above the last one.
func TestClasses(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "train-images-idx3-ubyte"), idx(0x0803, make([]byte, 20*2*3), 20, 2, 3))
	write(t, filepath.Join(dir, "train-labels-idx1-ubyte"), idx(0x0801, append(make([]byte, 19), 46), 20))
	d := mustOpen(t, "mnist:"+dir+"?classes=47", Options{})
	if d.Train.Classes != 47 || d.Test.Labels[len(d.Test.Labels)-1] != 46 || d.Header().Classes != 47 {
		t.Errorf("%d classes, labels %v", d.Train.Classes, d.Test.Labels)
	}
	if again := mustOpen(t, d.Spec, Options{}); again.Hash != d.Hash || !strings.HasSuffix(d.Spec, "?classes=47") {
		t.Errorf("the canonical spec %q opens other data", d.Spec)
	}
	for spec, want := range map[string]string{
		"mnist:" + dir + "?classes=46":   "label 19 is 46; labels are 0 to 45",
		"mnist:" + dir + "?classes=1":    "classes is 1; allowed is 2 to 256",
		"mnist:" + dir + "?classes=257":  "classes is 257; allowed is 2 to 256",
		"fashion:" + dir + "?classes=47": "option of the data set fashion is \"classes\"",
		"digits?classes=10":              "option of the data set digits is \"classes\"",
	} {
		if _, err := Open(spec, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", spec, err, want)
		}
	}
}

// TestIDXCutAnywhere cuts a compressed and a plain file after every byte: always
// an error, never fewer examples.
func TestIDXCutAnywhere(t *testing.T) {
	plain := idx(0x0801, []byte{1, 2, 3, 4, 5, 6, 7}, 7)
	for _, c := range []struct {
		end string
		b   []byte
	}{{"", plain}, {".gz", compress(t, plain)}} {
		path := filepath.Join(t.TempDir(), "x"+c.end)
		for n := range len(c.b) {
			write(t, path, c.b[:n])
			if _, v, err := readIDX(path, 1); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%d of %d bytes of x%s: %v, %v", n, len(c.b), c.end, v, err)
			}
		}
		write(t, path, c.b)
		if _, v, err := readIDX(path, 1); err != nil || len(v) != 7 {
			t.Errorf("x%s: %v, %v", c.end, v, err)
		}
	}
	// A flipped bit in compressed data is caught by its checksum.
	z := compress(t, plain)
	z[len(z)-6] ^= 1 // in the stored CRC-32
	path := filepath.Join(t.TempDir(), "x.gz")
	write(t, path, z)
	if _, _, err := readIDX(path, 1); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("wrong checksum: %v", err)
	}
}

// TestIDXTakesNoMemoryForAnAnnouncement opens a file of 18 bytes whose header
// announces a gigabyte.
func TestIDXTakesNoMemoryForAnAnnouncement(t *testing.T) {
	file := idx(0x0803, []byte{1, 2}, 1<<10, 1<<10, 1<<10)
	for end, b := range map[string][]byte{"": file, ".gz": compress(t, file)} {
		path := filepath.Join(t.TempDir(), "x"+end)
		write(t, path, b)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := readIDX(path, 3)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; err == nil || used > 1<<20 {
			t.Errorf("%q: %v; %d bytes allocated", end, err, used)
		}
	}
}

// TestIDXArbitraryBytes: any bytes are either an error or exactly the values that
// the header announces.
func TestIDXArbitraryBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte{
			0, 0, byte(rapid.IntRange(7, 9).Draw(t, "type")),
			byte(rapid.IntRange(0, 3).Draw(t, "dimensions")),
		},
			rapid.SliceOfN(rapid.ByteRange(0, 3), 0, 40).Draw(t, "rest")...)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		extents, values, err := readIDX(path, 2)
		if err == nil && (len(extents) != 2 || len(values) != extents[0]*extents[1] || len(b) != 12+len(values)) {
			t.Fatalf("%v, %d values from %d bytes", extents, len(values), len(b))
		}
	})
}

func TestMissingDirectories(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, []byte("x"))
	for spec, want := range map[string]string{
		"mnist:" + filepath.Join(dir, "none"):   "no such file or directory",
		"cifar10:" + filepath.Join(dir, "none"): "no such file or directory",
		"mnist:" + file:                         "file is not a directory",
		"mnist:" + dir:                          "has no IDX files; it needs train-images-idx3-ubyte",
		"cifar10:" + dir:                        "has no CIFAR-10 files",
	} {
		if _, err := Open(spec, Options{}); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), dir) {
			t.Errorf("Open(%q): %v, want %q", spec, err, want)
		}
	}
}

func TestPartsOfDifferentSize(t *testing.T) {
	dir := t.TempDir()
	writePart(t, dir, "train", "-", "", 20, 3, 4)
	writePart(t, dir, "t10k", "-", "", 6, 4, 3)
	if _, err := Open("mnist:"+dir, Options{}); err == nil ||
		!strings.Contains(err.Error(), "training images have 3x4 pixels, test images 4x3") {
		t.Error(err)
	}
}

// cifar builds records whose red, green and blue planes are 1, 2 and 3 times the
// record's number plus the pixel's, modulo 256.
func cifar(from, n int) []byte {
	var b []byte
	for i := from; i < from+n; i++ {
		b = append(b, byte(i%10))
		for c := 1; c <= 3; c++ {
			for p := range 1024 {
				b = append(b, byte(c*i+p))
			}
		}
	}
	return b
}

func TestCIFAR(t *testing.T) {
	for _, nested := range []string{"", "cifar-10-batches-bin"} {
		root := t.TempDir()
		dir := filepath.Join(root, nested)
		for i := range 5 {
			write(t, filepath.Join(dir, fmt.Sprintf("data_batch_%d.bin", i+1)), cifar(3*i, 3))
		}
		d := mustOpen(t, "cifar10:"+root, Options{})
		if d.Train.Len() != 12 || d.Test.Len() != 3 || !strings.Contains(d.Split, "the published test part is absent") {
			t.Errorf("%d and %d examples: %s", d.Train.Len(), d.Test.Len(), d.Split)
		}
		write(t, filepath.Join(dir, "test_batch.bin"), cifar(100, 2))
		d = mustOpen(t, "cifar10:"+root, Options{})
		if d.Train.Len() != 15 || d.Test.Len() != 2 {
			t.Errorf("%d and %d examples", d.Train.Len(), d.Test.Len())
		}
		for i := range d.Train.Len() {
			pixel := d.Train.Example(i)[(7*32+5)*3:][:3]
			want := make([]float32, 3)
			for c := range want {
				want[c] = float32(byte((c+1)*i+7*32+5)) / 255
			}
			if diff := cmp.Diff(want, pixel); diff != "" || d.Train.Labels[i] != int32(i%10) {
				t.Fatalf("example %d, row 7, column 5:\n%s", i, diff)
			}
		}
	}
}

func TestCIFARDamage(t *testing.T) {
	good := cifar(0, 2)
	bad := bytes.Clone(good)
	bad[3073] = 10
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"missing", nil, "data_batch_3.bin is missing, but other training batches exist"},
		{"empty", []byte{}, "has 0 bytes; allowed are complete records of 3073 bytes, published are 30730000"},
		{"truncated", good[:6145], "data_batch_3.bin has 6145 bytes"},
		{"trailing", append(bytes.Clone(good), 0), "data_batch_3.bin has 6147 bytes"},
		{"label", bad, "data_batch_3.bin: label 1 is 10; labels are 0 to 9"},
		{"too long", make([]byte, 30730000+3073), "data_batch_3.bin has more than 30730000 bytes"},
	} {
		dir := t.TempDir()
		for i := range 5 {
			path := filepath.Join(dir, fmt.Sprintf("data_batch_%d.bin", i+1))
			switch {
			case i != 2:
				write(t, path, good)
			case c.content != nil:
				write(t, path, c.content)
			}
		}
		if _, err := Open("cifar10:"+dir, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
