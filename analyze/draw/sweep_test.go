package draw

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

// cell is a row of the table of a sweep.
type cell struct {
	optimizer string
	rate      float64
	batch     int64
	beta      float64 // NaN where the optimizer has none
	seed      string
	loss      float64 // NaN for a cell that diverged
}

func sweepTable(cells []cell) *record.Table {
	n := len(cells)
	t := &record.Table{}
	text := func(name string, f func(cell) string) {
		c := record.Column{Name: name, Strings: make([]string, n)}
		for i, q := range cells {
			c.Strings[i] = f(q)
		}
		t.Columns = append(t.Columns, c)
	}
	number := func(name string, f func(cell) float64) {
		c := record.Column{Name: name, Floats: make([]float64, n), Valid: make([]bool, n)}
		for i, q := range cells {
			c.Floats[i] = f(q)
			c.Valid[i] = !math.IsNaN(c.Floats[i])
		}
		t.Columns = append(t.Columns, c)
	}
	text("cell", func(q cell) string { return fmt.Sprint(q) })
	text("data", func(cell) string { return "digits" })
	text("model", func(cell) string { return "mlp:8" })
	text("optimizer", func(q cell) string { return q.optimizer })
	number("learning_rate", func(q cell) float64 { return q.rate })
	batch := record.Column{Name: "batch", Ints: make([]int64, n)}
	for i, q := range cells {
		batch.Ints[i] = q.batch
	}
	t.Columns = append(t.Columns, batch)
	text("seed", func(q cell) string { return q.seed })
	text("init_seed", func(cell) string { return "1" })
	number("beta2", func(q cell) float64 { return q.beta })
	text("status", func(q cell) string {
		if math.IsNaN(q.loss) {
			return "diverged"
		}
		return "finished"
	})
	number("full_loss", func(q cell) float64 { return q.loss })
	number("test_accuracy", func(q cell) float64 { return 1 / (1 + q.loss) })
	return t
}

// TestSweepOneSetting: the loss over the learning rate, with the mean, the range and the seeds.
// A rate that diverged is named.
func TestSweepOneSetting(t *testing.T) {
	nan := math.NaN()
	list := Sweep(sweepTable([]cell{
		{"sgd", 0.1, 50, nan, "1", 2},
		{"sgd", 0.01, 50, nan, "1", 3},
		{"sgd", 0.01, 50, nan, "2", 5},
		{"sgd", 0.1, 50, nan, "2", 1},
		{"sgd", 9, 50, nan, "1", nan},
		{"sgd", 9, 50, nan, "2", nan},
	}))
	if len(list) != 1 || list[0].Name != "final" {
		t.Fatalf("figures %+v; want one", list)
	}
	f := list[0].Figure.(*figure.Panels)
	valid(t, f)
	if f.XLabel != "learning rate" || f.XScale != figure.Log || len(f.Panels) != 2 {
		t.Errorf("%d panels over %q, %q", len(f.Panels), f.XLabel, f.XScale)
	}
	s := f.Panels[0].Series[0]
	if s.Name != "sgd" || !slices.Equal(s.X, []float64{0.01, 0.1}) || !slices.Equal(s.Y, []float64{4, 1.5}) ||
		!slices.Equal(s.Low, []float64{3, 1}) || !slices.Equal(s.Top, []float64{5, 2}) {
		t.Errorf("series %+v", s)
	}
	if len(s.Seeds) != 2 || s.Seeds[1].Name != "seed 2" || !slices.Equal(s.Seeds[1].Y, []float64{5, 1}) {
		t.Errorf("seeds %+v", s.Seeds)
	}
	if notes := strings.Join(f.Notes, " "); !strings.Contains(notes, "Not drawn, diverged: learning rate 9 (2 runs).") {
		t.Errorf("notes %q", notes)
	}
}

// TestSweepSettings: what the settings of a grid make of the axes.
func TestSweepSettings(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name  string
		cells []cell
		x     string
		names []string
	}{
		{"rates of two optimizers and two batches", []cell{
			{"sgd", 0.1, 50, nan, "1", 1},
			{"sgd", 0.2, 50, nan, "1", 1},
			{"sgd", 0.1, 10, nan, "1", 1},
			{"adam", 0.001, 50, 0.9, "1", 1},
			{"adam", 0.002, 10, 0.9, "1", 1},
		}, "learning rate", []string{"sgd, batch 50", "sgd, batch 10", "adam, batch 50", "adam, batch 10"}},
		{"batches alone", []cell{
			{"sgd", 0.1, 50, nan, "1", 1}, {"sgd", 0.1, 10, nan, "1", 1},
		}, "batch", []string{"sgd"}},
		// The rate follows from the optimizer, which says all.
		{"one rate for each optimizer", []cell{
			{"sgd", 0.1, 50, nan, "1", 1}, {"adam", 0.001, 50, 0.9, "1", 1}, {"sgd", 0.1, 50, nan, "2", 1},
		}, "", []string{"sgd", "adam"}},
		// Not every optimizer has the hyperparameter, so it is no axis.
		{"a hyperparameter of one", []cell{
			{"sgd", 0.1, 50, nan, "1", 1}, {"adam", 0.1, 50, 0.9, "1", 1}, {"adam", 0.1, 50, 0.99, "1", 1},
		}, "", []string{"sgd", "adam, beta2 0.9", "adam, beta2 0.99"}},
		{"seeds alone", []cell{{"sgd", 0.1, 50, nan, "1", 1}, {"sgd", 0.1, 50, nan, "2", 1}}, "", []string{"sgd"}},
	} {
		list := Sweep(sweepTable(c.cells))
		var names []string
		x := ""
		switch f := list[0].Figure.(type) {
		case *figure.Panels:
			names, x = f.Groups, f.XLabel
		case *figure.Dots:
			names = f.Groups
			total := 0
			for _, v := range f.Columns[0].Values {
				total += len(v)
			}
			if total != len(c.cells) {
				t.Errorf("%s: %d of %d cells", c.name, total, len(c.cells))
			}
		}
		if x != c.x || !slices.Equal(names, c.names) {
			t.Errorf("%s: over %q, %q; want over %q, %q", c.name, x, names, c.x, c.names)
		}
		for _, f := range list {
			valid(t, f.Figure)
		}
	}
	if list := Sweep(sweepTable([]cell{{"sgd", 0.1, 50, nan, "1", nan}})); list != nil {
		t.Errorf("figures %+v of a sweep without a finished cell", list)
	}
}

// TestSweepMany: of very many combinations those with the lowest losses are drawn.
func TestSweepMany(t *testing.T) {
	var cells []cell
	for k := range int64(30) {
		for _, rate := range []float64{0.1, 1} {
			cells = append(cells, cell{"sgd", rate, 1 + k, math.NaN(), "1", float64(30 - k)})
		}
	}
	list := Sweep(sweepTable(cells))
	f := list[0].Figure.(*figure.Panels)
	if len(f.Groups) != mostSettings || f.Groups[0] != "batch 7" {
		t.Errorf("%d combinations, the first %q", len(f.Groups), f.Groups[0])
	}
	for _, f := range list {
		valid(t, f.Figure)
	}
	if !strings.Contains(strings.Join(f.Notes, " "), "sweep.csv has 6 more") {
		t.Errorf("notes %q", f.Notes)
	}
}
