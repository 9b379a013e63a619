package op

import (
	"strings"
	"sync/atomic"
	"testing"
)

func TestBlocksCoverOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 5, 40} {
		for _, n := range []int{0, 1, 7, 8, 9, 100} {
			b := &Batch{Workers: workers}
			count := make([]atomic.Int32, n)
			b.blocks(n, 8, func(low, high int) {
				if low%8 != 0 || high-low > 8 || high <= low {
					t.Errorf("piece %d to %d", low, high)
				}
				for i := low; i < high; i++ {
					count[i].Add(1)
				}
			})
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
			b.each(20, func(i int) {
				if i == 7 {
					panic("seven")
				}
			})
			t.Errorf("%d workers: no panic", workers)
		}()
	}
}
