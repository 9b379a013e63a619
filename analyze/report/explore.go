package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/landscape"
	"sgdwalk/record/printable"
)

// Limits of the data in the page for the interactive view, so that a browser can draw it.
const (
	maxSteps  = 4000  // positions of the slider
	maxDrawn  = 20000 // approximate number of drawn iterates of a long run
	maxPoints = 30000 // approximate number of drawn points of the walk
)

// numbers are encoded in JSON with six digits; a NaN or infinite number is null.
type numbers []float64

// MarshalJSON implements json.Marshaler.
func (n numbers) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	for i, x := range n {
		if i > 0 {
			b = append(b, ',')
		}
		if x-x != 0 {
			b = append(b, "null"...)
			continue
		}
		if x == math.Trunc(x) && math.Abs(x) < 1e15 {
			b = strconv.AppendInt(b, int64(x), 10)
			continue
		}
		b = strconv.AppendFloat(b, x, 'g', 6, 64)
	}
	return append(b, ']'), nil
}

// exploration is the data of the interactive view. Steps are the positions of the slider.
// Every panel has its own steps, because results may have different rows.
type exploration struct {
	Steps     numbers    `json:"steps"`
	Loss      *lossPanel `json:"loss,omitempty"`
	Walk      *walkPanel `json:"walk,omitempty"`
	Landscape *mapPanel  `json:"landscape,omitempty"`
}

// lossPanel has the losses of the iterates, one value per recorded step.
type lossPanel struct {
	Step  numbers `json:"step"`
	Batch numbers `json:"batch"`
	Full  numbers `json:"full"`
	Test  numbers `json:"test"`
}

// walkPanel has the loss along segments. X is the step with its fraction.
type walkPanel struct {
	X      numbers `json:"x"`
	Loss   numbers `json:"loss"`
	FloorX numbers `json:"floor_x"`
	Floor  numbers `json:"floor"`
	Step   numbers `json:"step"` // iterates: the start of each segment
	Start  numbers `json:"start"`
}

// mapPanel has the surface of the landscape and the path on it. A and B are the coordinates
// of the grid.
type mapPanel struct {
	A     numbers   `json:"a"`
	B     numbers   `json:"b"`
	Z     []numbers `json:"z"` // Z[j][i] is the loss at (A[i], B[j])
	Log   bool      `json:"log"`
	XName string    `json:"x_name"`
	YName string    `json:"y_name"`

	Step     numbers `json:"step"` // iterates of the path
	PathA    numbers `json:"path_a"`
	PathB    numbers `json:"path_b"`
	Under    numbers `json:"under"` // loss on the plane under the iterate
	True     numbers `json:"true"`  // loss of the iterate, where it was compared
	Residual numbers `json:"residual"`
}

// explore collects the data of a run for the interactive view. It returns nil when the run
// has neither a walk nor a landscape. The notes describe what is not drawn.
func (r *Run) explore() (*exploration, []string) {
	x := &exploration{}
	var notes []string
	note := func(s string) {
		if s != "" {
			notes = append(notes, s)
		}
	}
	if p := r.first("path"); p != nil {
		x.Loss = lossData(p.tables["path"])
	}
	if w := r.first("walk"); w != nil {
		var s string
		x.Walk, s = walkData(w)
		note(s)
	}
	if l := r.first("landscape"); l != nil {
		var s string
		x.Landscape, s = mapData(l)
		note(s)
	}
	switch {
	case x.Loss != nil:
		x.Steps = x.Loss.Step
	case x.Landscape != nil && len(x.Landscape.Step) > 0:
		x.Steps = x.Landscape.Step
	case x.Walk != nil:
		x.Steps = x.Walk.Step
	}
	if len(x.Steps) < 2 || x.Walk == nil && x.Landscape == nil {
		return nil, nil
	}
	if n := len(x.Steps); n > maxSteps {
		note(fmt.Sprintf("The slider has every %dth of %s recorded iterates.", stride(n), short(float64(n))))
		x.Steps = thin(x.Steps)
	}
	return x, notes
}

