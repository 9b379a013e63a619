package walk_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze"
	"sgdwalk/analyze/result"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
)

// A walk that is stopped after each evaluation and resumed from the file writes the same
// tables as a walk that is never stopped. Its losses have every kind of value.
func TestResumeFromAJournal(t *testing.T) {
	m := positions(t, 5, -3, 2.5, -1)
	value := func(theta []float32) float64 {
		switch x := float64(theta[0]); {
		case x > 2.4:
			return math.Inf(1)
		case x > 1.9:
			return math.NaN()
		default:
			return x / 3
		}
	}
	want := csv(t, run(t, m, &counter{f: value}, walk.Options{}))
	dir := filepath.Join(t.TempDir(), "walk")
	for stop := 1; ; stop += 5 {
		d := must[*result.Dir](t)(result.Create(dir))
		j := must[*result.Journal](t)(d.Journal("walk", m.Header(), walk.Options{}.Effective()))
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		loss := analyze.LossFunc(func(_ context.Context, theta []float32) (float64, error) {
			if n++; n == stop {
				cancel()
			}
			return value(theta), nil
		})
		r, err := walk.Run(ctx, m, loss, walk.Options{Store: j})
		cancel()
		if err == nil {
			if diff := cmp.Diff(want, csv(t, r)); diff != "" {
				t.Error(diff)
			}
			if r.Evaluated >= r.Summary.Evaluations {
				t.Error("nothing was resumed")
			}
			if err := errors.Join(j.Remove(), d.Close()); err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func csv(t *testing.T, r *walk.Result) string {
	var b strings.Builder
	for _, table := range []*record.Table{&r.Segments, &r.Losses, &r.Epochs} {
		if err := table.WriteCSV(&b); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}
