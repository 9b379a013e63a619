package dataset_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/train/dataset"
)

// BenchmarkOpen opens the embedded digits, and files of 10,000 images in the forms of MNIST and CIFAR-10. MB/s are
// those of the inputs as float32, all of which are hashed: SHA-256 takes most of the time.
func BenchmarkOpen(b *testing.B) {
	const n = 10_000
	random := rand.NewChaCha8([32]byte{})
	image := func(size int) []byte { // three quarters of it are empty
		pixels := make([]byte, size)
		random.Read(pixels[:size/4])
		return pixels
	}
	write := func(path string, content []byte) {
		if filepath.Ext(path) == ".gz" {
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			z.Write(content)
			z.Close()
			content = packed.Bytes()
		}
		if err := os.WriteFile(path, content, 0o666); err != nil {
			b.Fatal(err)
		}
	}
	plain, packed, cifar := b.TempDir(), b.TempDir(), b.TempDir()
	labels := binary.BigEndian.AppendUint32([]byte{0, 0, 8, 1}, n)
	images := []byte{0, 0, 8, 3}
	for _, extent := range []uint32{n, 28, 28} {
		images = binary.BigEndian.AppendUint32(images, extent)
	}
	var records []byte
	for range n {
		labels = append(labels, 7)
		images = append(images, image(28*28)...)
		records = append(append(records, 7), image(3*32*32)...)
	}
	for _, f := range []string{filepath.Join(plain, "%s"), filepath.Join(packed, "%s.gz")} {
		write(fmt.Sprintf(f, "t10k-images-idx3-ubyte"), images)
		write(fmt.Sprintf(f, "t10k-labels-idx1-ubyte"), labels)
	}
	write(filepath.Join(cifar, "test_batch.bin"), records)
	for name, spec := range map[string]string{
		"digits": "digits", "mnist": "mnist:" + plain, "mnist.gz": "mnist:" + packed, "cifar10": "cifar10:" + cifar,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				d, err := dataset.Open(spec, dataset.Options{})
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(4 * int64(len(d.Train.Inputs)+len(d.Test.Inputs)))
			}
		})
	}
}
