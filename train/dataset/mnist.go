package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// mnistClasses is the number of classes of MNIST and of Fashion-MNIST.
const mnistClasses = 10

// loadMNIST reads the two parts of MNIST, or of any data set published in the
// same form, from a directory. A part is present when its images or its labels
// are; then both must be.
func loadMNIST(directory string) (source, error) {
	if err := checkDirectory(directory); err != nil {
		return source{}, err
	}
	train, err := readPart(directory, "train")
	if err != nil {
		return source{}, err
	}
	test, err := readPart(directory, "t10k")
	if err != nil {
		return source{}, err
	}
	src := source{train: train, test: test, scaling: "pixel/255"}
	switch {
	case train.Len() == 0 && test.Len() == 0:
		return source{}, fmt.Errorf("%s has no IDX files: looked for train-images-idx3-ubyte and t10k-images-idx3-ubyte, also with .gz", directory)
	case train.Len() == 0:
		src.name, src.absent = "the published test part", "the published training part"
	case test.Len() == 0:
		src.name, src.absent = "the published training part", "the published test part"
	case train.Height != test.Height || train.Width != test.Width:
		return source{}, fmt.Errorf("%s: training images have %dx%d pixels, test images %dx%d; both must agree", directory, train.Height, train.Width, test.Height, test.Width)
	}
	return src, nil
}

// readPart reads one part; it has no examples when none of its files is there.
func readPart(directory, part string) (Set, error) {
	images, err := findFile(directory, part+"-images", "idx3-ubyte")
	if err != nil {
		return Set{}, err
	}
	labels, err := findFile(directory, part+"-labels", "idx1-ubyte")
	switch {
	case err != nil:
		return Set{}, err
	case images == "" && labels == "":
		return Set{}, nil
	case labels == "":
		return Set{}, fmt.Errorf("%s is there, but no %s-labels-idx1-ubyte beside it, also not with .gz", images, part)
	case images == "":
		return Set{}, fmt.Errorf("%s is there, but no %s-images-idx3-ubyte beside it, also not with .gz", labels, part)
	}
	// Labels first: they are small, and show a wrong file before a large one is read.
	labelExtents, labelBytes, err := readIDX(labels, 1)
	if err != nil {
		return Set{}, err
	}
	extents, pixels, err := readIDX(images, 3)
	if err != nil {
		return Set{}, err
	}
	if extents[0] != labelExtents[0] {
		return Set{}, fmt.Errorf("%s has %d images, but %s has %d labels", images, extents[0], labels, labelExtents[0])
	}
	s := Set{Height: extents[1], Width: extents[2], Channels: 1, Classes: mnistClasses}
	s.Labels = make([]int32, len(labelBytes))
	for i, l := range labelBytes {
		if l >= mnistClasses {
			return Set{}, fmt.Errorf("%s: label %d is %d; labels are 0 to %d", labels, i, l, mnistClasses-1)
		}
		s.Labels[i] = int32(l)
	}
	s.Inputs = make([]float32, len(pixels))
	for i, p := range pixels {
		s.Inputs[i] = float32(p) / 255
	}
	return s, nil
}

// findFile returns the path of the first spelling that is there, or "". The
// plain file is preferred to the compressed one.
func findFile(directory, stem, kind string) (string, error) {
	for _, end := range []string{"", ".gz"} {
		for _, between := range []string{"-", "."} {
			path := filepath.Join(directory, stem+between+kind+end)
			switch _, err := os.Stat(path); {
			case err == nil:
				return path, nil
			case !errors.Is(err, fs.ErrNotExist):
				return "", err
			}
		}
	}
	return "", nil
}

// checkDirectory makes sure that the directory of a spec is one.
func checkDirectory(directory string) error {
	info, err := os.Stat(directory)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", directory)
	}
	return nil
}
