package vtk_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/vtk"
)

// vtkArray and the types below are the documents as their readers see them.
type vtkArray struct {
	Type       string `xml:"type,attr"`
	Name       string `xml:",attr"`
	Components int    `xml:"NumberOfComponents,attr"`
	Tuples     int    `xml:"NumberOfTuples,attr"`
	Format     string `xml:"format,attr"`
	Text       string `xml:",chardata"`
}

func (a *vtkArray) numbers(t *testing.T) []float64 {
	t.Helper()
	if a.Format != "ascii" {
		t.Fatalf("array %s has the format %q", a.Name, a.Format)
	}
	out := []float64{}
	for _, w := range strings.Fields(a.Text) {
		v, err := strconv.ParseFloat(w, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("array %s has %q: no finite number", a.Name, w)
		}
		if a.Type != "Float64" && v != math.Trunc(v) {
			t.Fatalf("array %s of %s has %q", a.Name, a.Type, w)
		}
		out = append(out, v)
	}
	return out
}

type vtkArrays struct {
	Scalars string     `xml:",attr"`
	Arrays  []vtkArray `xml:"DataArray"`
}

func (d *vtkArrays) get(t *testing.T, name string) []float64 {
	t.Helper()
	for i := range d.Arrays {
		if d.Arrays[i].Name == name {
			return d.Arrays[i].numbers(t)
		}
	}
	t.Fatalf("no array %q", name)
	return nil
}

type vtkDocument struct {
	Type string `xml:"type,attr"`
	Grid struct {
		WholeExtent string `xml:",attr"`
		Piece       struct {
			Extent    string `xml:",attr"`
			PointData vtkArrays
			Points    vtkArrays
		}
	} `xml:"StructuredGrid"`
	Poly struct {
		FieldData vtkArrays
		Piece     struct {
			NumberOfPoints, NumberOfVerts, NumberOfLines int `xml:",attr"`
			PointData, Points, Verts, Lines              vtkArrays
		}
	} `xml:"PolyData"`
}

