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
	"sgdwalk/record/safefile"
)

// Dir is the directory of a result that is being written. Only one goroutine at a time
// may call its methods.
type Dir struct {
	path    string // the argument of Create
	real    string // the same directory as an absolute path without links
	unlock  func() error
	stage   string   // private directory of the new files; empty until the first file
	files   []string // names of the new files
	journal *Journal
	made    []string // directories that Create made, the deepest first
}

// Create locks the directory of a result. When the directory is missing, Create makes it
// and its parents. An earlier result in it stays until Finish. The error wraps
// safefile.ErrBusy when another process has locked the directory. The caller must call
// Close.
func Create(dir string) (d *Dir, err error) {
	if dir == "" {
		return nil, errors.New("result: the directory has no name")
	}
	d = &Dir{path: dir}
	if d.made, err = makeAll(dir); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("result: %w", errors.Join(err, d.Close()))
		}
	}()
	if d.real, err = filepath.Abs(dir); err != nil {
		return d, err
	}
	if d.real, err = filepath.EvalSymlinks(d.real); err != nil {
		return d, err
	}
	if d.unlock, err = safefile.Lock(d.real); err != nil {
		return d, err
	}
	d.clean()
	return d, nil
}

// makeAll makes a directory and its parents like os.MkdirAll, and returns the directories
// that were missing, the deepest first. Close removes them again if they stay empty.
func makeAll(dir string) (made []string, err error) {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil || at == filepath.Dir(at) {
			break
		}
		made = append(made, at)
	}
	return made, os.MkdirAll(dir, 0o777)
}

// stagePrefix is the prefix of the names of private directories.
const stagePrefix = ".new-"

// clean removes the directories that killed processes have left: private directories in the
// result's directory, and next to it the ones that were about to replace it. It ignores
// errors, because a leftover of another user does no harm.
func (d *Dir) clean() {
	removeDirs(d.real, func(name string) bool { return strings.HasPrefix(name, stagePrefix) })
	parent, base := filepath.Split(d.real)
	removeDirs(parent, func(name string) bool {
		return strings.HasSuffix(name, safefile.Suffix) && safefile.IsTemporary(name, base)
	})
}

