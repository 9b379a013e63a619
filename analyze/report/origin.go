package report

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
	"sgdwalk/analyze/result"
	"sgdwalk/analyze/walk"
)

// headerTables returns the header of a run as tables, in enough detail to train the run
// again. They have the name of the data but not their path, because reports are sent to
// other people.
func headerTables(r *Run) []table {
	h := r.Header
	t := newTable("The run", "what", "value")
	t.add("model", h.Model)
	t.add("parameters", short(float64(h.Layout.Len())))
	t.add("data", h.Data.Name())
	t.add("hash of the data", h.Data.Hash)
	count := func(name string, n int64) { // 0 means that the header of an imported run does not have it
		if n > 0 {
			t.add(name, short(float64(n)))
		}
	}
	count("training examples", int64(h.Data.TrainExamples))
	count("held-out examples", int64(h.Data.TestExamples))
	t.add("split into training and held-out examples", h.Data.Split)
	if h.Data.Height > 0 {
		t.add("size of an example", fmt.Sprintf("%d x %d x %d, %d classes", h.Data.Height, h.Data.Width,
			h.Data.Channels, h.Data.Classes))
	}
	t.add("scaling", h.Data.Scaling)
	t.add("optimizer", h.Optimizer.Name)
	for _, name := range slices.Sorted(maps.Keys(h.Optimizer.Hyperparameters)) {
		t.add(words(name), strconv.FormatFloat(h.Optimizer.Hyperparameters[name], 'g', -1, 64))
	}
	t.add("learning rate schedule", h.Optimizer.RateSchedule)
	count("mini-batch", int64(h.Batch))
	count("epochs", int64(h.Epochs))
	count("planned steps", int64(h.Steps))
	t.add("seed", strconv.FormatUint(h.Seed, 10))
	if h.InitSeed != nil {
		t.add("seed of the initialization", strconv.FormatUint(*h.InitSeed, 10))
	}
	t.add("recorded rows", h.Schedule.String())
	t.add("kernels", h.Kernel)
	t.add("element type", h.DType)
	t.add("recorded by", h.Software)
	if sum, err := result.HeaderSHA256(h); err == nil {
		t.add("sha256 of the header", sum)
	}
	t.add("comment", h.Comment)
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

// overview returns a table with one row of key numbers for every run.
func overview(runs []Run) *table {
	t := &table{
		Caption: "Key numbers of every run",
		Head: []string{
			"run", "what", "seed", "steps", "training loss at the end", "held-out loss at the end",
			"floor inside the step", "mean cosine of gradients", "variance of PC1 and PC2",
		},
		Note: "One run is one draw of the noise: compare over several seeds before you conclude that one setting " +
			"is better than another.",
	}
	for i := range runs {
		r := &runs[i]
		row := []string{
			r.Header.Title(), strconv.FormatUint(r.Header.Seed, 10), short(float64(r.Header.Steps)), "",
			"", "", "", "",
		}
		if p := r.first("path"); p != nil {
			for k, name := range []string{"full_loss", "test_loss"} {
				if _, last, ok := ends(p.tables["path"].column(name)); ok {
					row[3+k] = short(last)
				}
			}
			row[6] = optional(p.Summary.(*path.Summary).GradCos.Mean)
		}
		if w := r.first("walk"); w != nil {
			row[5] = share(w.Summary.(*walk.Summary).FloorInteriorRatio)
		}
		if p := r.first("pca"); p != nil {
			if v := p.Summary.(*pca.Summary).ExplainedVarianceRatio; len(v) > 1 {
				row[7] = analyze.Percent(v[0] + v[1])
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
