package record_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
		if m, d := record.IsSystemError(test.err), record.IsDamage(test.err); m != test.machine || d != test.damage {
			t.Errorf("%s: machine %v, damage %v; want %v, %v", test.name, m, d, test.machine, test.damage)
		}
	}
}
