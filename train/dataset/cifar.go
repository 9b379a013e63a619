package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Shape of the binary version of CIFAR-10 (A. Krizhevsky, 2009): a record is a
// label and 32x32 pixels plane by plane, first all red ones, then green, blue.
const (
	cifarSide     = 32
	cifarChannels = 3
	cifarClasses  = 10
	cifarPlane    = cifarSide * cifarSide
	cifarRecord   = 1 + cifarChannels*cifarPlane
	cifarPerFile  = 10_000 // records of a published file; a shorter file of whole records is taken, too
)

// loadCIFAR reads CIFAR-10 from a directory, or from the directory
// cifar-10-batches-bin in it, as the published archive unpacks.
func loadCIFAR(directory string) (source, error) {
	if err := checkDirectory(directory); err != nil {
		return source{}, err
	}
	if nested := filepath.Join(directory, "cifar-10-batches-bin"); checkDirectory(nested) == nil {
		directory = nested
	}
	src := source{scaling: "pixel/255"}
	var missing string
	var files [][]byte
	for i := 1; i <= 5; i++ {
		path := filepath.Join(directory, fmt.Sprintf("data_batch_%d.bin", i))
		switch raw, err := readCIFAR(path); {
		case errors.Is(err, fs.ErrNotExist):
			missing = path
		case err != nil:
			return source{}, err
		default:
			files = append(files, raw)
		}
	}
	src.train = cifarSet(files...)
	switch raw, err := readCIFAR(filepath.Join(directory, "test_batch.bin")); {
	case err == nil:
		src.test = cifarSet(raw)
	case !errors.Is(err, fs.ErrNotExist):
		return source{}, err
	}
	switch train, test := src.train.Len() > 0, src.test.Len() > 0; {
	case !train && !test:
		return source{}, fmt.Errorf("%s has no CIFAR-10 files: looked for data_batch_1.bin to data_batch_5.bin and test_batch.bin, there or in cifar-10-batches-bin", directory)
	case train && missing != "":
		return source{}, fmt.Errorf("%s is missing, but other training batches are there; all five data_batch_1.bin to data_batch_5.bin are needed", missing)
	case !train:
		src.name, src.absent = "the published test part", "the published training part"
	case !test:
		src.name, src.absent = "the published training part", "the published test part"
	}
	return src, nil
}

// readCIFAR returns the records of a file, with their labels checked.
func readCIFAR(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Reading stops after the largest file that is allowed, whatever its length.
	raw, err := io.ReadAll(io.LimitReader(f, cifarPerFile*cifarRecord+1))
	switch {
	case err != nil:
		return nil, err
	case len(raw) > cifarPerFile*cifarRecord:
		return nil, fmt.Errorf("%s has more than %d bytes, %d records of %d, which no file of CIFAR-10 has", path, cifarPerFile*cifarRecord, cifarPerFile, cifarRecord)
	case len(raw) == 0 || len(raw)%cifarRecord != 0:
		return nil, fmt.Errorf("%s has %d bytes; allowed are whole records of %d bytes, %d in a published file", path, len(raw), cifarRecord, cifarPerFile*cifarRecord)
	}
	for i := 0; i < len(raw); i += cifarRecord {
		if raw[i] >= cifarClasses {
			return nil, fmt.Errorf("%s: label %d is %d; labels are 0 to %d", path, i/cifarRecord, raw[i], cifarClasses-1)
		}
	}
	return raw, nil
}

// cifarSet puts the records of all files together, channels last.
func cifarSet(files ...[]byte) Set {
	n := 0
	for _, raw := range files {
		n += len(raw) / cifarRecord
	}
	s := Set{
		Height: cifarSide, Width: cifarSide, Channels: cifarChannels, Classes: cifarClasses,
		Inputs: make([]float32, 0, n*cifarChannels*cifarPlane), Labels: make([]int32, 0, n),
	}
	for _, raw := range files {
		for ; len(raw) > 0; raw = raw[cifarRecord:] {
			s.Labels = append(s.Labels, int32(raw[0]))
			planes := raw[1:cifarRecord]
			for p := range cifarPlane {
				for c := range cifarChannels {
					s.Inputs = append(s.Inputs, float32(planes[c*cifarPlane+p])/255)
				}
			}
		}
	}
	return s
}
