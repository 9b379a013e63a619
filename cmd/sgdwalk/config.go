package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"
)

// fileConfig makes flag values of a --config file. Its keys are the flags' names
// with underscores for dashes; flags given on the command line win.
type fileConfig map[string]any

var _ kong.Resolver = fileConfig(nil)

// loadConfig reads a TOML file. A key that is no flag of train, or a value of
// the wrong type, is refused with the line it stands in.
func loadConfig(r io.Reader) (kong.Resolver, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	strict := toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields()
	if err := strict.Decode(new(storedConfig)); err != nil {
		var unknown *toml.StrictMissingError
		var wrong *toml.DecodeError
		switch {
		case errors.As(err, &unknown):
			e := unknown.Errors[0]
			row, _ := e.Position()
			return nil, fmt.Errorf("line %d: %q is no setting of train", row, strings.Join(e.Key(), "."))
		case errors.As(err, &wrong):
			row, _ := wrong.Position()
			return nil, fmt.Errorf("line %d: %s: %w", row, strings.Join(wrong.Key(), "."), err)
		}
		return nil, err
	}
	values := fileConfig{}
	if err := toml.Unmarshal(text, &values); err != nil {
		return nil, err
	}
	return values, nil
}

// Validate has nothing left to check.
func (fileConfig) Validate(*kong.Application) error { return nil }

// Resolve returns the file's value for a flag, or nil.
func (c fileConfig) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	v, ok := c[strings.ReplaceAll(flag.Name, "-", "_")]
	if !ok {
		return nil, nil
	}
	if table, ok := v.(map[string]any); ok {
		parts := make([]string, 0, len(table))
		for name, value := range table {
			parts = append(parts, fmt.Sprintf("%s=%v", name, value))
		}
		return strings.Join(parts, ";"), nil
	}
	return fmt.Sprint(v), nil
}
