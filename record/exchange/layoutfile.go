package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"sgdwalk/record"
)

// layoutFile is what a file says of the tensors of a run: those of theta and those
// of state, in their order.
type layoutFile struct {
	path         string
	theta, state record.Layout
}

// readLayoutFile reads a layout from a JSON file: an object with "layout" and, for
// models with running statistics or other buffers, "state_layout", both as header.json
// has them. A header.json is such a file; what else it says is not used. Offsets may
// be left out.
func readLayoutFile(path string) (*layoutFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	fail := func(format string, args ...any) (*layoutFile, error) {
		return nil, fmt.Errorf("exchange: layout file %s: "+format, append([]any{path}, args...)...)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // a misspelt word would be a tensor without it
	var h record.Header
	if err := d.Decode(&h); err != nil {
		var version struct{ Format int }
		if json.Unmarshal(text, &version) == nil && version.Format > record.FormatVersion {
			return fail("its format is %d, %w; this one reads 1 to %d", version.Format, record.ErrNewerFormat, record.FormatVersion)
		}
		return fail(`%s; it must be an object {"layout": [{"name", "kind", "shape"}, ...], "state_layout": [...]}`, strings.TrimPrefix(unexpected(err).Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail("there is something behind the object")
	}
	l := &layoutFile{path, h.Layout.WithOffsets(), h.State.WithOffsets()}
	if len(l.theta) == 0 {
		return fail(`its "layout" names no tensor; a run has at least one parameter`)
	}
	for name, part := range map[string]record.Layout{"layout": l.theta, "state_layout": l.state} {
		if err := part.Validate(); err != nil {
			return fail("%s: %s", name, strings.TrimPrefix(err.Error(), "record: layout: "))
		}
	}
	for _, t := range l.theta {
		if _, twice := l.state.Lookup(t.Name); twice {
			return fail("tensor %q is in both layouts; it is either a parameter or a buffer", t.Name)
		}
		if isState(t.Kind) {
			return fail("tensor %q of kind %s is in layout; running statistics belong into state_layout", t.Name, t.Kind)
		}
	}
	return l, nil
}

// has reports whether the file names a tensor.
func (l *layoutFile) has(name string) bool {
	_, theta := l.theta.Lookup(name)
	_, state := l.state.Lookup(name)
	return theta || state
}
