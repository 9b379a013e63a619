package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// Dir is the directory of one result in the making. Its methods must be called
// from one goroutine at a time.
type Dir struct {
	// SaveArrow writes a table as an Arrow file; nil is record/arrowfile's.
	SaveArrow func(path string, t *record.Table) error

	path     string
	files    []string // names written or kept so far
	previous []string // names that the summary of the earlier result had
	begun    bool
	journal  *Journal
}

// Create makes the directory of a result, parents included, or opens it when it
// is there. An earlier result in it stays complete until the first file of the
// new one is written.
func Create(dir string) (*Dir, error) {
	if dir == "" {
		return nil, errors.New("result: the directory has no name")
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return &Dir{path: dir}, nil
}

// Path returns the directory.
func (d *Dir) Path() string { return d.path }

// Table writes NAME.csv and NAME.arrow. An invalid table is refused before
// anything is written.
func (d *Dir) Table(name string, t *record.Table) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := t.Validate(); err != nil {
		return fmt.Errorf("result: table %s: %w", name, err)
	}
	if err := d.Write(name+".csv", t.WriteCSV); err != nil {
		return err
	}
	return d.Arrow(name, t)
}

// Arrow writes NAME.arrow alone: a table so long that nobody wants it as text.
func (d *Dir) Arrow(name string, t *record.Table) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := t.Validate(); err != nil {
		return fmt.Errorf("result: table %s: %w", name, err)
	}
	if d.SaveArrow == nil {
		return d.Write(name+".arrow", func(w io.Writer) error { return arrowfile.WriteTable(w, t, nil) })
	}
	if err := d.begin(); err != nil {
		return err
	}
	// The temporary name ends like the final one: savers look at the ending.
	tmp := filepath.Join(d.path, ".new-"+name+".arrow")
	if err := d.SaveArrow(tmp, t); err != nil {
		os.Remove(tmp)
		return fmt.Errorf("result: table %s: %w", name, err)
	}
	return d.rename(tmp, name+".arrow")
}

// Write writes one file of the result with what write writes.
func (d *Dir) Write(name string, write func(io.Writer) error) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := d.begin(); err != nil {
		return err
	}
	tmp := filepath.Join(d.path, ".new-"+name)
	if err := writeFile(tmp, write); err != nil {
		os.Remove(tmp)
		return fmt.Errorf("result: %s: %w", name, err)
	}
	return d.rename(tmp, name)
}

// Keep notes files of the directory that were written by others, such as
// figures, as part of the result. Directories in front of a name are ignored.
func (d *Dir) Keep(paths ...string) error {
	if err := d.begin(); err != nil {
		return err
	}
	for _, p := range paths {
		name := filepath.Base(p)
		if err := checkName(name); err != nil {
			return err
		}
		d.note(name)
	}
	return nil
}

// Finish writes summary.json, removes what an earlier result left behind, and
// removes the journal: the result is complete. The document's Files are filled
// in.
func (d *Dir) Finish(doc *Document) error {
	if err := d.begin(); err != nil {
		return err
	}
	slices.Sort(d.files)
	doc.Files = slices.Clone(d.files)
	b, err := doc.encode()
	if err != nil {
		return err
	}
	for _, name := range d.previous {
		if slices.Contains(d.files, name) || checkName(name) != nil {
			continue
		}
		if err := os.Remove(filepath.Join(d.path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("result: %w", err)
		}
	}
	tmp := filepath.Join(d.path, ".new-"+SummaryName)
	if err := writeFile(tmp, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		os.Remove(tmp)
		return fmt.Errorf("result: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(d.path, SummaryName)); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if d.journal != nil {
		return d.journal.Remove()
	}
	return nil
}

// begin removes the summary of an earlier result, remembering its files, before
// the first of them is replaced. A summary that cannot be read names nothing.
func (d *Dir) begin() error {
	if d.begun {
		return nil
	}
	path := filepath.Join(d.path, SummaryName)
	if b, err := os.ReadFile(path); err == nil {
		var doc struct{ Files []string }
		if json.Unmarshal(b, &doc) == nil {
			d.previous = doc.Files
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("result: %w", err)
		}
	}
	d.begun = true
	return nil
}

func (d *Dir) rename(tmp, name string) error {
	if err := os.Rename(tmp, filepath.Join(d.path, name)); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	d.note(name)
	return nil
}

func (d *Dir) note(name string) {
	if !slices.Contains(d.files, name) {
		d.files = append(d.files, name)
	}
}

// writeFile writes a new file and makes it durable, so that the rename which
// follows never shows an empty one after a crash.
func writeFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	return f.Sync()
}

// checkName accepts names of files in the directory itself, so that neither a
// caller's mistake nor a forged summary reaches outside it.
func checkName(name string) error {
	if name == "" || strings.HasPrefix(name, ".") || name == SummaryName || strings.ContainsAny(name, `/\:`) || name != filepath.Base(name) {
		return fmt.Errorf("result: %q is no name for a file of a result; allowed is a plain file name other than %s", name, SummaryName)
	}
	return nil
}
