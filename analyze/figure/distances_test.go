package figure_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/analyze/figure"
)

// pythiaSteps are the steps of a series that is dense at its start: 0, 1, 2, 4, ..., 512,
// 1000, 2000, ..., 143000.
func pythiaSteps() []int64 {
	steps := []int64{0}
	for s := int64(1); s <= 512; s *= 2 {
		steps = append(steps, s)
	}
	for s := int64(1000); s <= 143000; s += 1000 {
		steps = append(steps, s)
	}
	return steps
}

// exampleDistances has the distances of a random walk, where content[i] is the place of the
// walk that checkpoint i has; -1 is a checkpoint that cannot be read.
func exampleDistances(steps []int64, content func(i int) int) *figure.Distances {
	rng := rand.New(rand.NewPCG(6, 7))
	n := len(steps)
	d := &figure.Distances{Steps: steps, Values: make([][]float64, n)}
	noise := make([]float64, n*n)
	for i := range noise {
		noise[i] = 1 + 0.01*rng.NormFloat64()
	}
	for i := range n {
		d.Values[i] = make([]float64, n)
		for j := range n {
			a, b := content(i), content(j)
			if d.Values[i][j] = math.Sqrt(math.Abs(float64(a-b))) * noise[max(i, j)*n+min(i, j)]; a < 0 || b < 0 {
				d.Values[i][j] = math.NaN()
			}
		}
	}
	return d
}

func exampleSeries() map[string]*figure.Distances {
	steps := pythiaSteps()
	clean := exampleDistances(steps, func(i int) int { return i })
	faults := exampleDistances(steps, func(i int) int {
		switch i {
		case 60:
			return 120
		case 90, 91:
			return 181 - i
		case 110:
			return -1
		}
		return i
	})
	faults.Title = "A series with faults"
	faults.Marks = []figure.Mark{
		{Step: 50000, Kind: figure.MarkError, Text: "(fits 110000)"},
		{Step: 80000, Kind: figure.MarkError, Text: "(wrong order)"},
		{Step: 81000, Kind: figure.MarkError, Text: "(wrong order)"},
		{Step: 100000, Kind: figure.MarkWarning, Text: "(unreadable)"},
		{Step: 16, Kind: figure.MarkEvent, Text: "(faster)"},
		{Step: 130500, Kind: figure.MarkWarning, Text: "(missing step)"},
	}
	end := exampleDistances(steps, func(i int) int {
		if i >= 40 && i < 126 {
			return len(steps) - 1
		}
		return i
	})
	for _, s := range steps[40:126] {
		end.Marks = append(end.Marks, figure.Mark{Step: s, Kind: figure.MarkError})
	}
	every := make([]int64, 256)
	for i := range every {
		every[i] = int64(7 * i)
	}
	return map[string]*figure.Distances{
		"clean": clean, "faults": faults, "end": end,
		"256": exampleDistances(every, func(i int) int { return i }),
		"one": exampleDistances([]int64{30}, func(i int) int { return i }),
		"two": exampleDistances([]int64{1000000, 2000000}, func(i int) int { return i }),
	}
}

var textPattern = regexp.MustCompile(`<text x="([-0-9.]+)" y="([-0-9.]+)" font-size="[0-9.]+" fill="[^"]*" ` +
	`textLength="([0-9.]+)"[^>]*>([^<]*)</text>`)

// TestDistancesLabels: the labels of the axes do not touch each other, and the first and the
// last step have one, at every width.
func TestDistancesLabels(t *testing.T) {
	grids := map[string][]int64{"pythia": pythiaSteps()}
	for _, gap := range []int64{1, 7, 30, 5000, 123456789} {
		name := fmt.Sprintf("every %d", gap)
		for i := range int64(100) {
			grids[name] = append(grids[name], i*gap)
		}
	}
	for s := 1.0; s < 1e6; s *= 1.2 {
		if g := grids["logarithmic"]; len(g) == 0 || int64(s) > g[len(g)-1] {
			grids["logarithmic"] = append(g, int64(s))
		}
	}
	for name, steps := range grids {
		for _, width := range []float64{figure.SingleColumn, figure.DoubleColumn} {
			d := exampleDistances(steps, func(i int) int { return i })
			d.Style.Width = width
			rows, n := map[string]float64{}, 0
			seen := map[string]bool{}
			for _, m := range textPattern.FindAllStringSubmatch(string(svgOf(t, d)), -1) {
				x, _ := strconv.ParseFloat(m[1], 64)
				w, _ := strconv.ParseFloat(m[3], 64)
				if _, err := strconv.ParseInt(m[4], 10, 64); err != nil {
					continue
				}
				if end, isIn := rows[m[2]]; isIn && x < end {
					t.Errorf("%s, width %v: label %s begins at %v, before the end of the one before at %v", name, width, m[4],
						x, end)
				}
				rows[m[2]] = x + w
				seen[m[4]] = true
				n++
			}
			first, last := fmt.Sprint(steps[0]), fmt.Sprint(steps[len(steps)-1])
			if !seen[first] || !seen[last] || n < 12 {
				t.Errorf("%s, width %v: %d labels, first and last: %v, %v", name, width, n, seen[first], seen[last])
			}
		}
	}
}

// TestDistancesTicksAreRound: on a regular part of a series the labels are evenly spaced round
// steps.
func TestDistancesTicksAreRound(t *testing.T) {
	svg := string(svgOf(t, exampleSeries()["clean"]))
	for _, want := range []string{"0", "20000", "40000", "60000", "80000", "100000", "120000", "143000"} {
		if n := strings.Count(svg, ">"+want+"<"); n != 2 {
			t.Errorf("step %s is written %d times, want at both axes", want, n)
		}
	}
}

// TestDistancesMarks: few marks have a text, many have none, and both are counted in the
// legend.
func TestDistancesMarks(t *testing.T) {
	all := exampleSeries()
	svg := string(svgOf(t, all["faults"]))
	for _, want := range []string{"50000 (fits 110000)", "81000 (wrong order)", "16 (faster)", "error (3)", "warning (2)"} {
		if !strings.Contains(svg, ">"+want+"<") {
			t.Errorf("%q is not in the figure", want)
		}
	}
	narrow := string(svgOf(t, figure.Styled(all["faults"], figure.Style{Width: figure.SingleColumn})))
	if !strings.Contains(narrow, ">50000<") || strings.Contains(narrow, "fits") {
		t.Error("a narrow figure has the step without its text")
	}
	if svg := string(svgOf(t, all["end"])); !strings.Contains(svg, ">error (86)<") || strings.Contains(svg, ">41000<") {
		t.Error("86 marks are counted, and have no texts")
	}
}

// TestDistancesSize: the drawing of many checkpoints stays small enough for a page.
func TestDistancesSize(t *testing.T) {
	if n := len(svgOf(t, exampleSeries()["256"])); n > 3_000_000 {
		t.Errorf("the SVG of 256 checkpoints has %d bytes", n)
	}
}

// TestDistancesTable: one row for each pair, absent where the distance is.
func TestDistancesTable(t *testing.T) {
	nan := math.NaN()
	d := &figure.Distances{Steps: []int64{0, 5, 7}, Values: [][]float64{{0, 2, nan}, {2, 0, 3}, {nan, 3, 0}}}
	table := d.Table()
	var b bytes.Buffer
	if err := table.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "step,other_step,distance\n0,5,2\n0,7,\n5,7,3\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := d.Alt(), "Distances between 3 checkpoints, steps 0 to 7, from 2 to 3."; got != want {
		t.Errorf("alt %q, want %q", got, want)
	}
}