func vtkOf(t *testing.T, write func(io.Writer, *figure.Landscape) error, l *figure.Landscape) *vtkDocument {
	t.Helper()
	var b, again bytes.Buffer
	if err := errors.Join(write(&b, l), write(&again, l)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("two files of one landscape differ")
	}
	out := new(vtkDocument)
	if err := xml.Unmarshal(b.Bytes(), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// vtkExample is 4 by 3 points of 1 + a + 10 b, one not evaluated, one infinite.
func vtkExample() *figure.Landscape {
	x, y := []float64{0, 1, 2, 4}, []float64{0, 0.5, 1}
	l := &figure.Landscape{X: x, Y: y}
	for _, b := range y {
		var row []float64
		for _, a := range x {
			row = append(row, 1+a+10*b)
		}
		l.Z = append(l.Z, row)
	}
	l.Valid = [][]bool{{true, true, true, true}, {true, true, true, true}, {false, true, true, true}}
	l.Z[0][3] = math.Inf(1)
	return l
}

func TestVTS(t *testing.T) {
	d := vtkOf(t, vtk.WriteGrid, vtkExample())
	if d.Type != "StructuredGrid" || d.Grid.WholeExtent != "0 3 0 2 0 0" || d.Grid.Piece.Extent != "0 3 0 2 0 0" {
		t.Errorf("%s of extent %q in %q", d.Type, d.Grid.Piece.Extent, d.Grid.WholeExtent)
	}
	data := &d.Grid.Piece.PointData
	points := d.Grid.Piece.Points.get(t, "Points")
	if len(points) != 36 || d.Grid.Piece.Points.Arrays[0].Components != 3 || data.Scalars != "full_loss" {
		t.Fatalf("%d coordinates", len(points))
	}
	loss := data.get(t, "full_loss")
	valid, infinite, ghost := data.get(t, "valid"), data.get(t, "infinite"), data.get(t, "vtkGhostType")
	x, y := []float64{0, 1, 2, 4}, []float64{0, 0.5, 1}
	for k := range 12 {
		a, b := x[k%4], y[k/4]
		want, ok := 1+a+10*b, k != 3 && k != 8
		if !ok {
			want = 1 // the smallest, which stands for nothing
		}
		if points[3*k] != a || points[3*k+1] != b || points[3*k+2] != want || loss[k] != want {
			t.Errorf("point %d is %v with %v", k, points[3*k:3*k+3], loss[k])
		}
		if (valid[k] == 1) != ok || (ghost[k] == 0) != ok || !ok && ghost[k] != 2 || (infinite[k] == 1) != (k == 3) {
			t.Errorf("point %d: valid %v, infinite %v, ghost %v", k, valid[k], infinite[k], ghost[k])
		}
	}
}

// TestVTSLog: on a logarithmic scale the height is the decimal logarithm, and a
// landscape without values has no valid point.
func TestVTSLog(t *testing.T) {
	logs := vtkExample()
	logs.Scale = figure.Log
	d := vtkOf(t, vtk.WriteGrid, logs)
	if z := d.Grid.Piece.Points.get(t, "Points")[3*4+2]; math.Abs(z-math.Log10(6)) > 1e-15 {
		t.Errorf("height %v on a logarithmic scale, want log10(6)", z)
	}
	if v := d.Grid.Piece.PointData.get(t, "full_loss")[4]; v != 6 {
		t.Errorf("value %v on a logarithmic scale, want the loss, 6", v)
	}
	none := vtkExample()
	none.Valid = [][]bool{make([]bool, 4), make([]bool, 4), make([]bool, 4)}
	d = vtkOf(t, vtk.WriteGrid, none)
	if v := d.Grid.Piece.PointData.get(t, "valid"); len(v) != 12 || v[0] != 0 {
		t.Errorf("valid %v of a landscape without values", v)
	}
}

func TestVTP(t *testing.T) {
	l := vtkExample()
	l.Paths = []figure.LabelledPath{
		{Name: "SGD", Points: []figure.PathPoint{
			{A: 0.5, B: 0.25, Step: 0, Residual: math.NaN()},
			{A: 1.5, B: 0.25, Step: 5, Epoch: 1, Residual: 0.5, Loss: 7},
			{A: -1, B: 0, Step: 10},
			{A: 1.25, B: 0.75, Step: 15, Epoch: 2},
		}},
		{Name: "none"},
		{Name: "\u03b7", Points: []figure.PathPoint{
			{A: 1, B: 0.5, Step: 3, Loss: 0.5},
			{A: 2, B: 1, Step: 4},
			{A: 3.5, B: 0.1, Step: 5},
		}},
	}
	d := vtkOf(t, vtk.WritePaths, l)
	p := &d.Poly.Piece
	if p.NumberOfPoints != 5 || p.NumberOfLines != 2 || p.NumberOfVerts != 1 {
		t.Fatalf("%d points, %d lines, %d vertices", p.NumberOfPoints, p.NumberOfLines, p.NumberOfVerts)
	}
	equal := func(name string, got, want []float64) {
		t.Helper()
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	equal("lines", p.Lines.get(t, "connectivity"), []float64{0, 1, 3, 4})
	equal("ends of lines", p.Lines.get(t, "offsets"), []float64{2, 4})
	equal("vertices", p.Verts.get(t, "connectivity"), []float64{2})
	equal("step", p.PointData.get(t, "step"), []float64{0, 5, 15, 3, 4})
	equal("epoch", p.PointData.get(t, "epoch"), []float64{0, 1, 2, 0, 0})
	equal("run", p.PointData.get(t, "run"), []float64{0, 0, 0, 2, 2})
	equal("residual", p.PointData.get(t, "residual"), []float64{0, 0.5, 0, 0, 0})
	// The plane is 1 + a + 10 b, which bilinear interpolation reproduces.
	plane := []float64{4, 5, 9.75, 7, 13}
	equal("plane_loss", p.PointData.get(t, "plane_loss"), plane)
	equal("full_loss", p.PointData.get(t, "full_loss"), []float64{4, 7, 9.75, 0.5, 13})
	equal("full_loss_known", p.PointData.get(t, "full_loss_known"), []float64{0, 1, 0, 1, 0})
	points := p.Points.get(t, "Points")
	equal("points", points, []float64{0.5, 0.25, 4, 1.5, 0.25, 5, 1.25, 0.75, 9.75, 1, 0.5, 7, 2, 1, 13})
	names := &d.Poly.FieldData.Arrays[0]
	text := ""
	var raw []byte
	for _, v := range names.numbers(t) {
		raw = append(raw, byte(v))
	}
	if text = string(raw); names.Type != "String" || names.Tuples != 3 || text != "SGD\x00none\x00\u03b7\x00" {
		t.Errorf("names %q of %d runs", text, names.Tuples)
	}
}

func TestSaveVTK(t *testing.T) {
	dir := t.TempDir()
	paths, err := vtk.Save(filepath.Join(dir, "bare"), vtkExample())
	if err != nil || len(paths) != 1 {
		t.Errorf("paths %q, error %v; want the grid only", paths, err)
	}
	walked := vtkExample()
	walked.Path = []figure.PathPoint{{A: 0.5, B: 0.25}, {A: 1.5, B: 0.25, Step: 1}}
	paths, err = vtk.Save(filepath.Join(dir, "walked"), walked)
	if err != nil || len(paths) != 2 || filepath.Base(paths[1]) != "walked.vtp" {
		t.Errorf("paths %q, error %v; want grid and path", paths, err)
	}
	for _, p := range paths {
		if data, err := os.ReadFile(p); err != nil || xml.Unmarshal(data, new(vtkDocument)) != nil {
			t.Errorf("%s does not read back (%v)", p, err)
		}
	}
	if err := vtk.WritePaths(io.Discard, new(figure.Landscape)); !errors.Is(err, figure.ErrInput) {
		t.Errorf("an empty landscape: %v", err)
	}
}
