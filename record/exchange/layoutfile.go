package exchange

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"sgdwalk/record"
)

// layoutFile has the layouts of theta and of state that the user gives in a file, so
// that nothing is guessed.
type layoutFile struct {
	path         string
	theta, state record.Layout
}

// readLayoutFile reads a JSON file: an object with "layout" and, for models with
// running statistics or other buffers, "state_layout", both as in header.json. A whole
// header.json is allowed too; its other fields are ignored. Offsets may be left out.
func readLayoutFile(path string) (*layoutFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	name := "layout file " + path
	var h record.Header
	if err := decodeStrict(text, &h); err != nil {
		var version struct{ Format int }
		if json.Unmarshal(text, &version) == nil && version.Format > record.FormatVersion {
			return nil, fileErrorf(name, "its format is %d, %w; this program reads 1 to %d",
				version.Format, record.ErrNewerFormat, record.FormatVersion)
		}
		return nil, fileErrorf(name,
			`%w; it must be an object {"layout": [{"name", "kind", "shape"}, ...], "state_layout": [...]}`, err)
	}
	l := &layoutFile{path, h.Layout.WithOffsets(), h.State.WithOffsets()}
	if len(l.theta) == 0 {
		return nil, fileErrorf(name, `its "layout" has no tensor; a run has at least one parameter`)
	}
	for field, part := range map[string]record.Layout{"layout": l.theta, "state_layout": l.state} {
		if err := part.Validate(); err != nil {
			return nil, fileErrorf(name, "%s: %s", field, strings.TrimPrefix(err.Error(), "record: layout: "))
		}
	}
	for _, t := range l.theta {
		if _, twice := l.state.Lookup(t.Name); twice {
			return nil, fileErrorf(name, "tensor %q is in both layouts; it is either a parameter or a buffer", t.Name)
		}
		if isState(t.Kind) {
			return nil, fileErrorf(name, "tensor %q of kind %s is in layout; running statistics must be in "+
				"state_layout", t.Name, t.Kind)
		}
	}
	return l, nil
}

// ReadLayout reads the layouts of theta and of state from a layout file: an object with
// "layout" and perhaps "state_layout", both as in header.json. Offsets may be left out.
func ReadLayout(path string) (theta, state record.Layout, err error) {
	l, err := readLayoutFile(path)
	if err != nil {
		return nil, nil, err
	}
	return l.theta, l.state, nil
}

// has reports whether the file names a tensor.
func (l *layoutFile) has(name string) bool {
	_, theta := l.theta.Lookup(name)
	_, state := l.state.Lookup(name)
	return theta || state
}
