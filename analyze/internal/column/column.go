// Package column builds the columns of a result's table row by row, so that an
// absent value is a missing bit and never a made-up number.
package column

import (
	"slices"

	"sgdwalk/record"
)

// Floats is a column of numbers under construction. The zero value is ready.
type Floats struct {
	values []float64
	valid  []bool
}

// Add appends a value; an absent one is stored as 0 with its bit unset.
func (f *Floats) Add(v record.Optional) {
	if !v.Valid {
		v.Value = 0
	}
	f.values, f.valid = append(f.values, v.Value), append(f.valid, v.Valid)
}

// Column returns the column. It shares the values with f.
func (f *Floats) Column(name string) record.Column {
	return record.Column{Name: name, Floats: notNil(f.values), Valid: bits(f.valid)}
}

// Bools is a column of truth values under construction. The zero value is ready.
type Bools struct{ values, valid []bool }

// Add appends a value; an absent one is stored as false with its bit unset.
func (b *Bools) Add(v, valid bool) {
	b.values, b.valid = append(b.values, v && valid), append(b.valid, valid)
}

// Column returns the column. It shares the values with b.
func (b *Bools) Column(name string) record.Column {
	return record.Column{Name: name, Bools: notNil(b.values), Valid: bits(b.valid)}
}

// Ints returns a column of whole numbers, all present. It keeps the slice.
func Ints(name string, values []int64) record.Column {
	return record.Column{Name: name, Ints: notNil(values)}
}

// Strings returns a column of texts, all present. It keeps the slice.
func Strings(name string, values []string) record.Column {
	return record.Column{Name: name, Strings: notNil(values)}
}

// bits returns nil when every value is present, as record.Column wants it.
func bits(valid []bool) []bool {
	if slices.Contains(valid, false) {
		return valid
	}
	return nil
}

// notNil keeps the type of a column that has no rows.
func notNil[T any](values []T) []T {
	if values == nil {
		return []T{}
	}
	return values
}
