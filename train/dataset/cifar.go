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
	for i := 1; i <= 5; i++ {
		path := filepath.Join(directory, fmt.Sprintf("data_batch_%d.bin", i))
		switch err := readCIFAR(path, &src.train); {
		case errors.Is(err, fs.ErrNotExist):
			missing = path
		case err != nil:
			return source{}, err
		}
	}
	testPath := filepath.Join(directory, "test_batch.bin")
	if err := readCIFAR(testPath, &src.test); err != nil && !errors.Is(err, fs.ErrNotExist) {
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

// readCIFAR appends the records of a file to s, channels last.
func readCIFAR(path string, s *Set) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	// Reading stops after the largest file that is allowed, whatever its length.
	raw, err := io.ReadAll(io.LimitReader(f, cifarPerFile*cifarRecord+1))
	if err != nil {
		return err
	}
	if len(raw) > cifarPerFile*cifarRecord {
		return fmt.Errorf("%s has more than %d bytes, %d records of %d, which no file of CIFAR-10 has", path, cifarPerFile*cifarRecord, cifarPerFile, cifarRecord)
	}
	if len(raw) == 0 || len(raw)%cifarRecord != 0 {
		return fmt.Errorf("%s has %d bytes; allowed are whole records of %d bytes, %d in a published file", path, len(raw), cifarRecord, cifarPerFile*cifarRecord)
	}
	s.Height, s.Width, s.Channels, s.Classes = cifarSide, cifarSide, cifarChannels, cifarClasses
	for i := 0; len(raw) > 0; i, raw = i+1, raw[cifarRecord:] {
		if raw[0] >= cifarClasses {
			return fmt.Errorf("%s: label %d is %d; labels are 0 to %d", path, i, raw[0], cifarClasses-1)
		}
		s.Labels = append(s.Labels, int32(raw[0]))
		planes := raw[1:cifarRecord]
		for p := range cifarPlane {
			for c := range cifarChannels {
				s.Inputs = append(s.Inputs, float32(planes[c*cifarPlane+p])/255)
			}
		}
	}
	return nil
}
