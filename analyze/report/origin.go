package report

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
	"sgdwalk/analyze/result"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// headerTables returns the header of a run as tables, in enough detail to train the run
// again. They have the name of the data but not their path, because reports are sent to
// other people.
func headerTables(r *Run) []table {
	h := r.Header
	t := newTable("The run", "what", "value")
	for _, x := range h.Settings() {
		if !x.IsPlace {
			t.add(x.Name, settingCell(x.Value))
		}
	}
	if sum, err := result.HeaderSHA256(h); err == nil {
		t.add("sha256 of the header", sum)
	}
	l := newTable("Parameter tensors", "tensor", "kind", "shape", "elements")
	for _, x := range h.Layout {
		shape, n := "", 1
		for i, d := range x.Shape {
			if i > 0 {
				shape += " x "
			}
			shape += strconv.Itoa(d)
			n *= d
		}
		l.add(x.Name, string(x.Kind), shape, short(float64(n)))
	}
	return []table{t, l}
}

// settingCell formats a number as all numbers of the page; a seed keeps all its digits.
func settingCell(value string) string {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && len(value) <= 15 {
		return grouped(n)
	}
	return value
}

// origin returns the provenance of a result for the page.
func origin(x *Result) originView {
	p := &x.Document.Provenance
	o := originView{Title: head(x.section().Title)}
	if options, err := parse(x.options); err == nil {
		o.Options = placeless(leaves("", options))
	}
	for _, row := range [][2]string{
		{"method", p.Method},
		{"software", p.Software},
		{"run", p.Run},
		{"sha256 of the run's header", p.HeaderSHA256},
		{"hash of the data that the loss was evaluated on", p.DataHash},
		{"kernels that evaluated it", p.Kernel},
		{"statistics of normalization layers", p.Policy},
	} {
		if row[1] != "" {
			o.Rows = append(o.Rows, row)
		}
	}
	return o
}

// mismatches returns warnings when a result belongs to another recording, or when its loss
// was evaluated on other data than the training data of the run. sum is the hash of the
// run's header.
func mismatches(r *Run, x *Result, sum string) []warning {
	var out []warning
	p := &x.Document.Provenance
	if p.HeaderSHA256 != "" && p.HeaderSHA256 != sum {
		out = append(out, warning{Code: "other_run", Text: fmt.Sprintf("These numbers come from another "+
			"recording: its header has the hash %.12s, the header of this run has %.12s.", p.HeaderSHA256, sum)})
	}
	if p.DataHash != "" && p.DataHash != r.Header.Data.Hash && !slices.ContainsFunc(x.Document.Warnings,
		func(w warning) bool { return w.Code == "other_data" }) {
		out = append(out, warning{
			Code: "other_data",
			Text: "The loss was not evaluated on the data of the run, but on " +
				"other data.",
		})
	}
	return out
}

// maxDiffering is the number of settings that the table of several runs has.
const maxDiffering = 8

// differing returns the names of the settings in which runs differ, in their order.
func differing(runs []Run) []string {
	var names []string
	first := runs[0].Header.Settings()
	for i := range runs[1:] {
		for _, p := range record.PairSettings(first, runs[i+1].Header.Settings()) {
			if p.Differs() && p.Section != "comment" && p.Name != "opened as" && !slices.Contains(names, p.Name) {
				names = append(names, p.Name)
			}
		}
	}
	return names[:min(len(names), maxDiffering)]
}

// overview returns a table with one row for every run: the settings in which they differ, and
// key numbers.
func overview(runs []Run) *table {
	settings := differing(runs)
	t := &table{
		Caption: "The runs: the settings in which they differ, and key numbers",
		Head: slices.Concat([]string{"run"}, settings, []string{
			"training loss at the end", "held-out loss at the end", "floor inside the step", "mean cosine of gradients",
			"variance of PC1 and PC2",
		}),
		Note: "One run is one draw of the noise: compare over several seeds before you conclude that one setting " +
			"is better than another.",
	}
	for i := range runs {
		r := &runs[i]
		var row []string
		for _, name := range settings {
			value := ""
			for _, x := range r.Header.Settings() {
				if x.Name == name {
					value = settingCell(x.Value)
				}
			}
			row = append(row, value)
		}
		n := len(row)
		row = append(row, make([]string, 5)...)
		if p := r.first("path"); p != nil {
			for k, name := range []string{"full_loss", "test_loss"} {
				if _, last, ok := ends(p.tables["path"].column(name)); ok {
					row[n+k] = short(last)
				}
			}
			row[n+3] = optional(p.Summary.(*path.Summary).GradCos.Mean)
		}
		if w := r.first("walk"); w != nil {
			row[n+2] = share(w.Summary.(*walk.Summary).FloorInteriorRatio)
		}
		if p := r.first("pca"); p != nil {
			if v := p.Summary.(*pca.Summary).ExplainedVarianceRatio; len(v) > 1 {
				row[n+4] = analyze.Percent(v[0] + v[1])
			}
		}
		t.add(r.Name, row...)
	}
	return t
}

// placeless shortens every absolute path to its last element, so that a report does not
// show where runs and data were stored. It changes rows in place.
func placeless(rows [][2]string) [][2]string {
	for i, r := range rows {
		if filepath.IsAbs(r[1]) {
			rows[i][1] = filepath.Base(r[1])
		}
	}
	return rows
}
