package op

import (
	"errors"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestBlocksCoverOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 5, 40} {
		for _, n := range []int{0, 1, 7, 8, 9, 100} {
			b := &Batch{Workers: workers}
			count := make([]atomic.Int32, n)
			err := b.Run(func() error {
				b.blocks(n, 8, func(low, high int) {
					if low%8 != 0 || high-low > 8 || high <= low {
						t.Errorf("piece %d to %d", low, high)
					}
					for i := low; i < high; i++ {
						count[i].Add(1)
					}
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

func TestRunEndsItsWorkers(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := &Batch{Workers: 4}
	if err := b.Run(func() error { return errors.New("stop") }); err == nil || b.pool != nil {
		t.Errorf("error %v, pool %v", err, b.pool)
	}
}
