package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// groupRatesName is where ingest keeps the learning rates of several parameter groups.
const groupRatesName = "learning_rates.csv"

// groupRates writes the learning rates of the parameter groups, a line at each step where
// one of them changes.
type groupRates struct {
	file *os.File
	last []float64
}

// newGroupRates makes the file in a run that has several groups; others have none.
func newGroupRates(dir string, groups int) (*groupRates, error) {
	if groups < 2 {
		return nil, nil
	}
	f, err := os.OpenFile(filepath.Join(dir, groupRatesName), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
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
	return &groupRates{file: f}, nil
}

// add writes a line when the rates are not those of the line before.
func (g *groupRates) add(step int64, rates []float64) error {
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

func (g *groupRates) close() error {
	if g == nil {
		return nil
	}
	return g.file.Close()
}
