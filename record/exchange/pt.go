package exchange

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// torchArchive is a zip archive of torch.save. In one folder it has data.pkl, the pickle,
// and data/KEY, the storages.
type torchArchive struct {
	file     io.ReaderAt
	size     int64 // of the file
	folder   string
	entries  map[string]*zip.File
	big      bool // numbers are big-endian
	verified map[string]bool
}

// readPT reads a state dict of torch.save, alone or inside another dict. From the pickle it
// builds only tensors, numbers, strings and containers, and executes nothing. The values of
// tensors are read later, when they are used.
func readPT(c *container, z *zip.Reader, size int64) error {
	t, err := openTorchArchive(c.file, z, size)
	if err != nil {
		return err
	}
	value, err := t.unpickle()
	if err != nil {
		return err
	}
	found, err := findStateDict(value, c.key)
	if err != nil {
		return err
	}
	if found.path != topKey {
		c.note("the tensors come from the key %q", found.path)
	}
	if top, ok := value.(*dict); ok && c.key == "" {
		for _, it := range top.items {
			if o, ok := it.value.(*opaque); ok && slices.Contains(stateDictKeys, it.key) {
				c.note("%q is not read: it is an object of the class %s", it.key, o.class)
			}
		}
	}
	c.metadata = t.stepAndEpoch(c, value, found)
	return c.addTensors(t, found.dict)
}

// openTorchArchive finds the folder and the byte order of an archive of torch.save.
func openTorchArchive(file io.ReaderAt, z *zip.Reader, size int64) (*torchArchive, error) {
	t := &torchArchive{file: file, size: size, entries: map[string]*zip.File{}, verified: map[string]bool{}}
	pickles := 0
	for _, f := range z.File {
		if t.entries[f.Name] != nil {
			return nil, fmt.Errorf("its zip archive has two entries %q", f.Name)
		}
		t.entries[f.Name] = f
		if dir, name := path.Split(f.Name); name == "data.pkl" && strings.Count(dir, "/") <= 1 {
			t.folder = dir
			pickles++
		}
	}
	if pickles != 1 {
		return nil, fmt.Errorf("its zip archive has %d entries data.pkl; torch.save writes exactly one", pickles)
	}
	order, err := t.text("byteorder")
	switch {
	case err != nil:
		return nil, err
	case order == "big":
		t.big = true
	case order != "" && order != "little":
		return nil, fmt.Errorf("its byte order is %q; allowed are little and big", order)
	}
	return t, nil
}

// entry returns an entry, after it compared its claimed sizes with the file.
func (t *torchArchive) entry(name string) (*zip.File, error) {
	f := t.entries[t.folder+name]
	switch {
	case f == nil:
		return nil, fmt.Errorf("its zip archive has no entry %q; the file is not complete", t.folder+name)
	case f.Method != zip.Store || f.Flags&1 != 0:
		return nil, fmt.Errorf("the entry %q is compressed or encrypted, which torch.save never does; save the file "+
			"again: torch.save(torch.load(FILE, map_location=\"cpu\"), OTHER)", f.Name)
	case f.UncompressedSize64 != f.CompressedSize64 || f.UncompressedSize64 > uint64(t.size):
		return nil, fmt.Errorf("the entry %q claims %d bytes; the file has %d", f.Name, f.UncompressedSize64, t.size)
	}
	return f, nil
}

// text reads a small entry; it returns "" for a missing one.
func (t *torchArchive) text(name string) (string, error) {
	if t.entries[t.folder+name] == nil {
		return "", nil
	}
	f, err := t.entry(name)
	if err != nil {
		return "", err
	}
	r, err := f.Open()
	if err != nil {
		return "", damagedEntry(f, err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 64))
	if err != nil {
		return "", damagedEntry(f, err)
	}
	return string(bytes.TrimSpace(b)), nil
}

// damagedEntry returns the error for an entry that cannot be read to its end.
func damagedEntry(f *zip.File, err error) error {
	return fmt.Errorf("its entry %q is damaged: %w", f.Name, unexpected(err))
}

// unpickle builds the saved value. A wrong checksum of the entry is reported before any
// error of the pickle, because it is the cause.
func (t *torchArchive) unpickle() (any, error) {
	f, err := t.entry("data.pkl")
	if err != nil {
		return nil, err
	}
	r, err := f.Open()
	if err != nil {
		return nil, damagedEntry(f, err)
	}
	defer r.Close()
	value, err := unpickle(r, int64(f.UncompressedSize64))
	// Reading to the end compares the checksum.
	if _, damage := io.Copy(io.Discard, r); damage != nil {
		return nil, damagedEntry(f, damage)
	}
	return value, err
}

// verify compares the checksum of a whole entry, once for each entry.
func (t *torchArchive) verify(f *zip.File) error {
	if t.verified[f.Name] {
		return nil
	}
	if err := verifyEntry(f); err != nil {
		return damagedEntry(f, err)
	}
	t.verified[f.Name] = true
	return nil
}

// verifyEntry reads an entry and compares its checksum.
func verifyEntry(f *zip.File) error {
	r, err := f.Open()
	if err == nil {
		_, err = io.Copy(io.Discard, r)
		err = errors.Join(err, r.Close())
	}
	return err
}
