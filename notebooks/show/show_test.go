package show

import (
	"bytes"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

var table = &record.Table{Columns: []record.Column{
	{Name: "step", Ints: []int64{0, 1, 2}},
	{Name: "loss", Floats: []float64{2.302585, 1e-7, 0}, Valid: []bool{true, true, false}},
	{Name: "group", Strings: []string{"sgd", "a|b", "adam"}},
}}

// TestMarkdown: chosen columns in the order asked for, absent values empty, what
// Markdown would take for a border escaped, and what is left out counted.
func TestMarkdown(t *testing.T) {
	want := "| loss | step | group |\n| ---: | ---: | --- |\n| 2.303 | 0 | sgd |\n| 1e-07 | 1 | a\\|b |\n\n... and 1 " +
		"more rows\n"
	if got := markdown(table, 2, []string{"loss", "step", "group"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := markdown(table, -1, nil); !strings.HasPrefix(got, "| step | loss | group |") ||
		!strings.HasSuffix(got, "| 2 |  | adam |\n") {
		t.Errorf("all columns and rows:\n%s", got)
	}
}

// TestMarkdownMissing: a column that is not there is named.
func TestMarkdownMissing(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(p.(string), `"height"`) {
			t.Errorf("got %v, want the name of the column", p)
		}
	}()
	markdown(table, 1, []string{"height"})
}

// TestOutside: without the kernel a figure is described and a text printed.
func TestOutside(t *testing.T) {
	f := &figure.Curves{
		XLabel: "step", YLabel: "loss",
		Series: []figure.Series{{X: []float64{0, 1}, Y: []float64{2, 1}}},
	}
	var b bytes.Buffer
	figureTo(&b, f)
	textTo(&b, "the *end*")
	if want := "[figure: " + f.Alt() + "]\nthe *end*\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// TestFigureMistake: a figure that cannot be drawn stops the cell with the reason.
func TestFigureMistake(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a figure of unequal lengths was drawn")
		}
	}()
	figureTo(new(bytes.Buffer), &figure.Curves{Series: []figure.Series{{X: []float64{0}, Y: []float64{1, 2}}}})
}
