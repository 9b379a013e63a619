package exchange

import (
	"fmt"
	"strings"

	"sgdwalk/record"
)

// Vector is one vector in the space of theta, from a file.
type Vector struct {
	Name   string    // name of the array, with [i] for row i of a matrix; the file's name for a checkpoint
	Values []float32 // of length P, finite or not
}

// Vectors reads directions or points in the space of theta from a .npy, .npz or
// .safetensors file. An array of P elements is one vector, and an array of shape (n, P)
// is n vectors, in the order of the file. A file that has an array for every tensor of
// the layout, with the same name and number of elements, is a checkpoint and makes one
// vector; its other arrays are ignored. Any other array is an error.
func Vectors(path string, layout record.Layout) ([]Vector, error) {
	c, err := openContainer(path, "")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if v, ok, err := c.tensors(layout); ok || err != nil {
		return []Vector{v}, err
	}
	p := layout.Len()
	var all []Vector
	for i := range c.arrays {
		a := &c.arrays[i]
		if !a.element.isFloat() {
			return nil, c.errorf("array %q is of type %s; a direction must have floating-point numbers", a.name,
				a.element.name)
		}
		rows := 1
		switch {
		case len(a.shape) == 1 && a.shape[0] == p:
		case len(a.shape) == 2 && a.shape[1] == p && a.shape[0] >= 1 && a.shape[0] <= maxVectors:
			rows = a.shape[0]
		default:
			return nil, c.errorf("array %q has shape %v; a direction of this model has %d elements, several have "+
				"shape (n, %d) with n at most %d", a.name, a.shape, p, p, maxVectors)
		}
		values := make([]float32, rows*p)
		if err := c.floats(a, values); err != nil {
			return nil, err
		}
		for r := range rows {
			name := a.name
			if len(a.shape) == 2 {
				name = fmt.Sprintf("%s[%d]", a.name, r)
			}
			all = append(all, Vector{name, values[r*p : (r+1)*p : (r+1)*p]})
		}
	}
	if len(all) == 0 {
		return nil, c.errorf("it has no array; a direction of this model has %d elements", p)
	}
	return all, nil
}

// maxVectors bounds the rows of an array of vectors.
const maxVectors = 1000

// tensors reads one vector from arrays with the names of the layout; ok reports whether the
// file has all of them.
func (c *container) tensors(layout record.Layout) (v Vector, ok bool, err error) {
	found := 0
	for _, t := range layout {
		if c.lookup(t.Name) != nil {
			found++
		}
	}
	if found < len(layout) || found == 0 {
		return v, false, nil
	}
	v = Vector{Name: c.path[strings.LastIndexAny(c.path, `/\`)+1:], Values: make([]float32, layout.Len())}
	for _, t := range layout {
		a := c.lookup(t.Name)
		if !a.element.isFloat() || a.length() != t.Len() {
			return v, true, c.errorf("array %q has shape %v and type %s; the model's tensor has shape %v", a.name,
				a.shape, a.element.name, t.Shape)
		}
		if err := c.floats(a, t.View(v.Values)); err != nil {
			return v, true, err
		}
	}
	return v, true, nil
}
