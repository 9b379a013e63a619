package lean_test

import (
	"errors"
	"testing"

	"sgdwalk/analyze/internal/lean"
	"sgdwalk/record"
)

// whole offers rows, frugal parts of rows too.
type whole struct{}

func (whole) Header() *record.Header { return nil }
func (whole) Len() int               { return 1 }
func (whole) At(int) (record.Step, error) {
	return record.Step{Step: 7, Theta: []float32{1}, Grad: []float32{2}}, nil
}

type frugal struct{ whole }

var errWhole = errors.New("the whole row was read")

func (frugal) At(int) (record.Step, error)      { return record.Step{}, errWhole }
func (frugal) Scalars(int) (record.Step, error) { return record.Step{Step: 7}, nil }
func (frugal) Theta(int) ([]float32, error)     { return []float32{1}, nil }

func TestBoth(t *testing.T) {
	for _, trajectory := range []record.Trajectory{whole{}, frugal{}} {
		s, err := lean.Scalars(trajectory, 0)
		if err != nil || s.Step != 7 {
			t.Errorf("%T: step %d, %v", trajectory, s.Step, err)
		}
		theta, err := lean.Theta(trajectory, 0)
		if err != nil || len(theta) != 1 || theta[0] != 1 {
			t.Errorf("%T: theta %v, %v", trajectory, theta, err)
		}
	}
}
