package recorder

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
