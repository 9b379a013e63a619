package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"sgdwalk/record"
)

// Series is a folder of checkpoints that is read as a run, without a copy: row i is the
// checkpoint with the i-th step. It has the header and the values of the run that the import
// makes of the same files, bit for bit.
//
// A series writes nothing, and keeps no file open. Files are mapped into memory when they are
// read first. Theta is a view of the map when the file has all parameters as float32, in the
// order of the layout and without other tensors between them. Otherwise every Read converts
// it into new memory.
//
// Files are compared by size and time with the examination at each Read, and at the end of
// reading pieces; a file that has changed is an error. The checksums of a zip archive (.pt,
// .npz) are compared before the first value is used. safetensors and .npy files have no
// checksums: a value that was damaged on disk, in a file with the right size, is not noticed.
// As with a recorded run, a view must not be read after another program made its file shorter:
// the system ends the process.
type Series struct {
	// Warnings are sentences for the user about every decision, as in Import.
	Warnings []string
	// StepsFrom says where the steps come from, with an example for each rule.
	StepsFrom string

	s        *checkpoints
	closed   atomic.Bool
	resident atomic.Int64 // upper bound of the mapped bytes that pieces made resident

	unpacking sync.Mutex
	unpacked  map[int][]float32 // theta of rows with compressed tensors, by row
	bytes     int64             // of unpacked
}

var _ record.Trajectory = (*Series)(nil)

// OpenSeries examines checkpoints as Open does, and opens them as a run. The caller closes
// the series. A whole run in one .npz or .npy file is an error, because its rows are not
// files.
//
// Memory: about 1 KB for each checkpoint, the list of arrays of one file, and a row while it
// is converted. See ThetaPieces for compressed archives.
func OpenSeries(paths []string, o ImportOptions) (*Series, error) {
	s, c, err := examineFiles(paths, o)
	if err != nil {
		return nil, err
	}
	if c != nil {
		defer c.Close()
		return nil, c.errorf("it is a whole run in one file; make a run of it first: sgdwalk import %s --out RUN", c.path)
	}
	return &Series{Warnings: s.Warnings, StepsFrom: s.StepsFrom, s: s, unpacked: map[int][]float32{}}, nil
}

// Header describes the run; the caller must not change it.
func (r *Series) Header() *record.Header { return r.s.header }

// Len returns the number of checkpoints.
func (r *Series) Len() int { return len(r.s.places) }

// Finished returns true: a series has no writer that could be at work.
func (r *Series) Finished() bool { return true }

// Files returns the paths of the files of row i: one file, or the shards of a model.
func (r *Series) Files(i int) []string {
	var paths []string
	for _, f := range r.s.places[i].files {
		paths = append(paths, f.path)
	}
	return paths
}

// Bytes returns the size of all files.
func (r *Series) Bytes() int64 {
	n := int64(0)
	for _, p := range r.s.places {
		for _, f := range p.files {
			n += f.size
		}
	}
	return n
}

var errSeriesClosed = errors.New("exchange: the series is closed")

// at returns the place of row i.
func (r *Series) at(i int) (*placed, error) {
	switch {
	case r.closed.Load():
		return nil, errSeriesClosed
	case i < 0 || i >= r.Len():
		return nil, fmt.Errorf("exchange: row %d is not in the series; it has %d checkpoints, from 0", i, r.Len())
	}
	return r.s.places[i], nil
}

// Read returns row i with the vectors in parts. A theta that is a view of the mapped file is
// valid until Close. The error names the file.
func (r *Series) Read(i int, parts record.Parts) (record.Step, error) {
	p, err := r.at(i)
	if err != nil {
		return record.Step{}, err
	}
	row, h := r.s.rowOf(i), r.s.header
	if parts&record.StatePart != 0 && h.Columns.State {
		row.State = make([]float32, h.State.Len())
	}
	if parts&record.ThetaPart == 0 && row.State == nil {
		return row, nil
	}
	if err := p.check(); err != nil {
		return record.Step{}, err
	}
	var theta []float32 // to be converted
	if parts&record.ThetaPart != 0 {
		if err := r.s.verify(i); err != nil {
			return record.Step{}, err
		}
		if row.Theta, err = p.piece(h.Layout.Len()); err != nil {
			return record.Step{}, err
		}
		if row.Theta == nil {
			theta = make([]float32, h.Layout.Len())
			row.Theta = theta
		}
	}
	if err := r.s.read(i, theta, row.State); err != nil {
		return record.Step{}, err
	}
	r.count(p, int64(len(theta)+len(row.State))*4)
	return row, nil
}

