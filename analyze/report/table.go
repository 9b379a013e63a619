package report

import (
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// table is a table of the page; the first cell of a row heads it.
type table struct {
	Caption string
	Head    []string
	Rows    [][]string
	Note    string
}

// add adds a row. A row without any value is left out, and a dash stands for one value that
// is absent.
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

// newTable makes a table without rows.
func newTable(caption string, head ...string) table { return table{Caption: caption, Head: head} }

// pairs makes a table of single numbers.
func pairs(caption string) table { return newTable(caption, "quantity", "value") }

// spreads makes a table of distributions.
func spreads(caption string) table {
	return newTable(caption, "quantity", "mean", "sd", "median", "min", "max", "values")
}

// spread adds the row of a distribution that has values.
func (t *table) spread(name string, d *analyze.Distribution) {
	if d.Count > 0 {
		t.add(name, optional(d.Mean), optional(d.SD), optional(d.Median), optional(d.Min), optional(d.Max),
			count(d.Count))
	}
}

// optional writes a number; it is empty for an absent one.
func optional(o record.Optional) string {
	if !o.Valid {
		return ""
	}
	return short(o.Value)
}

// share writes a share in percent; it is empty for an absent one.
func share(o record.Optional) string {
	if !o.Valid {
		return ""
	}
	return analyze.Percent(o.Value)
}

// count writes a whole number.
func count[N int | int64](n N) string { return grouped(int64(n)) }
