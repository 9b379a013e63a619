package column

import (
	"fmt"
	"reflect"
	"slices"

	"sgdwalk/record"
)

// Builder collects the rows of a table. T is a struct whose fields are the columns:
// the tag `col:"name"` names a column, a field without the tag is left out, and an
// embedded struct adds its columns in its place. A field is a whole number, a float64,
// a record.Optional, a [Truth], a bool or a string. The zero value is an empty table.
//
// A struct keeps the name, the type and the definition of a column in one place.
type Builder[T any] struct {
	fields []field
	rows   int
}

// Truth is a truth value that may be absent.
type Truth struct{ Value, Valid bool }

// Known returns a present truth value.
func Known(v bool) Truth { return Truth{v, true} }

// field is a column and its place in T.
type field struct {
	index  []int
	column record.Column
	valid  []bool // nil for a type that is always present
}

var (
	optionalType = reflect.TypeFor[record.Optional]()
	truthType    = reflect.TypeFor[Truth]()
)

// Add appends a row. It copies the values.
func (b *Builder[T]) Add(row T) {
	b.init()
	b.rows++
	v := reflect.ValueOf(row)
	for i := range b.fields {
		b.fields[i].add(v.FieldByIndex(b.fields[i].index))
	}
}

// Len returns the number of rows.
func (b *Builder[T]) Len() int { return b.rows }

// Table returns the table. It shares the values with b.
func (b *Builder[T]) Table() record.Table {
	b.init()
	var t record.Table
	for _, f := range b.fields {
		if slices.Contains(f.valid, false) {
			f.column.Valid = f.valid
		}
		t.Columns = append(t.Columns, f.column)
	}
	return t
}

// Of returns the table of the rows.
func Of[T any](rows []T) record.Table {
	var b Builder[T]
	for _, r := range rows {
		b.Add(r)
	}
	return b.Table()
}

// init finds the columns of T.
func (b *Builder[T]) init() {
	if b.fields == nil {
		b.fields = fieldsOf(reflect.TypeFor[T](), nil)
	}
}

func fieldsOf(t reflect.Type, at []int) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(slices.Clone(at), i)
		name, tagged := f.Tag.Lookup("col")
		switch {
		case tagged:
			fields = append(fields, newField(name, f.Type, index))
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			fields = append(fields, fieldsOf(f.Type, index)...)
		}
	}
	return fields
}

// newField panics for a type that is not the type of a column, a mistake in the code
// that the first use shows.
func newField(name string, t reflect.Type, index []int) field {
	f := field{index: index, column: record.Column{Name: name}}
	switch {
	case t == optionalType:
		f.column.Floats, f.valid = []float64{}, []bool{}
	case t == truthType:
		f.column.Bools, f.valid = []bool{}, []bool{}
	case t.Kind() == reflect.Float64:
		f.column.Floats = []float64{}
	case t.Kind() == reflect.Bool:
		f.column.Bools = []bool{}
	case t.Kind() == reflect.String:
		f.column.Strings = []string{}
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64:
		f.column.Ints = []int64{}
	default:
		panic(fmt.Sprintf("column: %s is a %v, which cannot be a column", name, t))
	}
	return f
}

// add appends a value; an absent one is stored as the zero value with its bit unset.
func (f *field) add(v reflect.Value) {
	c := &f.column
	switch {
	case v.Type() == optionalType:
		o := record.Optional{Value: v.Field(0).Float(), Valid: v.Field(1).Bool()}
		if !o.Valid {
			o.Value = 0
		}
		c.Floats, f.valid = append(c.Floats, o.Value), append(f.valid, o.Valid)
	case v.Type() == truthType:
		value, valid := v.Field(0).Bool(), v.Field(1).Bool()
		c.Bools, f.valid = append(c.Bools, value && valid), append(f.valid, valid)
	case c.Floats != nil:
		c.Floats = append(c.Floats, v.Float())
	case c.Bools != nil:
		c.Bools = append(c.Bools, v.Bool())
	case c.Strings != nil:
		c.Strings = append(c.Strings, v.String())
	default:
		c.Ints = append(c.Ints, v.Int())
	}
}