// removeDirs removes the directories in dir whose names are leftovers.
func removeDirs(dir string, left func(name string) bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() && left(e.Name()) {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// Path returns the directory as it was given to Create.
func (d *Dir) Path() string { return d.path }

// Stage returns the private directory for the files of the new result, and makes it if
// necessary. Its name is random, so that no other process can prepare it.
func (d *Dir) Stage() (string, error) {
	if d.unlock == nil {
		return "", fmt.Errorf("result: %s is closed", d.path)
	}
	if d.stage == "" {
		stage, err := os.MkdirTemp(d.real, stagePrefix+"*")
		if err != nil {
			return "", fmt.Errorf("result: %w", err)
		}
		d.stage = stage
		info, err := os.Stat(d.real)
		if err != nil {
			return "", fmt.Errorf("result: %w", err)
		}
		// The private directory will replace the result's directory and needs its permissions.
		if err := os.Chmod(stage, info.Mode()); err != nil {
			return "", fmt.Errorf("result: %w", err)
		}
	}
	return d.stage, nil
}

// Table writes NAME.csv and NAME.arrow. It returns an error for an invalid table before it
// writes anything.
func (d *Dir) Table(name string, t *record.Table) error {
	if err := t.Validate(); err != nil {
		return fmt.Errorf("result: table %s: %w", name, err)
	}
	if err := d.Write(name+".csv", t.WriteCSV); err != nil {
		return err
	}
	return d.Arrow(name, t)
}

// Arrow writes only NAME.arrow, for a table that is too long for a text file.
func (d *Dir) Arrow(name string, t *record.Table) error {
	if err := t.Validate(); err != nil {
		return fmt.Errorf("result: table %s: %w", name, err)
	}
	return d.Write(name+".arrow", func(w io.Writer) error { return arrowfile.WriteTable(w, t, nil) })
}

// Write writes one file of the new result with the given function.
func (d *Dir) Write(name string, write func(io.Writer) error) error {
	if err := checkName(name); err != nil {
		return err
	}
	stage, err := d.Stage()
	if err != nil {
		return err
	}
	if err := safefile.Write(filepath.Join(stage, name), write); err != nil {
		return fmt.Errorf("result: %s: %w", name, safefile.RestoreName(err, filepath.Join(stage, name),
			filepath.Join(d.path, name)))
	}
	return d.Keep(name)
}

// Keep adds files that the caller has written to Stage, such as figures, to the result. It
// uses only the last element of each path.
func (d *Dir) Keep(paths ...string) error {
	for _, p := range paths {
		name := filepath.Base(p)
		if err := checkName(name); err != nil {
			return err
		}
		if !slices.Contains(d.files, name) {
			d.files = append(d.files, name)
		}
	}
	return nil
}

// Finish completes the result with summary.json, replaces an earlier result, removes the
// journal and closes d. It sets the document's Files.
func (d *Dir) Finish(doc *Document) error {
	slices.Sort(d.files)
	doc.Files = slices.Clone(d.files)
	b, err := doc.encode()
	if err != nil {
		return err
	}
	return d.end(SummaryName, b)
}

// Leave publishes the files of an interrupted analysis, with unfinished.json instead of a
// summary, so that users can inspect them. It does nothing and returns false when the
// directory has a finished result, which is worth more, or when no file was written.
func (d *Dir) Leave() (left bool, err error) {
	if _, err := os.Lstat(filepath.Join(d.real, SummaryName)); err == nil || d.stage == "" {
		return false, nil
	}
	slices.Sort(d.files)
	b, err := manifest(d.files)
	if err != nil {
		return false, err
	}
	return true, d.end(unfinishedName, b)
}

// end writes the file that lists the other files, publishes all files and closes d.
func (d *Dir) end(name string, b []byte) error {
	stage, err := d.Stage()
	if err != nil {
		return err
	}
	if err := safefile.WriteBytes(filepath.Join(stage, name), b); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if err := d.publish(name); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if d.journal != nil && name == SummaryName {
		err = d.journal.Remove()
	}
	return errors.Join(err, d.Close())
}

// Close releases the lock, and removes the private directory and the empty directories that
// Create made. It keeps a journal that has units. A second Close does nothing.
func (d *Dir) Close() error {
	var errs []error
	if d.journal != nil {
		errs = append(errs, d.journal.Close())
	}
	if d.stage != "" {
		errs = append(errs, os.RemoveAll(d.stage))
		d.stage = ""
	}
	if d.unlock != nil {
		errs = append(errs, d.unlock())
		d.unlock = nil
	}
	for _, dir := range d.made {
		if os.Remove(dir) != nil { // it is not empty
			break
		}
	}
	d.made = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	return nil
}

// unfinishedName is the file that lists the files of an unfinished result.
const unfinishedName = "unfinished.json"

// manifest returns the content of an unfinished.json that lists files.
func manifest(files []string) ([]byte, error) {
	b, err := json.MarshalIndent(struct {
		Files []string `json:"files"`
	}{append([]string{}, files...)}, "", "  ")
	return append(b, '\n'), err
}

// maxSummary is the largest size in bytes at which a summary is read.
const maxSummary = 64 << 20

// earlier returns the names of the files of earlier results in the directory, including
// summary.json and unfinished.json. A summary that cannot be decoded adds only its own name.
func (d *Dir) earlier() []string {
	var names []string
	for _, by := range []string{SummaryName, unfinishedName} {
		b, err := safefile.Read(filepath.Join(d.real, by), maxSummary)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		names = append(names, by)
		var doc struct{ Files []string }
		if err != nil || json.Unmarshal(b, &doc) != nil {
			continue
		}
		for _, name := range doc.Files {
			if checkName(name) == nil {
				names = append(names, name)
			}
		}
	}
	return names
}

// checkName returns an error unless name is a plain file name in the directory itself, so
// that neither a caller's mistake nor a forged summary reaches a file outside of it.
func checkName(name string) error {
	if name == "" || strings.HasPrefix(name, ".") || name == SummaryName || name == unfinishedName ||
		strings.ContainsAny(name, `/\:`) || name != filepath.Base(name) {
		return fmt.Errorf("result: %q cannot be the name of a file of a result; allowed is a plain file name other than "+
			"%s and %s", name, SummaryName, unfinishedName)
	}
	return nil
}