// stride returns the distance between two iterates on the slider of a run with n iterates.
func stride(n int) int { return (n + maxSteps - 1) / maxSteps }

// thin keeps every stride-th value and the last one.
func thin(v numbers) numbers {
	k := stride(len(v))
	if k <= 1 {
		return v
	}
	var out numbers
	for i := 0; i < len(v); i += k {
		out = append(out, v[i])
	}
	if (len(v)-1)%k != 0 {
		out = append(out, v[len(v)-1])
	}
	return out
}

// lossData takes the losses from the table of the analysis path. It returns nil when the
// table has no rows.
func lossData(t *series) *lossPanel {
	step := t.column("step")
	if len(step) == 0 {
		return nil
	}
	full, test := t.column("full_loss"), t.column("test_loss")
	keep := sparse(len(step), full, test)
	return &lossPanel{Step: keep(step), Batch: keep(t.column("batch_loss")), Full: keep(full), Test: keep(test)}
}

// sparse returns a function that takes the same rows of every column of a long run with n
// rows: every k-th row, the last row, and at most maxDrawn other rows in which one of the
// rare columns has a value. Rare columns, such as the full loss, would otherwise almost
// disappear.
func sparse(n int, rare ...[]float64) func([]float64) numbers {
	k := (n + maxDrawn - 1) / maxDrawn
	if k <= 1 {
		return func(v []float64) numbers { return v }
	}
	var rows []int
	extra := 0
	for i := range n {
		has := false
		for _, v := range rare {
			has = has || at(v, i) == at(v, i)
		}
		if i%k == 0 || i == n-1 {
			rows = append(rows, i)
		} else if has && extra < maxDrawn {
			rows = append(rows, i)
			extra++
		}
	}
	return func(v []float64) numbers {
		if len(v) != n {
			return nil
		}
		out := make(numbers, len(rows))
		for i, r := range rows {
			out[i] = v[r]
		}
		return out
	}
}

// walkData takes the part of every segment between its ends. It takes only the first
// segments of a long walk, and then returns a note.
func walkData(r *Result) (*walkPanel, string) {
	losses, segments := r.tables["losses"], r.tables["segments"]
	alpha, loss, step := losses.column("alpha"), losses.column("loss"), losses.column("step")
	if len(alpha) == 0 || len(loss) == 0 || len(step) == 0 {
		return nil, ""
	}
	w, note := &walkPanel{}, ""
	for i, a := range alpha {
		if a < 0 || a > 1 {
			continue
		}
		if a == 0 && len(w.X) > maxPoints {
			note = fmt.Sprintf("The walk is shown up to step %s.", short(step[i]))
			break
		}
		if n := len(w.X); a == 0 && n > 0 && step[i] > w.X[n-1] {
			w.X, w.Loss = append(w.X, nan), append(w.Loss, nan) // a gap for segments that were not evaluated
		}
		if a == 0 {
			w.Step, w.Start = append(w.Step, step[i]), append(w.Start, loss[i])
		}
		w.X, w.Loss = append(w.X, step[i]+a), append(w.Loss, loss[i])
	}
	position, floor := segments.column("floor_position"), segments.column("floor_loss")
	for i, s := range segments.column("step") {
		if p := at(position, i); i < len(w.Step) && p >= 0 && p <= 1 {
			w.FloorX, w.Floor = append(w.FloorX, s+p), append(w.Floor, at(floor, i))
		}
	}
	return w, note
}

