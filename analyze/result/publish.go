package result

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sgdwalk/record/safefile"
)

// publish puts the new files in the place of the earlier ones. Last is the file that
// names the others.
//
// Where the system can do that, the private directory and the result's directory
// exchange their places in one step: a kill leaves the old result or the new one.
// Elsewhere, and in a directory that holds more than results, files are moved one by
// one; a kill in between leaves no summary.json, and unfinished.json names the files.
func (d *Dir) publish(last string) error {
	if err := safefile.SyncDir(d.stage); err != nil {
		return err
	}
	earlier := d.earlier()
	if d.canExchange() {
		next := safefile.TemporaryName(d.real)
		if os.Rename(d.stage, next) == nil {
			if linkOthers(d.real, next, earlier) == nil && exchange(next, d.real) == nil {
				d.stage = next // which now is the earlier one, and goes
				return safefile.SyncDir(filepath.Dir(d.real))
			}
			if err := os.Rename(next, d.stage); err != nil {
				return err
			}
		}
	}
	return d.move(earlier, last)
}

// canExchange reports whether the directory may be replaced: a process whose working
// directory it is would find itself nowhere.
func (d *Dir) canExchange() bool {
	here, err1 := os.Stat(".")
	there, err2 := os.Stat(d.real)
	return err1 == nil && err2 == nil && !os.SameFile(here, there)
}

// linkOthers gives the files that are not part of a result, such as the user's notes
// and journals of other analyses, a second name in the new directory. It fails when
// there is something that cannot have one.
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

// move moves the new files into the directory one by one.
func (d *Dir) move(earlier []string, last string) error {
	all, err := manifest(slices.Concat(d.files, slices.DeleteFunc(slices.Clone(earlier),
		func(s string) bool { return checkName(s) != nil })))
	if err != nil {
		return err
	}
	list := filepath.Join(d.stage, ".all") // made there, so that a kill leaves it there
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
		// A directory of that name is the user's mistake; a link is replaced.
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

func (d *Dir) remove(name string) error {
	if err := os.Remove(filepath.Join(d.real, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
