package objective_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sgdwalk/analyze/objective"
)

// Nothing is waited for longer than was said.
func TestTimeouts(t *testing.T) {
	for mode, want := range map[string]string{
		"silent": "at its start, did not answer within 300ms",
		"slow":   "at request 1, did not answer within 300ms", "hangs-at-exit": "after the last request, did not end " +
			"within 300ms",
	} {
		o := options(t, mode)
		o.ExitTimeout = 300 * time.Millisecond
		switch mode {
		case "silent":
			o.StartTimeout = o.ExitTimeout
		case "slow":
			o.Timeout = o.ExitTimeout
		}
		began := time.Now()
		x, err := objective.Open(t.Context(), o)
		if err == nil {
			_, err = x.Check(t.Context(), points(1)[0])
			err = errors.Join(err, x.Close())
		}
		if err == nil || !strings.Contains(err.Error(), want) || time.Since(began) > 10*time.Second {
			t.Errorf("%s: %v after %v; want %q", mode, err, time.Since(began), want)
		}
	}
}

// What goes wrong when everything was answered is said, and takes nothing back.
func TestBadEnds(t *testing.T) {
	for mode, want := range map[string]string{"dies-at-end": "after the last request, ended with exit status 4; it " +
		"said: cannot save", "last-words": "answered request 99"} {
		x, err := objective.Open(t.Context(), options(t, mode))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Check(t.Context(), points(1)[0]); err != nil {
			t.Fatal(err)
		}
		if err := x.Close(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", mode, err, want)
		}
	}
}

// A process that died is started again, and what it did not answer is evaluated
// again; but not when the new one gives other losses.
func TestRestart(t *testing.T) {
	p := points(6)
	for _, mode := range []string{"dies-once", "dies-half-way"} { // the second with a part of its answer written
		x := start(t, options(t, mode+"="+filepath.Join(t.TempDir(), "died")))
		for i, theta := range p {
			v, err := x.Loss(t.Context(), theta)
			if i == 0 {
				v, err = x.Check(t.Context(), theta)
			}
			if err != nil || v != truth(theta) {
				t.Fatalf("%s: point %d: %v, %v; want %v", mode, i, v, err, truth(theta))
			}
		}
		if w := x.Warnings(); len(w) != 1 || w[0].Code != "objective_restarted" ||
			!strings.Contains(w[0].Text, "(1 in total)") {
			t.Errorf("%s: warnings %v", mode, w)
		}
	}
	x, err := objective.Open(t.Context(), options(t, "dies-and-differs="+filepath.Join(t.TempDir(), "died")))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, err := x.Check(t.Context(), p[0]); err != nil {
		t.Fatal(err)
	}
	if _, err = x.Loss(t.Context(), p[1]); err == nil ||
		!strings.Contains(err.Error(), fmt.Sprintf("gives the loss %v; before it gave %v", truth(p[0])+1,
			truth(p[0]))) {
		t.Errorf("%v", err)
	}
}

// Processes that do not agree, and noise that is allowed.
func TestNoise(t *testing.T) {
	o := options(t, "own-data")
	o.Procs = 2
	x, err := objective.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, err := x.Check(t.Context(), points(1)[0]); err == nil || !strings.Contains(err.Error(), "the second in "+
		"process 2") {
		t.Errorf("two processes with data of their own: %v", err)
	}
	o = options(t, "noisy")
	o.AllowNoisy = true
	y := start(t, o)
	p := points(1)[0]
	_, err = y.Check(t.Context(), p)
	want := fmt.Sprintf("the losses %v and %v at the same point", truth(p)+1, truth(p)+2)
	if w := y.Warnings(); err != nil || len(w) != 1 || w[0].Code != "objective_noisy" ||
		!strings.Contains(w[0].Text, want) {
		t.Errorf("%v, %v; want %q", err, w, want)
	}
}

// An interruption ends an evaluation at once, and leaves no process: not even
// those that the process has started.
func TestInterrupted(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc to see processes in")
	}
	name := filepath.Join(t.TempDir(), "pid")
	o := options(t, "grandchild="+name)
	x := start(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pid := make(chan int, 1)
	go func() {
		defer cancel()
		for range 500 {
			if text, err := os.ReadFile(name); err == nil && len(text) > 0 {
				n, _ := strconv.Atoi(string(text))
				pid <- n
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		pid <- 0
	}()
	if _, err := x.Loss(ctx, points(1)[0]); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	n := <-pid
	if n == 0 {
		t.Fatal("there was no evaluation")
	}
	for range 100 {
		// A zombie that nobody waits for is no process any more.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("process %d, which the objective had started, goes on", n)
}
