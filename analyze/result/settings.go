package result

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sgdwalk/record"
)

// Settings returns the options of an analysis, and where its numbers come from, in an order for
// reading. It leaves out what the document does not say.
func (d *Document) Settings() ([]record.Setting, error) {
	text, err := json.Marshal(d.Provenance.Options)
	if err != nil {
		return nil, err
	}
	var options any
	if err := json.Unmarshal(text, &options); err != nil {
		return nil, fmt.Errorf("its options cannot be read: %w", err)
	}
	settings := []record.Setting{{Section: "result", Name: "analysis", Value: d.Analysis}}
	if settings, err = flatten(settings, "", options); err != nil {
		return nil, err
	}
	p := &d.Provenance
	for _, s := range [][2]string{
		{"run", p.Run},
		{"sha256 of the run's header", p.HeaderSHA256},
		{"hash of the evaluated data", p.DataHash},
		{"software", p.Software},
		{"kernels", p.Kernel},
		{"statistics of normalization layers", p.Policy},
		{"objective", p.Objective},
	} {
		settings = append(settings, record.Setting{Section: "origin", Name: s[0], Value: s[1]})
	}
	return slices.DeleteFunc(settings, func(s record.Setting) bool { return s.Value == "" }), nil
}

// flatten appends the values inside of a JSON value, in the order of their keys.
func flatten(settings []record.Setting, name string, v any) ([]record.Setting, error) {
	inside, isObject := v.(map[string]any)
	var err error
	for _, key := range slices.Sorted(maps.Keys(inside)) {
		if settings, err = flatten(settings, strings.TrimPrefix(name+"."+key, "."), inside[key]); err != nil {
			return nil, err
		}
	}
	if isObject || v == nil {
		return settings, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append(settings, record.Setting{
		Section: "options", Name: strings.ReplaceAll(name, "_", " "), Value: strings.Trim(string(text), `"`),
	}), nil
}
