package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"sgdwalk/analyze/result"
	"sgdwalk/cmd/runloss"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/printable"
	"sgdwalk/record/recorder"
)

// diffCmd compares the settings of two runs, or of two results.
type diffCmd struct {
	A   string `arg:"" help:"A run, a series, or a result of an analysis."`
	B   string `arg:"" help:"The other one."`
	All bool   `help:"Print the equal settings too."`
	seriesFlags
}

func (diffCmd) Help() string {
	return `Prints the settings that differ: of two runs the model, data, optimizer, schedule, seeds, program
and recording, and then the losses; of two results of an analysis its options and where the numbers
come from. The exit status is 0 also when they differ.

Examples:
  sgdwalk diff RUN RUN2
  sgdwalk diff --all RUN RUN2
  sgdwalk diff RUN/analysis/walk RUN2/analysis/walk
  sgdwalk diff --json RUN RUN2 | jq -r '.different[].name'`
}

// compared is what diff prints with --json.
type compared struct {
	A         string               `json:"a"`
	B         string               `json:"b"`
	Different []record.SettingPair `json:"different"`
	Equal     []record.SettingPair `json:"equal"`
	Outcome   []record.SettingPair `json:"outcome"` // of two runs: steps and losses
}

// Run compares and prints.
func (c *diffCmd) Run(e *env) error {
	if isResult(c.A) != isResult(c.B) {
		return usagef("%s and %s are a run and a result; compare two runs, or two results", c.A, c.B)
	}
	var settings, outcomes [2][]record.Setting
	for i, path := range []string{c.A, c.B} {
		var err error
		if isResult(path) {
			settings[i], err = resultSettings(path)
		} else {
			settings[i], outcomes[i], err = c.runSettings(path)
		}
		if err != nil {
			return err
		}
	}
	d := compared{
		A: c.A, B: c.B, Different: []record.SettingPair{}, Equal: []record.SettingPair{},
		Outcome: record.PairSettings(outcomes[0], outcomes[1]),
	}
	for _, p := range record.PairSettings(settings[0], settings[1]) {
		if p.Differs() {
			d.Different = append(d.Different, p)
		} else {
			d.Equal = append(d.Equal, p)
		}
	}
	if e.json {
		return e.printJSON(d)
	}
	return c.show(e, &d)
}

// show prints the comparison.
func (c *diffCmd) show(e *env, d *compared) error {
	shown := slices.Concat(d.Different, d.Outcome)
	if c.All {
		shown = append(shown, d.Equal...)
	}
	if len(d.Different) == 0 {
		e.printf("%s and %s have the same settings (%d)\n", c.A, c.B, len(d.Equal))
	}
	if len(shown) > 0 {
		if err := e.printPairs(c.A, c.B, shown); err != nil {
			return err
		}
	}
	if len(d.Different) > 0 && len(d.Equal) > 0 && !c.All {
		var sections []string
		for _, s := range d.Equal {
			if !slices.Contains(sections, s.Section) {
				sections = append(sections, s.Section)
			}
		}
		e.printf("equal: %s (%s); --all prints them\n", counted(len(d.Equal), "setting"), strings.Join(sections, ", "))
	}
	return nil
}

// printPairs prints settings of two runs in three columns, and below them, on lines of their own, the values that
// are too long for a column.
func (e *env) printPairs(a, b string, pairs []record.SettingPair) error {
	const widest = 40
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		for i, cell := range cells {
			cells[i] = printable.Line(cell)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	row("", a, b)
	var long []record.SettingPair
	for _, p := range pairs {
		if len(p.A) > widest || len(p.B) > widest {
			long = append(long, p)
			continue
		}
		row(p.Name, cmp.Or(p.A, "-"), cmp.Or(p.B, "-"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range long {
		if p.Differs() {
			e.printf("%s:\n  %s: %s\n  %s: %s\n", p.Name, a, cmp.Or(p.A, "-"), b, cmp.Or(p.B, "-"))
		} else {
			e.printf("%s: %s\n", p.Name, p.A)
		}
	}
	return nil
}

// runSettings returns the settings of a run or of a series, and of a run how far it came.
func (c *diffCmd) runSettings(path string) (settings, outcome []record.Setting, err error) {
	o, err := c.options(c.TensorKinds)
	if err != nil {
		return nil, nil, err
	}
	r, err := runloss.OpenRecording(path, o)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	settings = r.Header().Settings()
	recorded, isRun := r.(*arrowfile.Reader)
	if !isRun {
		return settings, nil, nil
	}
	info, _, err := recorder.Inspect(path, recorded)
	if err != nil {
		return nil, nil, err
	}
	return settings, info.Outcome(), nil
}

// resultSettings returns the options of a result, and where its numbers come from.
func resultSettings(dir string) ([]record.Setting, error) {
	d, err := result.Read(dir, nil)
	if err != nil {
		return nil, err
	}
	settings, err := d.Settings()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return settings, nil
}
