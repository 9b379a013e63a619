package align

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"sgdwalk/analyze"
)

// Check evaluates the loss at theta and at a copy with randomly permuted units. Both are the
// same function, so the losses must agree up to rounding. If they do not, some names of axes
// are wrong, and the error names the units that change the loss when they alone are permuted.
// A loss that takes a state (analyze.Stateful) gets the given one, permuted along; nil leaves
// the loss its own state.
//
// A loss at theta that is not finite cannot be compared and is no error.
func (s *Specification) Check(ctx context.Context, loss analyze.Loss, theta, state []float32) error {
	stateful, _ := loss.(analyze.Stateful)
	if state == nil || stateful != nil && !stateful.SetState(nil) {
		stateful = nil
	}
	if stateful != nil {
		defer stateful.SetState(nil)
	}
	at := func(p Permutations) (float64, error) {
		if stateful != nil {
			stateful.SetState(s.State(p, state))
		}
		v, err := loss.Loss(ctx, s.Theta(p, theta))
		if err != nil {
			return 0, fmt.Errorf("align: check of the names of axes: %w", err)
		}
		return v, nil
	}
	want, err := at(s.Identity())
	if err != nil || want-want != 0 {
		return err
	}
	random := s.Random(rand.New(rand.NewPCG(1, nullSeed)))
	got, err := at(random)
	if err != nil || SameLoss(got, want) {
		return err
	}
	var wrong []string
	for u := range s.units {
		alone := s.Identity()
		alone[u] = random[u]
		v, err := at(alone)
		if err != nil {
			return err
		}
		if !SameLoss(v, want) {
			wrong = append(wrong, fmt.Sprintf("%q (%.6g)", s.units[u].Name, v))
		}
	}
	if len(wrong) == 0 {
		wrong = []string{fmt.Sprintf("all units together (%.6g)", got)}
	}
	return fmt.Errorf("align: a permutation of hidden units must not change the loss, %.6g, but the permutation of these "+
		"does: %s; their axes are named wrongly, or the loss uses statistics of normalization layers that were not recorded",
		want, strings.Join(wrong, ", "))
}

// SameLoss reports whether two losses differ by rounding only, or are both not finite. Sums in
// another order change a loss in float32 by a relative 1e-6 or so, and a wrong permutation
// changes it many times more.
func SameLoss(got, want float64) bool {
	if want-want != 0 {
		return got-got != 0
	}
	return math.Abs(got-want) <= 1e-3*math.Abs(want)+1e-6
}
