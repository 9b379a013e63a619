package arrowfile

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sgdwalk/record"
)

func drawTable(t *rapid.T) *record.Table {
	n := rapid.IntRange(0, 20).Draw(t, "rows")
	out := new(record.Table)
	for i := range rapid.IntRange(1, 6).Draw(t, "columns") {
		c := record.Column{Name: string(rune('a' + i))}
		if rapid.Bool().Draw(t, "nullable") {
			c.Valid = make([]bool, n)
			for j := range c.Valid {
				c.Valid[j] = rapid.Bool().Draw(t, "valid")
			}
		}
		present := func(j int) bool { return c.Valid == nil || c.Valid[j] }
		switch rapid.IntRange(0, 4).Draw(t, "type") {
		case 0:
			c.Ints = drawColumn(n, present, func() int64 { return rapid.Int64().Draw(t, "int") })
		case 1:
			c.Floats = drawColumn(n, present,
				func() float64 { return math.Float64frombits(rapid.Uint64().Draw(t, "float")) })
		case 3:
			c.Singles = drawColumn(n, present,
				func() float32 { return math.Float32frombits(rapid.Uint32().Draw(t, "single")) })
		case 2:
			c.Strings = drawColumn(n, present, func() string { return rapid.String().Draw(t, "string") })
		default:
			c.Bools = drawColumn(n, present, func() bool { return rapid.Bool().Draw(t, "bool") })
		}
		out.Columns = append(out.Columns, c)
	}
	return out
}

func drawColumn[T any](n int, present func(int) bool, draw func() T) []T {
	out := make([]T, n)
	for i := range out {
		if present(i) {
			out[i] = draw()
		}
	}
	return out
}

// bits compares floats by their bits.
var bits = cmp.Options{
	cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
	cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }),
}

func TestTableRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawTable(t)
		pairs := []Pair{{"zeta", "1"}, {"alpha", rapid.String().Draw(t, "value")}}
		var b, again bytes.Buffer
		if err := WriteTable(&b, want, pairs); err != nil {
			t.Fatal(err)
		}
		if err := WriteTable(&again, want, pairs); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Fatalf("the same table gave other bytes (%v)", err)
		}
		got, metadata, err := ReadTable(&b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, bits); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(pairs, metadata); d != "" {
			t.Error(d)
		}
	})
}

// TestTableAbsentBytes: what a column has under an absent value does not reach
// the file.
func TestTableAbsentBytes(t *testing.T) {
	write := func(v float64) []byte {
		var b bytes.Buffer
		table := &record.Table{Columns: []record.Column{{
			Name:   "x",
			Floats: []float64{1, v}, Valid: []bool{true, false},
		}}}
		if err := WriteTable(&b, table, nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if !bytes.Equal(write(0), write(7)) {
		t.Error("an absent value is in the file")
	}
}

func TestSaveTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.arrow")
	table := &record.Table{Columns: []record.Column{{Name: "step", Ints: []int64{1, 2}}}}
	for range 2 { // the second replaces the first
		if err := SaveTable(path, table); err != nil {
			t.Fatal(err)
		}
	}
	got, err := LoadTable(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(table, got); d != "" {
		t.Error(d)
	}
	bad := &record.Table{Columns: []record.Column{{Name: "step", Ints: []int64{1}}, {Name: "step", Ints: []int64{1}}}}
	if err := SaveTable(filepath.Join(filepath.Dir(path), "bad.arrow"), bad); err == nil {
		t.Error("a table with two columns of one name was saved")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("%d files are left; want the table alone", len(entries))
	}
}

// TestTableDamaged: reading a damaged table may fail but must not panic.
func TestTableDamaged(t *testing.T) {
	var b bytes.Buffer
	table := &record.Table{Columns: []record.Column{
		{Name: "x", Floats: []float64{1, 2, 3}},
		{Name: "s", Strings: []string{"a", "", "c"}},
	}}
	if err := WriteTable(&b, table, nil); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for n := range len(whole) {
		if _, _, err := ReadTable(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("%d of %d bytes were read as a table", n, len(whole))
		}
	}
}
