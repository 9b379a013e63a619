package dataset

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// The binary version of CIFAR-10 (A. Krizhevsky, 2009): a record is a label and
// 32x32 pixels plane by plane, first the red values, then green, then blue.
const (
	cifarSide     = 32
	cifarChannels = 3
	cifarClasses  = 10
	cifarPlane    = cifarSide * cifarSide
	cifarRecord   = 1 + cifarChannels*cifarPlane
	cifarPerFile  = 10_000 // records of a published file; shorter files are accepted, for tests and samples
)

// loadCIFAR reads CIFAR-10 from a directory, or from its subdirectory
// cifar-10-batches-bin, which the published archive creates.
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
	switch hasTrain := src.train.Len() > 0; {
	case !hasTrain && src.test.Len() == 0:
		return source{}, fmt.Errorf("%s has no CIFAR-10 files; "+
			"it needs data_batch_1.bin to data_batch_5.bin and test_batch.bin, directly or in cifar-10-batches-bin",
			directory)
	case hasTrain && missing != "":
		return source{}, fmt.Errorf("%s is missing, but other training batches exist; "+
			"all five data_batch_1.bin to data_batch_5.bin are needed", missing)
	}
	return src, nil
}

// readCIFAR returns the records of a file after checking their labels.
func readCIFAR(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Do not read more than the largest allowed file, even if the file is huge.
	raw, err := io.ReadAll(io.LimitReader(f, cifarPerFile*cifarRecord+1))
	switch {
	case err != nil:
		return nil, err
	case len(raw) > cifarPerFile*cifarRecord:
		return nil, fmt.Errorf("%s has more than %d bytes; allowed are at most %d records of %d bytes",
			path, cifarPerFile*cifarRecord, cifarPerFile, cifarRecord)
	case len(raw) == 0 || len(raw)%cifarRecord != 0:
		return nil, fmt.Errorf("%s has %d bytes; allowed are complete records of %d bytes, published are %d",
			path, len(raw), cifarRecord, cifarPerFile*cifarRecord)
	}
	for i := 0; i < len(raw); i += cifarRecord {
		if raw[i] >= cifarClasses {
			return nil, fmt.Errorf("%s: label %d is %d; labels are 0 to %d",
				path, i/cifarRecord, raw[i], cifarClasses-1)
		}
	}
	return raw, nil
}

// cifarSet joins the records of all files and reorders them to channels last.
func cifarSet(files ...[]byte) Set {
	n := 0
	for _, raw := range files {
		n += len(raw) / cifarRecord
	}
	s := Set{
		Height: cifarSide, Width: cifarSide, Channels: cifarChannels, Classes: cifarClasses,
		Inputs: make([]float32, n*cifarChannels*cifarPlane), Labels: make([]int32, n),
	}
	first := 0
	for _, raw := range files {
		inParallel(len(raw)/cifarRecord, func(from, to int) {
			for i := from; i < to; i++ {
				record := raw[i*cifarRecord : (i+1)*cifarRecord]
				s.Labels[first+i] = int32(record[0])
				red, green, blue := record[1:][:cifarPlane], record[1+cifarPlane:][:cifarPlane], record[1+2*cifarPlane:]
				image := s.Example(first + i)
				for p := range red {
					pixel := image[cifarChannels*p:][:cifarChannels]
					pixel[0], pixel[1], pixel[2] = pixelOver255[red[p]], pixelOver255[green[p]], pixelOver255[blue[p]]
				}
			}
		})
		first += len(raw) / cifarRecord
	}
	return s
}
