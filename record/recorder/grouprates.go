package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// GroupRates writes the learning rates of several parameter groups, one line for each step at which a rate
// changes. A nil *GroupRates writes nothing.
type GroupRates struct {
	file *os.File
	last []float64
}

// NewGroupRates makes the file in a run with several groups. For fewer groups it returns nil.
func NewGroupRates(dir string, groups int) (*GroupRates, error) {
	if groups < 2 {
		return nil, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, GroupRatesName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	line := "step"
	for i := range groups {
		line += fmt.Sprintf(",learning_rate_%d", i)
	}
	if _, err := fmt.Fprintln(f, line); err != nil {
		f.Close()
		return nil, err
	}
	return &GroupRates{file: f}, nil
}

// Add writes a line when the rates differ from those of the line before.
func (g *GroupRates) Add(step int64, rates []float64) error {
	if g == nil || len(rates) == 0 || slices.Equal(rates, g.last) {
		return nil
	}
	g.last = append(g.last[:0], rates...)
	var line strings.Builder
	line.WriteString(strconv.FormatInt(step, 10))
	for _, r := range rates {
		line.WriteString("," + strconv.FormatFloat(r, 'g', -1, 64))
	}
	_, err := g.file.WriteString(line.String() + "\n")
	return err
}

// Close closes the file.
func (g *GroupRates) Close() error {
	if g == nil {
		return nil
	}
	return g.file.Close()
}

// RateTable has the learning rates of several parameter groups, as GroupRates wrote them.
type RateTable struct {
	steps []int64
	rates [][]float64
}

// ReadGroupRates reads the learning rates of a run with several parameter groups. It returns nil for a run without
// the file.
func ReadGroupRates(dir string) (*RateTable, error) {
	text, err := ReadFile(dir, GroupRatesName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := new(RateTable)
	groups := 0
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		cells := strings.Split(line, ",")
		if i == 0 {
			groups = len(cells) - 1
			continue
		}
		step, err := strconv.ParseInt(cells[0], 10, 64)
		rates := make([]float64, len(cells)-1)
		for j := range rates {
			var e error
			rates[j], e = strconv.ParseFloat(cells[j+1], 64)
			err = errors.Join(err, e)
		}
		if n := len(t.steps); err != nil || len(rates) != groups || n > 0 && step <= t.steps[n-1] {
			return nil, fmt.Errorf("%s: line %d is %q; it must have a step above that of the line before it, and %d "+
				"learning rates", filepath.Join(dir, GroupRatesName), i+1, line, groups)
		}
		t.steps, t.rates = append(t.steps, step), append(t.rates, rates)
	}
	return t, nil
}

// At returns the learning rates at a step, one for each group; nil before the first step of the table, and for a nil
// table. The caller must not change the slice.
func (t *RateTable) At(step int64) []float64 {
	if t == nil {
		return nil
	}
	i := sort.Search(len(t.steps), func(i int) bool { return t.steps[i] > step })
	if i == 0 {
		return nil
	}
	return t.rates[i-1]
}
