package result

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sgdwalk/record/safefile"
)

// publish replaces the earlier files by the new files. last is the file that lists the
// others.
//
// If the system can swap directories, the private directory and the result's directory
// swap their names in one step, so a kill leaves the old or the new result. On other
// systems, and when the directory has entries that are not regular files, publish moves
// files one by one. A kill during the moves leaves no summary.json, and unfinished.json
// lists the files.
func (d *Dir) publish(last string) error {
	if err := safefile.SyncDir(d.stage); err != nil {
		return err
	}
	earlier := d.earlier()
	if d.canExchange() {
		next := safefile.TemporaryName(d.real)
		if os.Rename(d.stage, next) == nil {
			if linkOthers(d.real, next, earlier) == nil && exchange(next, d.real) == nil {
				d.stage = next // it now has the earlier files; Close removes it
				return safefile.SyncDir(filepath.Dir(d.real))
			}
			if err := os.Rename(next, d.stage); err != nil {
				return err
			}
		}
	}
	return d.move(earlier, last)
}

// canExchange reports whether the directory may be replaced. It may not when it is the
// working directory of this process, because the process would then be in a removed
// directory.
func (d *Dir) canExchange() bool {
	here, err1 := os.Stat(".")
	there, err2 := os.Stat(d.real)
	return err1 == nil && err2 == nil && !os.SameFile(here, there)
}

// linkOthers adds hard links in the new directory for the files that are not part of a
// result, such as the user's notes and the journals of other analyses. It returns an error
// when the directory has an entry that is not a regular file, because such an entry cannot
// have a hard link.
func linkOthers(from, to string, earlier []string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		if name == safefile.LockName || slices.Contains(earlier, name) {
			continue
		}
		if !e.Type().IsRegular() {
			return errors.ErrUnsupported
		}
		if err := os.Link(filepath.Join(from, name), filepath.Join(to, name)); err != nil &&
			!errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// move moves the new files into the directory one by one. First it writes unfinished.json
// with all old and new names, and removes summary.json: so a killed process leaves a
// directory that is marked as unfinished, and whose files the next process removes.
func (d *Dir) move(earlier []string, last string) error {
	all, err := manifest(slices.Concat(d.files, slices.DeleteFunc(slices.Clone(earlier),
		func(s string) bool { return checkName(s) != nil })))
	if err != nil {
		return err
	}
	list := filepath.Join(d.stage, ".all") // in the stage, so that a leftover is removed with it
	if err := safefile.WriteBytes(list, all); err != nil {
		return err
	}
	if err := os.Rename(list, filepath.Join(d.real, unfinishedName)); err != nil {
		return err
	}
	if err := d.remove(SummaryName); err != nil {
		return err
	}
	for _, name := range d.files {
		// The rename fails when the user has made a directory of this name; it replaces a link.
		if err := os.Rename(filepath.Join(d.stage, name), filepath.Join(d.real, name)); err != nil {
			return err
		}
	}
	for _, name := range earlier {
		if !slices.Contains(d.files, name) && name != unfinishedName {
			if err := d.remove(name); err != nil {
				return err
			}
		}
	}
	if err := os.Rename(filepath.Join(d.stage, last), filepath.Join(d.real, last)); err != nil {
		return err
	}
	if last == SummaryName {
		if err := d.remove(unfinishedName); err != nil {
			return err
		}
	}
	return safefile.SyncDir(d.real)
}

// remove removes a file of the directory, if it exists.
func (d *Dir) remove(name string) error {
	if err := os.Remove(filepath.Join(d.real, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
