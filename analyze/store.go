package analyze

import "errors"

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

// Part is a Store for one of several workers that share the units of an analysis
// between them; package shard has it. The analysis goes the same way as always,
// computes the units that it finds neither finished nor elsewhere, and leaves out
// the others. When it left out any it returns ErrElsewhere, with what can be made
// of the rest if it says so.
type Part interface {
	Store
	// Elsewhere reports whether a unit that Lookup did not find is another worker's.
	Elsewhere(unit string) bool
}

// ErrElsewhere is wrapped by the error of an analysis some of whose units are left
// to other workers.
var ErrElsewhere = errors.New("units are left to other workers")

// Elsewhere reports whether a unit that the store does not have is left to
// another worker; of a store that is no Part none is.
func Elsewhere(s Store, unit string) bool {
	p, ok := s.(Part)
	return ok && p.Elsewhere(unit)
}

// Prefixed returns the store for a piece of an analysis whose units have names of
// their own: it puts the prefix before each.
func Prefixed(s Store, prefix string) Store { return prefixed{s, prefix} }

type prefixed struct {
	store  Store
	prefix string
}

var _ Part = prefixed{}

func (p prefixed) Lookup(unit string) ([]float64, bool) { return p.store.Lookup(p.prefix + unit) }
func (p prefixed) Save(unit string, v []float64) error  { return p.store.Save(p.prefix+unit, v) }
func (p prefixed) Elsewhere(unit string) bool           { return Elsewhere(p.store, p.prefix+unit) }
