package analyze

// Store keeps the results of finished units, so that interrupted work resumes
// where it stopped. A unit has a symbolic name ("iterate 12", "cell 3 4") and a
// few numbers that depend on nothing but the name and the analysis' options.
// package result has the one that lives beside the analysis' files.
type Store interface {
	Lookup(unit string) (values []float64, ok bool)
	Save(unit string, values []float64) error
}

// NoStore remembers nothing.
type NoStore struct{}

// Lookup finds nothing.
func (NoStore) Lookup(string) ([]float64, bool) { return nil, false }

// Save does nothing.
func (NoStore) Save(string, []float64) error { return nil }

// Prefixed returns the store for a piece of an analysis whose units have names of
// their own: it puts the prefix before each.
func Prefixed(s Store, prefix string) Store { return prefixed{s, prefix} }

type prefixed struct {
	store  Store
	prefix string
}

func (p prefixed) Lookup(unit string) ([]float64, bool) { return p.store.Lookup(p.prefix + unit) }
func (p prefixed) Save(unit string, v []float64) error  { return p.store.Save(p.prefix+unit, v) }
