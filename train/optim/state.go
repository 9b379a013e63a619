package optim

import (
	"fmt"

	"sgdwalk/train"
)

// Piece and Stateful are the training loop's: a checkpoint keeps the one, an
// optimizer with a memory is the other.
type (
	Piece    = train.Piece
	Stateful = train.Stateful
)

// restore copies the pieces given into the optimizer's own.
func restore(name string, own, given []Piece) error {
	from := make([]Piece, len(own))
	for i, o := range own {
		found := 0
		for _, g := range given {
			if g.Name == o.Name {
				from[i] = g
				found++
			}
		}
		if found != 1 {
			return fmt.Errorf("optim: %s: the state has %d pieces named %q; it must have 1", name, found, o.Name)
		}
		g := from[i]
		if len(g.Float32) != len(o.Float32) || len(g.Float64) != len(o.Float64) || len(g.Uint64) != len(o.Uint64) {
			return fmt.Errorf("optim: %s: piece %q of the state has %d float32, %d float64 and %d uint64 elements; it must have %d, %d and %d",
				name, o.Name, len(g.Float32), len(g.Float64), len(g.Uint64), len(o.Float32), len(o.Float64), len(o.Uint64))
		}
	}
	if len(given) != len(own) {
		for _, g := range given {
			if !named(own, g.Name) {
				return fmt.Errorf("optim: %s: the state has a piece %q, which this optimizer does not have", name, g.Name)
			}
		}
	}
	for i, o := range own {
		copy(o.Float32, from[i].Float32)
		copy(o.Float64, from[i].Float64)
		copy(o.Uint64, from[i].Uint64)
	}
	return nil
}

func named(pieces []Piece, name string) bool {
	for _, p := range pieces {
		if p.Name == name {
			return true
		}
	}
	return false
}
