package report

import (
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// table is a table of the page; the first cell of a row is its heading.
type table struct {
	Caption string
	Head    []string
	Rows    [][]string
	Note    string
	Folded  bool // the reader has to open the table
}

// add adds a row, unless all its cells are empty. A single empty cell becomes a dash.
func (t *table) add(name string, cells ...string) {
	if !slices.ContainsFunc(cells, func(c string) bool { return c != "" }) {
		return
	}
	row := []string{name}
	for _, c := range cells {
		if c == "" {
			c = dash
		}
		row = append(row, c)
	}
	t.Rows = append(t.Rows, row)
}

// dropEmpty removes the columns in which all rows have a dash.
func (t *table) dropEmpty() {
	for c := len(t.Head) - 1; c > 0; c-- {
		if !slices.ContainsFunc(t.Rows, func(row []string) bool { return row[c] != dash }) {
			t.Head = slices.Delete(t.Head, c, c+1)
			for r := range t.Rows {
				t.Rows[r] = slices.Delete(t.Rows[r], c, c+1)
			}
		}
	}
}

// newTable returns a table without rows.
func newTable(caption string, head ...string) table { return table{Caption: caption, Head: head} }

// pairs returns a table with one number in each row.
func pairs(caption string) table { return newTable(caption, "quantity", "value") }

// spreads returns a table with one distribution in each row.
func spreads(caption string) table {
	return newTable(caption, "quantity", "mean", "sd", "median", "min", "max", "values")
}

// spread adds a row with a distribution, unless the distribution has no values.
func (t *table) spread(name string, d *analyze.Distribution) {
	if d.Count > 0 {
		t.add(name, optional(d.Mean), optional(d.SD), optional(d.Median), optional(d.Min), optional(d.Max),
			count(d.Count))
	}
}

// optional formats a number; an absent number gives "".
func optional(o record.Optional) string {
	if !o.Valid {
		return ""
	}
	return short(o.Value)
}

// share formats a fraction as a percentage; an absent fraction gives "".
func share(o record.Optional) string {
	if !o.Valid {
		return ""
	}
	return analyze.Percent(o.Value)
}

// count formats a whole number.
func count[N int | int64](n N) string { return grouped(int64(n)) }
