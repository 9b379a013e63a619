package shard

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"sgdwalk/analyze"
)

// Merged is a store that has the units of finished shards, and in a preview the units
// that workers have so far. Units that are in no plan, because they depend on the values of
// others, go to the store behind it.
type Merged struct {
	plan    *Plan
	values  [][]float64
	long    map[int]lineAt // units whose values are not kept in memory
	have    []bool
	place   map[string]int
	present int
	missing []int // shards
	// Behind keeps units that are in no shard; nil keeps none.
	Behind analyze.Store
}

var _ analyze.Store = (*Merged)(nil)

// ErrMissing is wrapped by the error of Merge when shards are missing.
var ErrMissing = errors.New("shards are missing")

// longValues is the number of values above which a unit stays on the disk: Lookup reads it
// again. All slabs of a large matrix would not fit in memory together.
const longValues = 1024

// Merge reads the shards. Without preview, every shard must be finished and intact. With
// preview, Merge takes the finished shards, and from the others the units that workers have
// saved.
func (p *Plan) Merge(preview bool) (*Merged, error) {
	names, err := p.Names()
	if err != nil {
		return nil, err
	}
	m := &Merged{plan: p, long: make(map[int]lineAt), values: make([][]float64, len(names)), have: make([]bool,
		len(names)), place: make(map[string]int, len(names))}
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

func (m *Merged) take(unit int, values []float64) {
	if !m.have[unit] {
		m.present++
	}
	delete(m.long, unit)
	m.values[unit], m.have[unit] = values, true
}

// Units returns how many units are available, and how many the plan has.
func (m *Merged) Units() (present, planned int) { return m.present, len(m.values) }

// Missing returns the shards that are not finished.
func (m *Merged) Missing() []int { return m.missing }

// Lookup returns the values of a unit. The slice belongs to the store: do not change it.
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

// Save keeps a unit that is not in a shard.
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

// Ranges writes ascending numbers as Slurm does: "0-3,7,9-12".
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
