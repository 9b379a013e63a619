package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// loadMNIST reads the two parts of MNIST, or of a data set in the same form, from a
// directory. One part may be missing. A part that has images must have labels, and
// the other way round. Labels are 0 to classes-1.
func loadMNIST(directory string, classes int) (source, error) {
	if err := checkDirectory(directory); err != nil {
		return source{}, err
	}
	train, err := readPart(directory, "train", classes)
	if err != nil {
		return source{}, err
	}
	test, err := readPart(directory, "t10k", classes)
	if err != nil {
		return source{}, err
	}
	switch {
	case train.Len()+test.Len() == 0:
		return source{}, fmt.Errorf("%s has no IDX files; "+
			"it needs train-images-idx3-ubyte or t10k-images-idx3-ubyte, plain or with .gz", directory)
	case train.Len() > 0 && test.Len() > 0 && (train.Height != test.Height || train.Width != test.Width):
		return source{}, fmt.Errorf("%s: training images have %dx%d pixels, test images %dx%d; they must be equal",
			directory, train.Height, train.Width, test.Height, test.Width)
	}
	return source{train: train, test: test, scaling: "pixel/255"}, nil
}

// readPart reads one part. The set is empty if the part has no files.
func readPart(directory, part string, classes int) (Set, error) {
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
		return Set{}, fmt.Errorf("%s has no %s-labels-idx1-ubyte next to it, plain or with .gz", images, part)
	case images == "":
		return Set{}, fmt.Errorf("%s has no %s-images-idx3-ubyte next to it, plain or with .gz", labels, part)
	}
	// Read the labels first: the file is small, so a mistake shows before the
	// images are read.
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
	s := Set{Height: extents[1], Width: extents[2], Channels: 1, Classes: classes}
	s.Labels = make([]int32, len(labelBytes))
	for i, l := range labelBytes {
		if int(l) >= classes {
			return Set{}, fmt.Errorf("%s: label %d is %d; labels are 0 to %d", labels, i, l, classes-1)
		}
		s.Labels[i] = int32(l)
	}
	s.Inputs = make([]float32, len(pixels))
	inParallel(len(pixels), func(from, to int) {
		inputs := s.Inputs[from:to]
		for i, p := range pixels[from:to] {
			inputs[i] = pixelOver255[p]
		}
	})
	return s, nil
}

// findFile returns the path of the first spelling that exists, or "". A plain file
// comes before a compressed one.
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

// checkDirectory returns an error unless the path is an existing directory.
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
