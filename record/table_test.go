package record_test

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/record"
)

func TestWriteCSV(t *testing.T) {
	table := &record.Table{Columns: []record.Column{
		{Name: "step", Ints: []int64{0, -5, math.MaxInt64}},
		{Name: "loss", Floats: []float64{math.NaN(), math.Inf(-1), 0.1}, Valid: []bool{true, true, false}},
		{Name: "note", Strings: []string{"a,b", "say \"x\"", ""}},
		{Name: "barrier", Bools: []bool{true, false, true}},
		{Name: "weight", Singles: []float32{0.1, -1e-20, float32(math.Inf(1))}},
	}}
	var b strings.Builder
	if err := table.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	const want = "step,loss,note,barrier,weight\n0,NaN,\"a,b\",true,0.1\n-5,-Inf,\"say " +
		"\"\"x\"\"\",false,-1e-20\n9223372036854775807,,,true,+Inf\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// TestCSVOneColumn: a row whose only value is absent is still a row.
func TestCSVOneColumn(t *testing.T) {
	table := &record.Table{Columns: []record.Column{{
		Name:   "loss",
		Floats: []float64{1, 0, 3}, Valid: []bool{true, false, true},
	}}}
	var b strings.Builder
	if err := table.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Errorf("%d lines were read back, want 4: %v\n%s", len(rows), err, b.String())
	}
}

// TestTextIsExact: the text of a number reads back to its bits.
func TestTextIsExact(t *testing.T) {
	c := record.Column{
		Name: "x",
		Floats: []float64{
			0.1, 1.0 / 3, math.Copysign(0, -1), math.SmallestNonzeroFloat64, math.MaxFloat64, 1e21,
			123456789,
		},
	}
	for i, v := range c.Floats {
		got, err := strconv.ParseFloat(c.Text(i), 64)
		if err != nil || math.Float64bits(got) != math.Float64bits(v) {
			t.Errorf("%v became %q", v, c.Text(i))
		}
	}
}

func TestTableValidate(t *testing.T) {
	for name, test := range map[string]struct {
		columns []record.Column
		want    string
	}{
		"empty":       {nil, ""},
		"no rows":     {[]record.Column{{Name: "a"}, {Name: "b", Ints: []int64{}}}, ""},
		"no name":     {[]record.Column{{Ints: []int64{1}}}, `named ""`},
		"same name":   {[]record.Column{{Name: "a", Ints: []int64{1}}, {Name: "a", Ints: []int64{1}}}, `named "a"`},
		"two types":   {[]record.Column{{Name: "a", Ints: []int64{1}, Floats: []float64{1}}}, "2 types"},
		"no type":     {[]record.Column{{Name: "a", Ints: []int64{1}}, {Name: "b"}}, "0 types"},
		"other count": {[]record.Column{{Name: "a", Ints: []int64{1}}, {Name: "b", Ints: []int64{1, 2}}}, "2 values"},
		"other valid": {[]record.Column{{Name: "a", Ints: []int64{1}, Valid: []bool{true, false}}}, `"a"`},
	} {
		table := &record.Table{Columns: test.columns}
		err := table.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
		var b strings.Builder
		if writeErr := table.WriteCSV(&b); (writeErr == nil) != (err == nil) || err != nil && b.Len() > 0 {
			t.Errorf("%s: write: %v, %d bytes", name, writeErr, b.Len())
		}
	}
}

func TestTableColumn(t *testing.T) {
	table := &record.Table{Columns: []record.Column{{Name: "a", Ints: []int64{1, 2}}}}
	if c := table.Column("a"); c == nil || c.Len() != 2 || table.Len() != 2 {
		t.Errorf("column a: %+v of %d rows", c, table.Len())
	}
	if table.Column("b") != nil {
		t.Error("a column that is not there was found")
	}
	if n := (&record.Table{}).Len(); n != 0 {
		t.Errorf("an empty table has %d rows", n)
	}
}

func TestOptionalJSON(t *testing.T) {
	for want, o := range map[string]record.Optional{
		`null`:     {Value: 7},
		`0.1`:      record.Some(0.1),
		`-0`:       record.Some(math.Copysign(0, -1)),
		`1e+300`:   record.Some(1e300),
		`"NaN"`:    record.Some(math.NaN()),
		`"+Inf"`:   record.Some(math.Inf(1)),
		`"-Inf"`:   record.Some(math.Inf(-1)),
		`5e-324`:   record.Some(math.SmallestNonzeroFloat64),
		`12345678`: record.Some(12345678),
	} {
		b, err := json.Marshal(o)
		if err != nil {
			t.Errorf("%+v: %v", o, err)
		} else if got := strings.Replace(string(b), "1.2345678e+07", "12345678", 1); got != want {
			t.Errorf("%+v is %s, want %s", o, b, want)
		}
	}
}

// A text that a spreadsheet would run is marked as a text; numbers stay numbers.
func TestCSVTextIsNoFormula(t *testing.T) {
	for text, want := range map[string]string{
		"=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0", "+1+1": "'+1+1", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)",
		"\t=1": `\t=1`,
		"-1.5": "-1.5", "+3": "+3", "-Inf": "-Inf", "mlp:8": "mlp:8", "a=b": "a=b", "": "\"\"",
		"\x1b[1m\u202e": `\x1b[1m\u202e`,
	} {
		table := record.Table{Columns: []record.Column{{Name: "x", Strings: []string{text}}}}
		var b strings.Builder
		if err := table.WriteCSV(&b); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSuffix(strings.TrimPrefix(b.String(), "x\n"), "\n"); got != want && got != "\""+want+
			"\"" {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}
