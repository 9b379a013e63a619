package lean_test

import (
	"errors"
	"slices"
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
func (frugal) Grad(int) ([]float32, error)      { return []float32{2}, nil }

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
		grad, err := lean.Grad(trajectory, 0)
		if err != nil || len(grad) != 1 || grad[0] != 2 {
			t.Errorf("%T: grad %v, %v", trajectory, grad, err)
		}
	}
}

// rows are some with inner iterates and without theta; row 5 cannot be read.
type rows struct{ whole }

func (rows) Len() int { return 8 }
func (rows) At(i int) (record.Step, error) {
	s := record.Step{Step: int64(10 * i), Theta: []float32{float32(i)}, Grad: []float32{1}}
	switch i {
	case 1:
		s.Substep = 1
	case 2:
		s.Theta = nil
	case 5:
		return record.Step{}, errWhole
	}
	return s, nil
}

func TestIterates(t *testing.T) {
	var got []int
	var last error
	for it, err := range lean.Iterates(rows{}) {
		got = append(got, it.Row)
		if last = err; err == nil && (it.Theta[0] != float32(it.Row) || it.Grad != nil || it.Step.Step != int64(10*it.Row)) {
			t.Errorf("row %d: %+v", it.Row, it.Step)
		}
	}
	if !slices.Equal(got, []int{0, 3, 4, 5}) || !errors.Is(last, errWhole) {
		t.Errorf("rows %v, %v; the unreadable one must be the last", got, last)
	}
	for it := range lean.Iterates(rows{}) {
		if it.Row == 3 {
			break
		}
	}
	if _, ok, err := lean.IterateAt(rows{}, 1); ok || err != nil {
		t.Errorf("an inner iterate: %v, %v", ok, err)
	}
}
