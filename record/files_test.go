package record_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sgdwalk/record"
)

func TestIsDamage(t *testing.T) {
	damaged := fmt.Errorf("header: %w", record.ErrDamaged)
	path := func(err error) error { return &fs.PathError{Op: "open", Path: "x", Err: err} }
	for _, test := range []struct {
		name            string
		err             error
		machine, damage bool
	}{
		{"nothing", nil, false, false},
		{"damage", damaged, false, true},
		{"too many files", path(syscall.EMFILE), true, false},
		{"permission", path(syscall.EACCES), true, false},
		{"disk", path(syscall.EIO), true, false},
		{"memory", os.NewSyscallError("mmap", syscall.ENOMEM), true, false},
		{"no such file", path(syscall.ENOENT), false, false},
		{"damage and no such file", errors.Join(damaged, path(syscall.ENOENT)), false, true},
		{"damage because of too many files", fmt.Errorf("%w: %w", damaged, path(syscall.EMFILE)), true, false},
	} {
		if m, d := record.IsMachine(test.err), record.IsDamage(test.err); m != test.machine || d != test.damage {
			t.Errorf("%s: machine %v, damage %v; want %v, %v", test.name, m, d, test.machine, test.damage)
		}
	}
}

func TestReadSmall(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := record.ReadSmall(path, 5); err != nil || string(b) != "12345" {
		t.Errorf("%q, %v", b, err)
	}
	for name, err := range map[string]error{
		"too long":  second(record.ReadSmall(path, 4)),
		"directory": second(record.ReadSmall(dir, 4)),
		"device":    second(record.ReadSmall(os.DevNull, 4)),
	} {
		if !record.IsDamage(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := record.ReadSmall(path+"x", 4); !errors.Is(err, fs.ErrNotExist) || record.IsDamage(err) {
		t.Errorf("no file: %v", err)
	}
}

func second(_ []byte, err error) error { return err }
