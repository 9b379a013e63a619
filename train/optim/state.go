package optim

import (
	"fmt"
	"slices"

	"sgdwalk/train"
)

// restore copies the values of the given buffers, which may be in any order, into
// an optimizer's own buffers. It checks names and lengths before it copies
// anything, so that an error leaves the optimizer unchanged.
func restore(name string, own, given []train.Buffer) error {
	from := make([]train.Buffer, len(own))
	for i, o := range own {
		found := 0
		for _, g := range given {
			if g.Name == o.Name {
				from[i] = g
				found++
			}
		}
		if found != 1 {
			return fmt.Errorf("optim: %s: the state has %d buffers named %q; it must have 1", name, found, o.Name)
		}
		if g := from[i]; len(g.Float32) != len(o.Float32) || len(g.Float64) != len(o.Float64) ||
			len(g.Uint64) != len(o.Uint64) {
			return fmt.Errorf("optim: %s: buffer %q has %d float32, %d float64 and %d uint64 elements; it must have "+
				"%d, %d and %d",
				name, o.Name, len(g.Float32), len(g.Float64), len(g.Uint64), len(o.Float32), len(o.Float64),
				len(o.Uint64))
		}
	}
	for _, g := range given {
		if !slices.ContainsFunc(own, func(o train.Buffer) bool { return o.Name == g.Name }) {
			return fmt.Errorf("optim: %s: the state has a buffer %q, which this optimizer does not have", name, g.Name)
		}
	}
	for i, o := range own {
		copy(o.Float32, from[i].Float32)
		copy(o.Float64, from[i].Float64)
		copy(o.Uint64, from[i].Uint64)
	}
	return nil
}
