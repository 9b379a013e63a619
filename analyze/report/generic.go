package report

import (
	"math"
	"slices"
	"strings"
)

var nan = math.NaN()

// Limits for long lists on the page; summary.json has the rest.
const (
	maxListed = 12 // values of a list in one cell
	maxRows   = 50 // rows of a table
)

// generic returns any summary as tables: one table of the plain values, one of the
// distributions (mean, sd, median, ...), one for each list of objects, and the same tables
// for each inner object.
func generic(caption string, v value) []table {
	plain, spread := pairs(caption), spreads(caption+": spread")
	var inner []table
	for i, k := range v.keys {
		item := v.items[i]
		name := words(k)
		switch {
		case isDistribution(item):
			var cells []string
			for _, k := range distribution {
				cells = append(cells, cell(item.item(k)))
			}
			if cells[len(cells)-1] != "0" {
				spread.add(name, cells...)
			}
		case item.kind == object:
			inner = append(inner, generic(caption+", "+name, item)...)
		case item.kind == array && slices.ContainsFunc(item.items, func(x value) bool { return x.kind == object }):
			inner = append(inner, listTable(caption+", "+name, item))
		default:
			plain.add(name, cell(item))
		}
	}
	var out []table
	for _, t := range append([]table{plain, spread}, inner...) {
		if len(t.Rows) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// distribution are the keys of an analyze.Distribution, in the order of the table.
var distribution = []string{"mean", "sd", "median", "min", "max", "count"}

// isDistribution reports whether a value is an object with all keys of a distribution.
func isDistribution(v value) bool {
	for _, k := range distribution {
		if v.kind != object || !slices.Contains(v.keys, k) {
			return false
		}
	}
	return true
}

// cell formats a value for one cell.
func cell(v value) string {
	switch v.kind {
	case absent:
		return dash
	case number:
		if !strings.ContainsAny(v.text, ".eE") && len(v.text) > 15 {
			return v.text // every digit of a long integer matters, for example of a seed
		}
		if x, ok := v.float(); ok {
			return short(x)
		}
		return v.text
	case truth:
		return map[string]string{"true": "yes", "false": "no"}[v.text]
	case array:
		var parts []string
		for i, item := range v.items {
			if i == maxListed {
				parts = append(parts, "\u2026 ("+short(float64(len(v.items)))+" in all)")
				break
			}
			parts = append(parts, cell(item))
		}
		if len(parts) == 0 {
			return "none"
		}
		return strings.Join(parts, ", ")
	case object:
		var parts []string
		for i, k := range v.keys {
			parts = append(parts, words(k)+" "+cell(v.items[i]))
		}
		return strings.Join(parts, ", ")
	default:
		return v.text
	}
}

// listTable returns a list of objects as a table with a numbered row for every object and a
// column for every key.
func listTable(caption string, v value) table {
	t := newTable(caption, "no.")
	var keys []string
	for _, item := range v.items {
		for _, k := range item.keys {
			if !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	for _, k := range keys {
		t.Head = append(t.Head, words(k))
	}
	for i, item := range v.items {
		if i == maxRows {
			t.Note = "These are the first " + short(maxRows) + " of " + short(float64(len(v.items))) +
				" rows; summary.json has all of them."
			break
		}
		row := []string{short(float64(i + 1))}
		for _, k := range keys {
			row = append(row, cell(item.item(k)))
		}
		t.add(row[0], row[1:]...)
	}
	return t
}

// leaves returns the plain values inside of a value with their full names, such as
// "plane.seed". The page shows options this way.
func leaves(prefix string, v value) [][2]string {
	if v.kind != object {
		return [][2]string{{prefix, cell(v)}}
	}
	var out [][2]string
	for i, k := range v.keys {
		name := k
		if prefix != "" {
			name = prefix + "." + k
		}
		out = append(out, leaves(name, v.items[i])...)
	}
	return out
}
