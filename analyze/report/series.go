package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"

	"sgdwalk/record/safefile"
)

// series has columns of numbers from a CSV file. An empty cell is NaN, true is 1 and false
// is 0.
type series struct {
	rows    int
	columns map[string][]float64
}

// column returns the values of a column, or nil when s is nil or has no such column.
func (s *series) column(name string) []float64 {
	if s == nil {
		return nil
	}
	return s.columns[name]
}

// readSeries reads the wanted columns. It ignores the other columns, which may have any
// content.
func readSeries(path string, want []string) (*series, error) {
	f, err := safefile.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("report: table: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() > maxTable {
		return nil, errors.Join(err, fmt.Errorf("report: table %s is too large; at most %d bytes are allowed", path,
			maxTable))
	}
	r := csv.NewReader(f)
	r.ReuseRecord = true
	s := &series{columns: make(map[string][]float64)}
	var at []int
	var names []string
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, fmt.Errorf("report: table %s: %w", path, err)
		}
		if names == nil {
			names = []string{}
			for i, name := range record {
				if slices.Contains(want, name) && !slices.Contains(names, name) {
					at, names = append(at, i), append(names, name)
				}
			}
			continue
		}
		s.rows++
		for k, i := range at {
			x := math.NaN()
			switch record[i] {
			case "":
			case "true":
				x = 1
			case "false":
				x = 0
			default:
				if x, err = strconv.ParseFloat(record[i], 64); err != nil {
					return nil, fmt.Errorf("report: table %s: row %d: %s is %q; it must be a number", path, s.rows,
						names[k], record[i])
				}
			}
			s.columns[names[k]] = append(s.columns[names[k]], x)
		}
	}
}

// ends returns the first and the last finite value of a column; ok is false when it has
// none.
func ends(v []float64) (first, last float64, ok bool) {
	for _, x := range v {
		if x-x != 0 {
			continue
		}
		if !ok {
			first, ok = x, true
		}
		last = x
	}
	return first, last, ok
}

// lowest returns the index of the lowest finite value, or -1 when the column has none.
func lowest(v []float64) int {
	best := -1
	for i, x := range v {
		if x-x == 0 && (best < 0 || x < v[best]) {
			best = i
		}
	}
	return best
}

// at returns element i of a column, or NaN when i is out of range.
func at(v []float64, i int) float64 {
	if i < 0 || i >= len(v) {
		return nan
	}
	return v[i]
}
