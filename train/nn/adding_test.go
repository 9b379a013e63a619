package nn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// bottleneck is the example of ADDING.md: one narrow hidden layer between two
// wide ones.
func bottleneck(p *plan, args string) error {
	width, err := strconv.Atoi(args)
	if err != nil || width < 1 || width > maxExtent/4 {
		return fmt.Errorf("width %q must be a whole number from 1 to %d", args, maxExtent/4)
	}
	x := p.linear("linear1", p.input(), 4*width, true)
	x = p.linear("linear2", x, width, true)
	x = p.linear("linear3", x, 4*width, true)
	p.linear("linear4", x, p.in.Classes, false)
	return nil
}

// TestAddingAModel follows ADDING.md: one function and one line in architectures
// are enough for a model that trains, is evaluated and has exact Hessian
// products.
func TestAddingAModel(t *testing.T) {
	old := architectures
	t.Cleanup(func() { architectures = old })
	architectures = append(slices.Clip(architectures), architecture{
		name: "bottleneck", grammar: "bottleneck:W", hasArgs: true, plan: bottleneck,
	})

	f := build[float64](t, "bottleneck:2", small, 7, 2, 3)
	if got, want := f.g.plan.params.Len(), 12*8+8+8*2+2+2*8+8+8*5+5; got != want {
		t.Errorf("%d parameters; want %d", got, want)
	}
	loss, grad := f.gradient(t, 7)
	// The same network by its layers' widths has the same numbers.
	same := build[float64](t, "mlp:8,2,8", small, 7, 2, 3)
	wantLoss, want := same.gradient(t, 7)
	if loss != wantLoss || !slices.Equal(grad, want) {
		t.Errorf("loss %v; the same network as an mlp has %v", loss, wantLoss)
	}
	if _, err := newTape(f.g.plan, f.state, f.g.batch); err != nil {
		t.Error(err)
	}
	axes, _, err := Axes("bottleneck:2", small)
	if err != nil || !slices.Equal(axes[4].Axes, []string{"linear3", "linear2"}) {
		t.Errorf("axes %q, %v", axes[4].Axes, err)
	}
	_, err = parse("bottleneck:x", small)
	if err == nil || !strings.Contains(err.Error(), `width "x" must be`) ||
		!strings.Contains(err.Error(), "bottleneck:W") {
		t.Errorf("error %v", err)
	}
}
