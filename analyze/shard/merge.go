package shard

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"sgdwalk/analyze"
)

// Merged is a store that has the units of finished shards. In a preview it also has the
// units that workers have saved so far. The store Behind keeps the units that the plan does
// not list, because their choice depends on the values of other units (the cells of a
// refinement, for example).
type Merged struct {
	plan    *Plan
	values  [][]float64    // by place in the plan
	long    map[int]lineAt // places in files of the units whose values are not kept in memory
	have    []bool         // by place in the plan
	place   map[string]int // place of a unit in the plan
	present int            // number of available units
	missing []int          // unfinished shards
	// Behind keeps the units that no shard has; nil discards them.
	Behind analyze.Store
}

var _ analyze.Store = (*Merged)(nil)

// ErrMissing is wrapped by the error of Merge when shards are missing.
var ErrMissing = errors.New("shards are missing")

// longValues is the number of values at which a unit stays on disk: Lookup reads its line
// again. The slabs of a large Gram matrix would not fit in memory together.
const longValues = 1024

// Merge reads the shards and checks their checksums. Without preview, every shard must be
// finished and intact; the error wraps ErrMissing when a shard is not finished. With
// preview, Merge also takes the units that workers have saved for unfinished or damaged
// shards.
func (p *Plan) Merge(preview bool) (*Merged, error) {
	names, err := p.Names()
	if err != nil {
		return nil, err
	}
	m := &Merged{
		plan: p, long: make(map[int]lineAt), values: make([][]float64, len(names)),
		have: make([]bool, len(names)), place: make(map[string]int, len(names)),
	}
	for i, n := range names {
		m.place[n] = i
	}
	if len(m.place) != len(names) {
		return nil, fmt.Errorf("shard: the plan has %d units with %d different names; names must be unique",
			len(names), len(m.place))
	}
	for shard := range p.Shards {
		err := p.readShard(shard, names, func(unit int, values []float64, at lineAt) {
			if len(values) < longValues {
				m.take(unit, values)
				return
			}
			m.take(unit, nil)
			m.long[unit] = at
		})
		switch {
		case err == nil:
		case errors.Is(err, fs.ErrNotExist) || preview && errors.Is(err, ErrDamaged):
			m.missing = append(m.missing, shard)
		default:
			return nil, err
		}
	}
	if len(m.missing) > 0 && !preview {
		return nil, fmt.Errorf("shard: %d of %d %w: %s; sgdwalk status shows their states", len(m.missing), p.Shards,
			ErrMissing, Ranges(m.missing))
	}
	for _, shard := range m.missing {
		paths, err := p.workFiles(shard, partEnding)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			err := p.readPart(path, shard, func(unit string, values []float64) {
				if i, ok := m.place[unit]; ok && p.ShardOf(i) == shard {
					m.take(i, values)
				}
			})
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	return m, nil
}

// take sets the values of a unit. It replaces values that were taken before.
func (m *Merged) take(unit int, values []float64) {
	if !m.have[unit] {
		m.present++
	}
	delete(m.long, unit)
	m.values[unit], m.have[unit] = values, true
}

// Units returns the number of available units and the number of planned units.
func (m *Merged) Units() (present, planned int) { return m.present, len(m.values) }

// Missing returns the shards that are not finished, in ascending order.
func (m *Merged) Missing() []int { return m.missing }

// Lookup returns the values of a unit. The slice belongs to the store; callers must not
// change it.
func (m *Merged) Lookup(unit string) ([]float64, bool) {
	if i, ok := m.place[unit]; ok {
		if at, long := m.long[i]; long && m.have[i] {
			return m.plan.readLine(unit, at)
		}
		return m.values[i], m.have[i]
	}
	if m.Behind == nil {
		return nil, false
	}
	return m.Behind.Lookup(unit)
}

// Save keeps a unit that the plan does not list. It returns an error for a planned unit:
// the job evaluates such a unit only if the job refused the values in the shard.
func (m *Merged) Save(unit string, values []float64) error {
	if _, ok := m.place[unit]; ok {
		return fmt.Errorf("shard: %s was evaluated again: its values in the shard do not fit "+
			"the analysis, or the file has changed since it was read", unit)
	}
	if m.Behind == nil {
		return nil
	}
	return m.Behind.Save(unit, values)
}

// Planned reports whether the unit is in a shard of the plan.
func (m *Merged) Planned(unit string) bool {
	_, ok := m.place[unit]
	return ok
}

// Ranges formats ascending numbers in the notation of Slurm arrays: "0-3,7,9-12".
func Ranges(numbers []int) string {
	var b strings.Builder
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(numbers[i]))
		if j > i {
			b.WriteString("-" + strconv.Itoa(numbers[j]))
		}
		i = j + 1
	}
	return b.String()
}
