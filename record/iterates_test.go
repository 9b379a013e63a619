package record_test

import (
	"errors"
	"slices"
	"testing"

	"sgdwalk/record"
)

var errUnreadable = errors.New("the row cannot be read")

// rows is a trajectory with inner iterates and rows without theta; row 5 cannot be
// read.
type rows struct{ record.Trajectory }

func (rows) Len() int { return 8 }

func (rows) Read(i int, parts record.Parts) (record.Step, error) {
	s := record.Step{Step: int64(10 * i)}
	if parts&record.ThetaPart != 0 && i != 2 {
		s.Theta = []float32{float32(i)}
	}
	if parts&record.GradPart != 0 {
		s.Grad = []float32{1}
	}
	switch i {
	case 1:
		s.Substep = 1
	case 5:
		return record.Step{}, errUnreadable
	}
	return s, nil
}

func TestIterates(t *testing.T) {
	var got []int
	var last error
	for it, err := range record.Iterates(rows{}) {
		got = append(got, it.Row)
		if last = err; err == nil &&
			(it.Theta[0] != float32(it.Row) || it.Grad != nil || it.Step.Step != int64(10*it.Row)) {
			t.Errorf("row %d: %+v", it.Row, it.Step)
		}
	}
	if !slices.Equal(got, []int{0, 3, 4, 5}) || !errors.Is(last, errUnreadable) {
		t.Errorf("rows %v, %v; the unreadable one must be the last", got, last)
	}
	for it := range record.Iterates(rows{}) {
		if it.Row == 3 {
			break
		}
	}
	if _, ok, err := record.IterateAt(rows{}, 1); ok || err != nil {
		t.Errorf("an inner iterate: %v, %v", ok, err)
	}
}
