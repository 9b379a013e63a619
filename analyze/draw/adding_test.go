package draw

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/path"
)

// alignment is the example of ADDING.md: the cosine between gradient and update.
func alignment(run string, r *path.Result) *figure.Curves {
	cosine := Values(&r.Table, "grad_update_cos")
	if cosine == nil {
		return nil
	}
	return &figure.Curves{
		Title: "Alignment of gradient and update", Subtitle: run,
		XLabel: "step", XWhole: true, XSteps: true, YLabel: "cosine of gradient and update",
		Series: []figure.Series{{X: Values(&r.Table, "step"), Y: cosine}},
		Notes:  []string{"-1 is plain gradient descent."},
	}
}

// TestAddingAFigure follows ADDING.md: one function is enough for a figure that is drawn,
// described and written as a table.
func TestAddingAFigure(t *testing.T) {
	m, _ := run(t)
	r, err := path.Compute(t.Context(), m, path.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := alignment("descent", r)
	valid(t, f)
	for k, v := range f.Series[0].Y[:8] {
		if math.Abs(v+1) > 1e-6 { // the updates are rounded to float32
			t.Errorf("step %d: the cosine is %v; gradient descent has -1", k, v)
		}
	}
	var svg bytes.Buffer
	if err := figure.Render(&svg, f, figure.SVG); err != nil || !strings.Contains(svg.String(),
		">cosine of gradient and update<") {
		t.Errorf("error %v in an SVG of %d bytes", err, svg.Len())
	}
	if table := f.Table(); table.Len() != 9 || table.Column("y").Floats[0] != f.Series[0].Y[0] {
		t.Errorf("the table has %d rows; want 9", table.Len())
	}
	if f := alignment("", &path.Result{}); f != nil {
		t.Errorf("a result without gradients is drawn as %+v", f)
	}
}
