package analyze

// Store keeps the values of finished units, so that interrupted work resumes where it
// stopped. A unit has a symbolic name ("iterate 12", "cell 3 4") and a few numbers, which
// depend only on the name and on the options of the analysis. result.Journal stores them
// in the directory of the result, and shard.Worker in the directory of a plan. Save does
// not keep the slice.
type Store interface {
	Lookup(unit string) (values []float64, ok bool)
	Save(unit string, values []float64) error
}

// NoStore is a Store that keeps nothing.
type NoStore struct{}

// Lookup finds nothing.
func (NoStore) Lookup(string) ([]float64, bool) { return nil, false }

// Save does nothing.
func (NoStore) Save(string, []float64) error { return nil }

// Prefixed returns a store that adds the prefix to every unit name. It keeps the units of
// the parts of an analysis apart when the parts use the same names.
func Prefixed(s Store, prefix string) Store { return prefixed{s, prefix} }

type prefixed struct {
	store  Store
	prefix string
}

func (p prefixed) Lookup(unit string) ([]float64, bool) { return p.store.Lookup(p.prefix + unit) }
func (p prefixed) Save(unit string, v []float64) error  { return p.store.Save(p.prefix+unit, v) }