// Release drops the resident pages of all mapped files. Views stay valid.
func (r *Series) Release() {
	if r.closed.Load() {
		return
	}
	r.resident.Store(0)
	for _, p := range r.s.places {
		for _, f := range p.files {
			f.release()
		}
	}
}

const (
	// mostResident is the number of mapped bytes that conversions and pieces may make resident
	// before they are released: the map of a whole series would count as memory of the process.
	mostResident = 64 << 20
	// aroundBytes is how much the system may make resident for a byte that is read.
	aroundBytes = 2 << 20
)

// count counts n bytes of the files of a row that were copied from maps, and releases all of
// them from time to time.
func (r *Series) count(p *placed, n int64) {
	size := int64(0)
	for _, f := range p.files {
		size += f.size
	}
	if r.resident.Add(min(size, n+aroundBytes)) > mostResident {
		r.Release()
	}
}

// Close unmaps the files. Views must not be used any more.
func (r *Series) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	var err error
	for _, p := range r.s.places {
		err = errors.Join(err, p.unmap())
	}
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	return nil
}

// Fingerprint returns a hash of the header, of the numbers of all rows, and of the paths,
// sizes and times of all files. Two openings with equal fingerprints read the same rows,
// unless a program changed a file and kept its size and time. Paths count from the folder
// that has all files.
func (r *Series) Fingerprint() (string, error) {
	if r.closed.Load() {
		return "", errSeriesClosed
	}
	hash := sha256.New()
	header, err := r.s.header.Encode()
	if err != nil {
		return "", err
	}
	hash.Write(header)
	folder := commonFolder(r.s.places)
	write := json.NewEncoder(hash)
	for i, p := range r.s.places {
		if err := write.Encode(r.s.rowOf(i)); err != nil {
			return "", fmt.Errorf("exchange: %w", err)
		}
		for _, f := range p.files {
			name, err := filepath.Rel(folder, f.path)
			if err != nil {
				name = f.path
			}
			fmt.Fprintf(hash, "%q %d %d\n", filepath.ToSlash(name), f.size, f.modified)
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// commonFolder returns the deepest folder that has the files of all rows.
func commonFolder(rows []*placed) string {
	folder := filepath.Dir(rows[0].files[0].path)
	for _, p := range rows {
		for _, f := range p.files {
			for dir := filepath.Dir(f.path); folder != dir; folder = filepath.Dir(folder) {
				within, err := filepath.Rel(folder, dir)
				if err != nil || within != ".." && !strings.HasPrefix(within, ".."+string(filepath.Separator)) {
					break
				}
				if folder == filepath.Dir(folder) {
					break
				}
			}
		}
	}
	return folder
}

// maxUnpacked bounds the memory of rows with compressed tensors.
const maxUnpacked = 1 << 30

// ThetaPieces returns theta of row i for reading it piece by piece. A piece is read and
// converted from the files of the row, without the rest of theta. Only whole tensors can be
// read from compressed archives (numpy.savez_compressed), so such a row is kept in memory
// until Close. More than 1 GiB of such rows is an error.
func (r *Series) ThetaPieces(i int) (record.Pieces, error) {
	p, err := r.at(i)
	if err != nil {
		return nil, err
	}
	n := r.s.header.Layout.Len()
	if !slices.ContainsFunc(p.theta, func(a array) bool { return a.isCompressed() }) {
		return &seriesPieces{r: r, p: p, i: i, length: n}, nil
	}
	r.unpacking.Lock()
	defer r.unpacking.Unlock()
	theta := r.unpacked[i]
	if theta == nil {
		if r.bytes+4*int64(n) > maxUnpacked {
			return nil, fmt.Errorf("exchange: %s is compressed, and the rows of the series do not fit into %s of memory; "+
				"make a run of it first: sgdwalk import", p.files[0].path, record.Bytes(maxUnpacked))
		}
		s, err := r.Read(i, record.ThetaPart)
		if err != nil {
			return nil, err
		}
		theta = s.Theta
		r.unpacked[i], r.bytes = theta, r.bytes+4*int64(n)
	}
	return record.VerifiedPieces(theta), nil
}
