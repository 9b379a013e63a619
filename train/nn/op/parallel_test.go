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
			b := &Batch{Workers: NewWorkers(workers)}
			defer b.Workers.Close()
			count := make([]atomic.Int32, n)
			err := b.Workers.Run(func() error {
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

func TestCloseEndsTheWorkers(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := &Batch{Workers: NewWorkers(4)}
	for range 2 { // Close is not final
		if err := b.Workers.Run(func() error { return errors.New("stop") }); err == nil || b.Workers.running != nil {
			t.Errorf("error %v, running %v", err, b.Workers.running)
		}
		b.Workers.Close()
		b.Workers.Close()
	}
}
