package nn

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// TestGoroutinesEnd: the goroutines of models and evaluators end with Close, or
// with the garbage collection of a model that is not closed.
func TestGoroutinesEnd(t *testing.T) {
	x, y := data(small, 8, 1)
	before := settled()
	for _, closes := range []bool{true, false} {
		for range 5 {
			m, err := New("mlp:4", small, Options{Batch: 8, Workers: 4})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.Gradient(x, y, make([]float32, len(m.Theta()))); err != nil {
				t.Fatal(err)
			}
			e := newEvaluator(t, "mlp:4", small, x, y, EvalOptions{Workers: 4})
			if _, err := e.Loss(context.Background(), m.Theta()); err != nil {
				t.Fatal(err)
			}
			if !closes {
				continue
			}
			m.Close()
			e.Close()
			// Closing is not final.
			if _, err := e.Loss(context.Background(), m.Theta()); err != nil {
				t.Fatal(err)
			}
			e.Close()
		}
		deadline := time.Now().Add(10 * time.Second)
		for ; runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("close %t: %d goroutines, %d before", closes, runtime.NumGoroutine(), before)
			}
			if !closes {
				runtime.GC()
			}
		}
	}
}

// settled is the number of goroutines once those of other tests have ended.
func settled() int {
	n := runtime.NumGoroutine()
	for range 10 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
		n = min(n, runtime.NumGoroutine())
	}
	return n
}
