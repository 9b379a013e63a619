package figure_test

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
)

// longTimeline has epochs of 10 steps and a learning rate that falls twice, or at every step.
func longTimeline(epochs int, always bool) (t figure.Timeline) {
	for e := range epochs {
		t.Epochs = append(t.Epochs, figure.EpochStart{Step: int64(10 * e), Epoch: int64(e + 1)})
	}
	rate := 0.5
	for step := range int64(10 * epochs) {
		if step == 0 || always || step == int64(3*epochs) || step == int64(7*epochs) {
			t.Rates = append(t.Rates, figure.RateChange{Step: step, Rate: rate})
			rate /= 10
		}
	}
	return t
}

// TestTimeline compares the legend with what the marks of a run must say.
func TestTimeline(t *testing.T) {
	for _, c := range []struct {
		name      string
		epochs    int
		always    bool
		have, not []string
	}{
		{"one epoch", 1, false, []string{"learning rate 0.5"}, []string{"epoch<", "every"}},
		{"few epochs", 9, false, []string{">epoch<", "learning rate 0.5 \u2192 0.05 \u2192 0.005"}, []string{"every"}},
		{"many epochs", 100, false, []string{">every 5 epochs<"}, []string{">epoch<"}},
		{"a rate for each step", 3, true, []string{"learning rate changes (5"}, []string{"\u2192"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := []float64{0, float64(10 * c.epochs)}
			for _, fig := range []figure.Figure{
				&figure.Curves{XSteps: true, Series: []figure.Series{{X: x, Y: []float64{1, 2}}}},
				&figure.Panels{XSteps: true, Panels: []figure.Panel{{Series: []figure.Series{{X: x, Y: []float64{1, 2}}}}}},
			} {
				svg := string(render(t, figure.Marked(fig, longTimeline(c.epochs, c.always)), figure.SVG))
				for _, s := range c.have {
					if !strings.Contains(svg, s) {
						t.Errorf("%T does not have %q", fig, s)
					}
				}
				for _, s := range c.not {
					if strings.Contains(svg, s) {
						t.Errorf("%T has %q", fig, s)
					}
				}
			}
		})
	}
	// A figure over something else has no marks.
	other := &figure.Curves{Series: []figure.Series{{X: []float64{0, 100}, Y: []float64{1, 2}}}}
	if got := figure.Marked(other, longTimeline(9, false)); got != figure.Figure(other) {
		t.Error("a figure without an axis of steps was marked")
	}
}

// TestLabels replaces the words around a figure of every type of the gallery.
func TestLabels(t *testing.T) {
	title, empty := "another title", ""
	l := figure.Labels{Title: &title, Subtitle: &title, XLabel: "another x", YLabels: []string{"another y"}}
	figures, types := gallery(), make(map[reflect.Type]bool)
	for _, name := range slices.Sorted(maps.Keys(figures)) {
		fig := figures[name]
		if types[reflect.TypeOf(fig)] {
			continue
		}
		types[reflect.TypeOf(fig)] = true
		before := render(t, fig, figure.SVG)
		svg := string(render(t, fig.WithLabels(l), figure.SVG))
		for _, s := range []string{"another title", "another x", "another y"} {
			if !strings.Contains(strings.ReplaceAll(svg, "</text>", ""), s) {
				t.Errorf("%s does not have %q", name, s)
			}
		}
		if !bytes.Equal(before, render(t, fig.WithLabels(figure.Labels{}), figure.SVG)) {
			t.Errorf("%s: labels changed the figure that they were copied from", name)
		}
	}
	fig := &figure.Curves{Title: "own title", Series: []figure.Series{{X: []float64{0, 1}, Y: []float64{1, 2}}}}
	if svg := render(t, fig.WithLabels(figure.Labels{Title: &empty}), figure.SVG); bytes.Contains(svg, []byte("own title")) {
		t.Error("an empty title does not remove the title")
	}
}
