package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sgdwalk/record/safefile"
)

// IndexName is the name of the file that keeps an Index.
const IndexName = ".sgdwalk-series.json"

// Index keeps the hashes of tensors of checkpoints between two calls of the program, because
// computing them reads every byte. A hash counts only while its file has the size and the time
// that it had when the hash was computed. Files are known by their real path, so links to one
// file share its hashes.
//
// An index is a cache in a directory of results. It never says where values are: those places
// always come from the files, whose headers are read in less time than an index of them. All
// methods may be called from several goroutines.
type Index struct {
	path    string
	mu      sync.Mutex
	files   map[string]*indexedFile // by real path
	seen    map[string]*indexedFile // by the path that the caller uses; files that were looked at
	changed bool
}

// indexedFile is a file as the index has it.
type indexedFile struct {
	Path     string            `json:"path"`
	Size     int64             `json:"size"`
	Modified int64             `json:"modified_ns"` // since 1970
	Hashes   map[string]string `json:"hashes"`      // by the tensor's name
}

func (f *indexedFile) id() fileID { return fileID{f.Path, f.Size, f.Modified} }

// indexContent is the content of an index on disk.
type indexContent struct {
	Format int            `json:"format"`
	Files  []*indexedFile `json:"files"` // in the order of their paths
}

const (
	indexFormat = 1
	// maxHash is the largest length of a hash in an index.
	maxHash = 128
)

// OpenIndex reads the index in a directory, which need not exist. An index that is damaged, of
// another version, too large, or not a plain file is ignored, with a note for the user; Save
// then replaces it.
func OpenIndex(dir string) (x *Index, note string) {
	x = &Index{
		path: filepath.Join(dir, IndexName), files: map[string]*indexedFile{}, seen: map[string]*indexedFile{},
	}
	content, err := readIndexContent(x.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return x, ""
	case err != nil:
		x.changed = true
		return x, fmt.Sprintf("the index %s is not used and will be replaced: %v", x.path, err)
	}
	for _, f := range content.Files {
		x.files[f.Path] = f
	}
	return x, ""
}

// readIndexContent reads and checks an index.
func readIndexContent(path string) (*indexContent, error) {
	text, err := safefile.Read(path, maxIndexBytes)
	if err != nil {
		return nil, err
	}
	c := new(indexContent)
	if err := json.Unmarshal(text, c); err != nil {
		return nil, err
	}
	if c.Format != indexFormat {
		return nil, fmt.Errorf("its format is %d; this program reads %d", c.Format, indexFormat)
	}
	for _, f := range c.Files {
		if f == nil || f.Path == "" || f.Size < 0 {
			return nil, errors.New("it has a file without a path or with a negative size")
		}
		for tensor, hash := range f.Hashes {
			if hash == "" || len(hash) > maxHash || strings.Trim(hash, "0123456789abcdef") != "" {
				return nil, fmt.Errorf("the hash of %q in %s is not a hexadecimal number of at most %d digits", tensor,
					f.Path, maxHash)
			}
		}
	}
	return c, nil
}

// file returns the entry of a file as it is now; nil for a file that cannot be examined. The
// caller holds the lock.
func (x *Index) file(path string) *indexedFile {
	if f, ok := x.seen[path]; ok {
		return f
	}
	x.seen[path] = nil
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return nil
	}
	info, err := os.Stat(real)
	if err != nil {
		return nil
	}
	f := x.files[real]
	if id := (fileID{}); f != nil {
		id = f.id()
		if id.compare(info) != nil {
			f = nil
		}
	}
	if f == nil {
		f = &indexedFile{Path: real, Size: info.Size(), Modified: info.ModTime().UnixNano()}
		x.files[real] = f
	}
	x.seen[path] = f
	return f
}

// Hash returns the hash of a tensor of a file, "" when it is not known.
func (x *Index) Hash(file, tensor string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f := x.file(file); f != nil {
		return f.Hashes[tensor]
	}
	return ""
}

// SetHash keeps the hash of a tensor of a file, a hexadecimal number of at most 128 digits. The
// caller calls Hash for this file before it reads the values, so that a file which changes in
// between is found by Save.
func (x *Index) SetHash(file, tensor, hash string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f := x.file(file)
	if f == nil || f.Hashes[tensor] == hash {
		return
	}
	if f.Hashes == nil {
		f.Hashes = map[string]string{}
	}
	f.Hashes[tensor], x.changed = hash, true
}

// Save writes the index when a hash is new, and makes its directory if necessary. It leaves out
// files that have changed or are gone.
func (x *Index) Save() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.changed {
		return nil
	}
	c := indexContent{Format: indexFormat, Files: []*indexedFile{}}
	for _, path := range slices.Sorted(maps.Keys(x.files)) {
		f := x.files[path]
		if id := f.id(); len(f.Hashes) > 0 && id.check() == nil {
			c.Files = append(c.Files, f)
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(x.path), 0o777); err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	if err := safefile.WriteBytes(x.path, append(text, '\n')); err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	x.changed = false
	return nil
}
