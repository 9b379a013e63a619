package draw

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/landscape"
)

// portion is a store that stops with an error after some units.
type portion struct {
	analyze.NoStore
	left int
}

func (p *portion) Save(string, []float64) error {
	if p.left--; p.left < 0 {
		return errors.New("stopped")
	}
	return nil
}

// TestPreviewShowsWhatIsMissing: cells that are missing here and there are no
// matter for interpolation; what an interruption leaves is.
func TestPreviewShowsWhatIsMissing(t *testing.T) {
	_, loss := run(t)
	plane, err := analyze.NewPlane([]float32{0, 0}, []float32{1, 0}, []float32{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	o := landscape.Options{X: analyze.Range{Min: -1, Max: 1, N: 9}, Y: analyze.Range{Min: -1, Max: 1, N: 9}}
	compute := func(left int, mine func(string) bool) *landscape.Result {
		t.Helper()
		j, err := landscape.NewJob(t.Context(), plane, loss, o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := job.Run(t.Context(), j, job.Driver{Store: &portion{left: left}, Mine: mine, Preview: true})
		if r == nil {
			t.Fatal(err)
		}
		return r
	}
	sum := func(unit string) int { // of the coordinates of a cell
		words := strings.Fields(unit)
		i, _ := strconv.Atoi(words[1])
		j, _ := strconv.Atoi(words[2])
		return i + j
	}
	preview := compute(100, func(unit string) bool { return sum(unit)%3 == 0 })
	f := Landscape("t", "x", "y", preview)
	valid(t, f)
	if !f.Mosaic {
		t.Error("a preview is drawn with contours")
	}
	for j := range f.Y {
		for i := range f.X {
			if there := (i+j)%3 == 0; f.Valid[j][i] != there ||
				there && math.Abs(f.Z[j][i]-(f.X[i]*f.X[i]/2+5*f.Y[j]*f.Y[j])) > 1e-6 {
				t.Errorf("cell %d %d: valid %v, %v", i, j, f.Valid[j][i], f.Z[j][i])
			}
		}
	}
	for _, left := range []int{0, 1, 25, 60, 80} {
		interrupted := compute(left, nil)
		if f := Landscape("t", "x", "y", interrupted); f.Mosaic {
			t.Errorf("what an interruption after %d cells leaves is drawn in tiles", left)
		}
	}
	if f := Landscape("t", "x", "y", compute(100, nil)); f.Mosaic {
		t.Error("a whole landscape is drawn in tiles")
	}
}