// mapData returns the grid as rows of a surface, with the path on it. It returns nil when
// the table does not have exactly one row for every cell.
func mapData(r *Result) (*mapPanel, string) {
	grid, path := r.tables["grid"], r.tables["path"]
	ci, cj, a, b, loss := grid.column("i"), grid.column("j"), grid.column("a"), grid.column("b"), grid.column("loss")
	if len(ci) == 0 || len(cj) != len(ci) || len(a) != len(ci) || len(b) != len(ci) || len(loss) != len(ci) {
		return nil, ""
	}
	nx, ny := 0, 0
	for k := range ci {
		if !(ci[k] >= 0 && ci[k] < float64(len(ci)) && cj[k] >= 0 && cj[k] < float64(len(ci))) {
			return nil, ""
		}
		nx, ny = max(nx, int(ci[k])+1), max(ny, int(cj[k])+1)
	}
	if nx < 2 || ny < 2 || nx*ny != len(ci) {
		return nil, ""
	}
	m := &mapPanel{A: make(numbers, nx), B: make(numbers, ny)}
	g := landscape.Grid{A: m.A, B: m.B, Loss: make([]float64, nx*ny), Valid: make([]bool, nx*ny)}
	valid := grid.column("valid")
	low, high := math.Inf(1), math.Inf(-1)
	for k := range ci {
		i, j := int(ci[k]), int(cj[k])
		m.A[i], m.B[j] = a[k], b[k]
		c := g.Cell(i, j)
		g.Loss[c], g.Valid[c] = loss[k], valid == nil || valid[k] == 1
		if g.Valid[c] && loss[k]-loss[k] == 0 {
			low, high = min(low, loss[k]), max(high, loss[k])
		}
	}
	// The cells that a refined grid does not evaluate would be holes in the surface.
	filled, ok, interpolated := g.Filled(g.Loss)
	for c := range filled {
		if !ok[c] {
			filled[c] = nan
		}
	}
	for j := range ny {
		m.Z = append(m.Z, filled[j*nx:(j+1)*nx])
	}
	note := ""
	if interpolated > 0 {
		note = fmt.Sprintf("%s of the grid points, away from contours, are interpolated (the grid has %s points).",
			short(float64(interpolated)), short(float64(nx*ny)))
	}
	m.Log = low > 0 && high/low >= 20 && high-high == 0
	var plane landscape.PlaneRecipe
	var shares [2]float64
	principal := false
	if s, ok := r.Summary.(*landscape.Summary); ok {
		plane = s.PlaneOf()
		shares, _, principal = s.PlaneShares()
	}
	name := func(i int) string {
		if principal {
			return fmt.Sprintf("%s (%s of variance)", plane.Direction(i), analyze.Percent(shares[i]))
		}
		return plane.Direction(i)
	}
	m.XName, m.YName = printable.Line(name(0)), printable.Line(name(1))
	keep := sparse(len(path.column("step")), path.column("true_loss"))
	m.Step, m.PathA, m.PathB = keep(path.column("step")), keep(path.column("a")), keep(path.column("b"))
	m.True, m.Residual = keep(path.column("true_loss")), keep(path.column("residual"))
	under := keep(path.column("plane_loss"))
	for k := range m.Step {
		z := at(under, k)
		if z != z {
			z = m.under(at(m.PathA, k), at(m.PathB, k))
		}
		m.Under = append(m.Under, z)
	}
	return m, note
}

// under interpolates the loss at a point of the plane between the four surrounding grid
// points. It returns NaN outside of the grid.
func (m *mapPanel) under(a, b float64) float64 {
	i, s := between(m.A, a)
	j, t := between(m.B, b)
	if i < 0 || j < 0 {
		return nan
	}
	return (1-t)*((1-s)*m.Z[j][i]+s*m.Z[j][i+1]) + t*((1-s)*m.Z[j+1][i]+s*m.Z[j+1][i+1])
}

// between returns the index of the interval of increasing values that contains x, and the
// position of x in it from 0 to 1. The index is -1 when no interval contains x.
func between(v numbers, x float64) (int, float64) {
	for i := 0; i+1 < len(v); i++ {
		if x >= v[i] && x <= v[i+1] && v[i] < v[i+1] {
			return i, (x - v[i]) / (v[i+1] - v[i])
		}
	}
	return -1, 0
}

// block returns the data as a script element of type JSON, which browsers do not run. The
// encoder escapes every character that could end the element.
func (x *exploration) block(id string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	if err := e.Encode(x); err != nil {
		return "", err
	}
	return `<script type="application/json" id="` + id + `">` + strings.TrimSpace(b.String()) + "</script>", nil
}
