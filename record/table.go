package record

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"sgdwalk/record/printable"
)

// Column is one named column of a Table. Exactly one of the value slices is set.
type Column struct {
	Name    string // snake_case
	Ints    []int64
	Floats  []float64
	Singles []float32 // for parameters, which are many and have no more digits
	Strings []string
	Bools   []bool
	Valid   []bool // false where the value is absent; nil means all present
}

// Len returns the number of values.
func (c *Column) Len() int {
	return max(len(c.Ints), len(c.Floats), len(c.Singles), len(c.Strings), len(c.Bools))
}

// Text returns value i as WriteCSV writes it: the shortest text that reads back to
// the same bits; NaN, +Inf and -Inf under these names; "" where the value is absent.
func (c *Column) Text(i int) string {
	switch {
	case c.Valid != nil && !c.Valid[i]:
		return ""
	case c.Ints != nil:
		return strconv.FormatInt(c.Ints[i], 10)
	case c.Floats != nil:
		return strconv.FormatFloat(c.Floats[i], 'g', -1, 64)
	case c.Singles != nil:
		return strconv.FormatFloat(float64(c.Singles[i]), 'g', -1, 32)
	case c.Bools != nil:
		return strconv.FormatBool(c.Bools[i])
	default:
		return c.Strings[i]
	}
}

// Table is the data of a result: named columns of equal length. Every analysis
// returns tables in addition to its summary; they are written as CSV and Arrow.
type Table struct{ Columns []Column }

// Len returns the number of rows.
func (t *Table) Len() int {
	if len(t.Columns) == 0 {
		return 0
	}
	return t.Columns[0].Len()
}

// Column returns the column with this name, or nil.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Validate checks that names are unique, that every column has values of one type,
// and that all columns have the same length.
func (t *Table) Validate() error {
	seen := make(map[string]bool)
	for i := range t.Columns {
		c := &t.Columns[i]
		types := 0
		for _, set := range []bool{c.Ints != nil, c.Floats != nil, c.Singles != nil, c.Strings != nil, c.Bools != nil} {
			if set {
				types++
			}
		}
		switch {
		case c.Name == "" || seen[c.Name]:
			return fmt.Errorf("record: table: column %d is named %q; names must be unique and not empty", i, c.Name)
		case types > 1 || types == 0 && t.Len() > 0:
			return fmt.Errorf("record: table: column %q has values of %d types; it must have one", c.Name, types)
		case c.Len() != t.Len() || c.Valid != nil && len(c.Valid) != t.Len():
			return fmt.Errorf("record: table: column %q has %d values; the first column has %d", c.Name, c.Len(),
				t.Len())
		}
		seen[c.Name] = true
	}
	return nil
}

// WriteCSV writes a heading and one line for each row, with values as Column.Text
// returns them.
func (t *Table) WriteCSV(w io.Writer) error {
	if err := t.Validate(); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	line := make([]string, len(t.Columns))
	for i := range t.Columns {
		line[i] = csvText(t.Columns[i].Name)
	}
	if err := out.Write(line); err != nil {
		return err
	}
	for r := range t.Len() {
		for i := range t.Columns {
			line[i] = t.Columns[i].Text(r)
			if t.Columns[i].Strings != nil {
				line[i] = csvText(line[i])
			}
		}
		if len(line) == 1 && line[0] == "" {
			// A line of one empty field would be a blank line, which readers skip.
			out.Flush()
			if _, err := io.WriteString(w, "\"\"\n"); err != nil {
				return err
			}
			continue
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// csvText makes a text safe for spreadsheets. A spreadsheet treats a cell that
// begins with one of these characters as a formula and executes it; an apostrophe in
// front marks the cell as text. Numbers are not changed.
func csvText(s string) string {
	s = printable.Line(s)
	if s == "" || !strings.ContainsRune("=+-@\t", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}
