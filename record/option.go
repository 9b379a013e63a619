package record

import "fmt"

// OptionError reports a setting or an option that the caller must change. Programs use it to tell a mistake in
// a call from a failure of the machine.
type OptionError struct{ Err error }

// Error returns the text of the error inside.
func (e *OptionError) Error() string { return e.Err.Error() }

// Unwrap returns the error inside.
func (e *OptionError) Unwrap() error { return e.Err }

// Optionf returns an OptionError with a text made by fmt.Errorf.
func Optionf(format string, args ...any) error { return &OptionError{fmt.Errorf(format, args...)} }
