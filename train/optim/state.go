package optim

import (
	"fmt"
	"slices"

	"sgdwalk/train"
)

// buffers is the state of an optimizer. Optimizers with state embed it, which
// makes them train.Checkpointed.
type buffers struct {
	optimizer string // name, for errors
	all       []train.Buffer
}

// State returns the optimizer's buffers, without copying them.
func (b *buffers) State() []train.Buffer { return b.all }

// SetState copies the values of the given buffers, which may be in any order. It
// checks names and lengths before it copies anything, so that an error changes
// nothing.
func (b *buffers) SetState(given []train.Buffer) error {
	from := make([]train.Buffer, len(b.all))
	for i, o := range b.all {
		found := 0
		for _, g := range given {
			if g.Name == o.Name {
				from[i] = g
				found++
			}
		}
		if found != 1 {
			return fmt.Errorf("optim: %s: the state has %d buffers named %q; it must have 1",
				b.optimizer, found, o.Name)
		}
		if got, want := lengths(from[i]), lengths(o); got != want {
			return fmt.Errorf("optim: %s: buffer %q has %d float32, %d float64 and %d uint64 elements; "+
				"it must have %d, %d and %d", b.optimizer, o.Name, got[0], got[1], got[2], want[0], want[1], want[2])
		}
	}
	for _, g := range given {
		if !slices.ContainsFunc(b.all, func(o train.Buffer) bool { return o.Name == g.Name }) {
			return fmt.Errorf("optim: %s: the state has a buffer %q, which this optimizer does not have",
				b.optimizer, g.Name)
		}
	}
	for i, o := range b.all {
		copy(o.Float32, from[i].Float32)
		copy(o.Float64, from[i].Float64)
		copy(o.Uint64, from[i].Uint64)
	}
	return nil
}

// lengths returns the lengths of the three slices of a buffer.
func lengths(b train.Buffer) [3]int { return [3]int{len(b.Float32), len(b.Float64), len(b.Uint64)} }
