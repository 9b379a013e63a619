package consistency_test

import (
	"slices"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train/consistency"
	"sgdwalk/train/optim"
)

// TestWrongInnerIterate: a wrong point, loss or gradient of an inner iterate is found. When
// nothing is computed again, the recorded second gradient of SAM decides the update.
func TestWrongInnerIterate(t *testing.T) {
	changes := map[string]func(s *record.Step){
		"theta": func(s *record.Step) { s.Theta[7] += 1e-3 },
		"loss":  func(s *record.Step) { s.BatchLoss = record.Some(s.BatchLoss.Value + 0.01) },
		"grad":  func(s *record.Step) { s.Grad[7] += 1e-3 },
	}
	for _, name := range optim.Names() {
		run := trainRun(t, config(t, name))
		inner := int32(optim.InnerRows(run.Header().Optimizer))
		if inner == 0 {
			continue
		}
		const k = 5
		for what, change := range changes {
			isSAM := run.Header().Optimizer.Name == "sam-sgd" || run.Header().Optimizer.Name == "sam-adam"
			if what == "grad" && !isSAM {
				continue
			}
			bad := copied(t, run, func(_ int, s *record.Step) bool {
				if s.Step == k && s.Substep == inner {
					change(s)
				}
				return true
			})
			r := check(t, bad, consistency.Options{Samples: -1})
			if v := find(r, consistency.InnerIterate, k); v == nil || len(r.Violations) != 1 {
				t.Errorf("%s, %s: want inner iterate %d of step %d, got %+v", name, what, inner, k, r.Violations)
			}
			if !isSAM {
				continue
			}
			r = check(t, bad, consistency.Options{SkipLosses: true})
			code := map[string]consistency.Code{"theta": consistency.InnerIterate, "grad": consistency.Update}[what]
			if v := find(r, code, k); (v != nil) != (code != "") {
				t.Errorf("%s, %s, without losses: want %q at step %d, got %+v", name, what, code, k, r.Violations)
			}
		}
	}
}

// TestRecordedSecondGradient: updates of SAM follow from the recording alone. A step whose
// second gradient is missing is not checked, and neither are those after it, because the
// state of Adam is not known.
func TestRecordedSecondGradient(t *testing.T) {
	for name, want := range map[string]int{"sam-sgd": 30, "sam-adam": 30} {
		run := trainRun(t, config(t, name))
		r := check(t, run, consistency.Options{SkipLosses: true})
		wantNone(t, r)
		if r.Updates != want || !r.Exact {
			t.Errorf("%s: %d updates; want %d", name, r.Updates, want)
		}
		without := copied(t, run, func(_ int, s *record.Step) bool {
			if s.Step == 5 && s.Substep == 1 {
				s.Grad = nil
			}
			return true
		})
		r = check(t, without, consistency.Options{SkipLosses: true})
		if r.Updates >= want || !noted(r, "the second gradient of the step is not recorded") ||
			slices.ContainsFunc(r.Violations, func(v consistency.Violation) bool { return v.Code == consistency.Update }) {
			t.Errorf("%s: %d updates, %+v, %+v", name, r.Updates, r.Violations, r.Notes)
		}
	}
}
