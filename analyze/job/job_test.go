package job_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/analyze/job/jobtest"
)

func TestExample(t *testing.T) {
	jobtest.Check(t, func() job.Job[float64] {
		return &valley{analyze.LossFunc(bowl), []float64{0, 0.5, 1, 1.5, 2, 2.5, 3}}
	}, func(lowest float64) []byte { return fmt.Append(nil, lowest) })
}

// scrambled evaluates its units in another order than they are listed, adds a unit that
// depends on them, and notes the order in which it receives them.
type scrambled struct {
	valley
	order    []int
	received []string
}

func (s *scrambled) Evaluate(_ context.Context, units []job.Unit, save job.Save) error {
	buffer := make([]float64, 1)
	for _, i := range s.order {
		if i < len(units) {
			buffer[0] = float64(units[i].Index) // the driver must not keep it
			if err := save(units[i], buffer); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scrambled) Finish(ctx context.Context, values job.Values) (sum float64, err error) {
	take := func(u job.Unit, v []float64) error {
		s.received = append(s.received, u.Name)
		sum = sum*10 + v[0]
		return nil
	}
	if err := values(ctx, "units", s.Units(), take); err != nil {
		return 0, err
	}
	return sum, values(ctx, "", []job.Unit{{Name: "last", Index: 9}}, take)
}

func TestUnitsAreTakenInTheirOrder(t *testing.T) {
	s := &scrambled{valley: valley{alphas: make([]float64, 4)}, order: []int{2, 0, 3, 1}}
	for i := range s.alphas {
		s.alphas[i] = float64(i)
	}
	sum, err := job.Run(t.Context(), s, job.Driver{})
	if want := []string{"alpha 0", "alpha 1", "alpha 2", "alpha 3", "last"}; err != nil || sum != 1239 ||
		!slices.Equal(s.received, want) {
		t.Errorf("%v, %v: %v; want 1239 of %v", sum, err, s.received, want)
	}
}

func TestWrongJobs(t *testing.T) {
	for want, order := range map[string][]int{"1 of 2 units were not evaluated": {0}, "evaluated twice": {0, 0}} {
		s := &scrambled{valley: valley{alphas: []float64{0, 1}}, order: order}
		if _, err := job.Run(t.Context(), s, job.Driver{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %q", order, err, want)
		}
	}
}

// A unit that is missing and that this process does not evaluate is an error, unless the
// result is a preview.
func TestIncomplete(t *testing.T) {
	v := &valley{analyze.LossFunc(bowl), []float64{0, 1, 2}}
	d := job.Driver{Mine: func(unit string) bool { return unit != "alpha 1" }}
	if _, err := job.Run(t.Context(), v, d); !errors.Is(err, job.ErrIncomplete) ||
		!strings.Contains(err.Error(), "alpha 1") {
		t.Errorf("%v does not say that alpha 1 is missing", err)
	}
	d.Preview = true
	if lowest, err := job.Run(t.Context(), v, d); err != nil || lowest != 4 {
		t.Errorf("%v, %v; want 4", lowest, err)
	}
}
