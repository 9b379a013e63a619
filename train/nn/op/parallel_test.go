package op

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestBlocksCoverOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 5, 40} {
		for _, n := range []int{0, 1, 7, 8, 9, 100} {
			b := &Batch{Workers: workers}
			count := make([]atomic.Int32, n)
			busy := make([]atomic.Int32, workers)
			err := b.Run(func() error {
				b.blocks(n, 8, func(worker, low, high int) {
					if busy[worker].Add(1) != 1 {
						t.Errorf("worker %d makes two calls at a time", worker)
					}
					if low%8 != 0 || high-low > 8 || high <= low {
						t.Errorf("piece %d to %d", low, high)
					}
					for i := low; i < high; i++ {
						count[i].Add(1)
					}
					busy[worker].Add(-1)
				})
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			for i := range count {
				if c := count[i].Load(); c != 1 {
					t.Errorf("%d workers, n %d: %d is in %d pieces", workers, n, i, c)
				}
			}
		}
	}
}

func TestEachRaisesPanics(t *testing.T) {
	for _, workers := range []int{1, 3} {
		b := &Batch{Workers: workers}
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.Contains(p, "seven") {
					t.Errorf("%d workers: recovered %q", workers, p)
				}
			}()
			err := b.Run(func() error {
				b.each(20, func(_, i int) {
					if i == 7 {
						panic("seven")
					}
				})
				return nil
			})
			t.Errorf("%d workers: no panic, error %v", workers, err)
		}()
	}
}

// TestManyPhases lets workers fall asleep between phases and come late to them.
func TestManyPhases(t *testing.T) {
	b := &Batch{Workers: 3}
	err := b.Run(func() error {
		for phase := range 500 {
			if phase%100 == 50 {
				time.Sleep(2 * spinTime)
			}
			var sum atomic.Int64
			b.each(phase%7, func(_, i int) { sum.Add(int64(i + 1)) })
			if n := int64(phase % 7); sum.Load() != n*(n+1)/2 {
				t.Fatalf("phase %d: sum %d", phase, sum.Load())
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRunEndsItsWorkers(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := &Batch{Workers: 4}
	if err := b.Run(func() error { return errors.New("stop") }); err == nil || b.pool != nil {
		t.Errorf("error %v, pool %v", err, b.pool)
	}
}
