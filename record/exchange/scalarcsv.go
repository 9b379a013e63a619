package exchange

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/record"
)

// scalarLog has the scalars of steps that come in a file of their own.
type scalarLog struct {
	path    string
	rows    map[int64]record.Step
	unknown []string // columns that no row has room for
}

// readScalars reads a CSV file in the columns that WriteCSV writes, of which step
// must be there; in any order. An empty field is an absent value, or 0 where a
// row always has one. Rows of inner iterates are left out. The error names the
// line. Memory: the scalars of all rows.
func readScalars(path string) (*scalarLog, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReader(f))
	r.ReuseRecord = true
	l := &scalarLog{path: path, rows: map[int64]record.Step{}}
	head, err := r.Read()
	if err != nil {
		return nil, l.errorf("its heading: %w", err)
	}
	names := make([]string, len(head))
	for i, name := range head {
		names[i] = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")) // which spreadsheets put first
		switch {
		case slices.Contains(names[:i], names[i]):
			return nil, l.errorf("two columns are named %q", names[i])
		case !slices.Contains(intColumns, names[i]) && !slices.Contains(optColumns, names[i]):
			l.unknown = append(l.unknown, names[i])
		}
	}
	step := slices.Index(names, intColumns[0])
	if step < 0 {
		return nil, l.errorf("it has no column %q; its columns are %s", intColumns[0], strings.Join(names, ", "))
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return nil, l.errorf("%w", err)
		}
		line, _ := r.FieldPos(step)
		s, err := parseScalars(names, fields)
		switch {
		case err != nil:
			return nil, l.errorf("line %d: %w", line, err)
		case s.Substep != 0:
			continue
		case strings.TrimSpace(fields[step]) == "":
			return nil, l.errorf("line %d has no step", line)
		}
		if _, twice := l.rows[s.Step]; twice {
			return nil, l.errorf("line %d: step %d was there before", line, s.Step)
		}
		l.rows[s.Step] = s
	}
}

func (l *scalarLog) errorf(format string, args ...any) error {
	return fmt.Errorf("exchange: %s: "+format, append([]any{l.path}, args...)...)
}

// parseScalars reads a line.
func parseScalars(names, fields []string) (s record.Step, err error) {
	optional := optionals(&s)
	for i, text := range fields {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if c := slices.Index(intColumns, names[i]); c >= 0 {
			bits := 64
			if narrow[names[i]] {
				bits = 32
			}
			v, err := strconv.ParseInt(text, 10, bits)
			if err != nil || v < 0 && names[i] != "wall_time_ns" {
				return s, fmt.Errorf("%s is %q; it must be a whole number of at least 0 and %d bits", names[i], text, bits)
			}
			setInt(&s, c, v)
		} else if c := slices.Index(optColumns, names[i]); c >= 0 {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return s, fmt.Errorf("%s is %q; it must be a number, or empty", names[i], text)
			}
			*optional[c] = record.Some(v)
		}
	}
	return s, nil
}

// addScalars reads the scalars of the checkpoints, if a file has them, and says
// what does not fit.
func (s *checkpoints) addScalars() error {
	if s.options.Scalars == "" {
		return nil
	}
	l, err := readScalars(s.options.Scalars)
	if err != nil {
		return err
	}
	found, epochs := 0, 0
	for i, step := range s.steps {
		row, ok := l.rows[step]
		if !ok {
			continue
		}
		found++
		if row.Epoch > 0 && s.epochs[i] > 0 && row.Epoch != s.epochs[i] {
			epochs++
		}
	}
	switch {
	case found == 0:
		return l.errorf("it has none of the checkpoints' steps, %d to %d", s.steps[0], s.steps[len(s.steps)-1])
	case found < len(s.steps):
		s.warn("%d of %d checkpoints have no line in %s, and no numbers", len(s.steps)-found, len(s.steps), l.path)
	}
	if n := len(l.rows) - found; n > 0 {
		s.warn("%d lines of %s are of steps without a checkpoint and are left out", n, l.path)
	}
	if epochs > 0 {
		s.warn("the epochs of %d checkpoints are others in %s; those in the checkpoints are taken", epochs, l.path)
	}
	if len(l.unknown) > 0 {
		s.warn("columns of %s are left out that a recording does not have: %s", l.path, strings.Join(l.unknown, ", "))
	}
	s.scalars = l
	return nil
}

// rowOf returns the scalars of row i.
func (s *checkpoints) rowOf(i int) record.Step {
	row := record.Step{}
	if s.scalars != nil {
		row = s.scalars.rows[s.steps[i]]
	}
	row.Step = s.steps[i]
	if s.epochs[i] > 0 {
		row.Epoch = s.epochs[i]
	}
	return row
}
