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

// scalarLog has the scalars of checkpoints, by their steps, from a separate file.
type scalarLog struct {
	path    string
	rows    map[int64]record.Step
	unknown []string // columns that a recording does not have
}

// readScalars reads a CSV file with columns that WriteCSV writes, in any order; only
// step is required. An empty field is an absent number, or 0 for a whole number. Rows
// of inner iterates are skipped. The error names the line. Memory: the scalars of all
// rows.
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
		return nil, fileErrorf(path, "its heading: %w", err)
	}
	names := make([]string, len(head))
	for i, name := range head {
		names[i] = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")) // the byte order mark of spreadsheets
		if slices.Contains(names[:i], names[i]) {
			return nil, fileErrorf(path, "two columns are named %q", names[i])
		}
		if kind, _ := columnOf(names[i]); kind != intColumn && kind != floatColumn {
			l.unknown = append(l.unknown, names[i])
		}
	}
	step := slices.Index(names, stepName)
	if step < 0 {
		return nil, fileErrorf(path, "it has no column %q; its columns are %s", stepName, strings.Join(names, ", "))
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return nil, fileErrorf(path, "%w", err)
		}
		line, _ := r.FieldPos(step)
		s, err := parseScalars(names, fields)
		switch {
		case err != nil:
			return nil, fileErrorf(path, "line %d: %w", line, err)
		case s.Substep != 0:
			continue
		case strings.TrimSpace(fields[step]) == "":
			return nil, fileErrorf(path, "line %d has no step", line)
		}
		if _, twice := l.rows[s.Step]; twice {
			return nil, fileErrorf(path, "line %d: step %d comes twice", line, s.Step)
		}
		l.rows[s.Step] = s
	}
}

// parseScalars reads a line.
func parseScalars(names, fields []string) (s record.Step, err error) {
	for i, text := range fields {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		switch kind, c := columnOf(names[i]); kind {
		case intColumn:
			v, err := strconv.ParseInt(text, 10, intColumns[c].bits)
			if err != nil || v < 0 && names[i] != wallTimeName {
				return s, fmt.Errorf("%s is %q; it must be a whole number of at least 0 and %d bits",
					names[i], text, intColumns[c].bits)
			}
			intColumns[c].set(&s, v)
		case floatColumn:
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return s, fmt.Errorf("%s is %q; it must be a number, or empty", names[i], text)
			}
			*s.Optionals()[c] = record.Some(v)
		}
	}
	return s, nil
}

// addScalars reads the scalars of the checkpoints, if the options name a file, and
// adds warnings for lines and columns that are not used.
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
		return fileErrorf(l.path, "it has no line for the steps of the checkpoints, %d to %d", s.steps[0],
			s.steps[len(s.steps)-1])
	case found < len(s.steps):
		s.warn("%d of %d checkpoints have no line in %s; their rows have no losses and other numbers",
			len(s.steps)-found, len(s.steps), l.path)
	}
	if n := len(l.rows) - found; n > 0 {
		s.warn("%d lines of %s belong to steps without a checkpoint and are left out", n, l.path)
	}
	if epochs > 0 {
		s.warn("%d checkpoints have another epoch than %s; the epoch of the checkpoint is used", epochs, l.path)
	}
	if len(l.unknown) > 0 {
		s.warn("columns of %s are left out, because a recording does not have them: %s", l.path,
			strings.Join(l.unknown, ", "))
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
