package objective_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sgdwalk/analyze/objective"
	"sgdwalk/record"
)

// options are those of a child in a mode.
func options(t testing.TB, mode string) objective.Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return objective.Options{
		Command: []string{self}, Env: append(os.Environ(), modeName+"="+mode), Dir: t.TempDir(),
		Layout: layout, StartTimeout: 20 * time.Second, Timeout: 20 * time.Second, ExitTimeout: 20 * time.Second,
	}
}

func start(t testing.TB, o objective.Options) *objective.Objective {
	t.Helper()
	x, err := objective.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Errorf("at the end: %v", err)
		}
		if left, _ := os.ReadDir(o.Dir); len(left) != 0 {
			t.Errorf("%d files are left", len(left))
		}
	})
	return x
}

func truth(theta []float32) (loss float64) {
	for i, v := range theta {
		loss += float64(i+1) * float64(v) * float64(v) / 2
	}
	return loss
}

func points(n int) [][]float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([][]float32, n)
	for i := range out {
		out[i] = make([]float32, layout.Len())
		for j := range out[i] {
			out[i][j] = float32(rng.NormFloat64())
		}
	}
	return out
}

// Losses, gradients, state and further numbers are the other process's.
func TestObjective(t *testing.T) {
	o := options(t, "good")
	o.StateLayout, o.State, o.Gradient, o.Also = stateLayout, []float32{0.25, 0.5}, true, []string{
		"accuracy",
		"test_loss",
	}
	x := start(t, o)
	p := points(5)
	if v, err := x.Check(t.Context(), p[0]); err != nil || v != truth(p[0])+0.75 {
		t.Fatalf("%v, %v; want %v", v, err, truth(p[0])+0.75)
	}
	grad := make([]float32, layout.Len())
	for _, theta := range p {
		for range 2 {
			all, err := x.Evaluate(t.Context(), theta)
			want := truth(theta) + 0.75
			if err != nil || !slices.Equal(all, []float64{want, 0.5, 2 * want}) {
				t.Fatalf("%v, %v; want %v", all, err, want)
			}
		}
		v, err := x.Gradient(t.Context(), theta, grad)
		if err != nil || v != truth(theta)+0.75 {
			t.Fatalf("%v, %v", v, err)
		}
		for i, g := range grad {
			if g != float32(i+1)*theta[i] {
				t.Fatalf("gradient %v at %v", grad, theta)
			}
		}
	}
	test, err := x.View("test_loss", "")
	if v, e := test.Loss(t.Context(), p[1]); err != nil || e != nil || v != 2*(truth(p[1])+0.75) {
		t.Errorf("test loss %v, %v, %v", v, err, e)
	}
	if _, err := x.View("height", ""); err == nil || !strings.Contains(err.Error(), `"height"`) {
		t.Errorf("an unknown number: %v", err)
	}
}

// A program that keeps its own state takes none from an analysis.
func TestSetState(t *testing.T) {
	for mode, want := range map[string]bool{"good": true, "keeps-state": false} {
		o := options(t, mode)
		o.StateLayout, o.State = stateLayout, []float32{0.25, 0.5}
		x := start(t, o)
		v, err := x.View("loss", "")
		if err != nil {
			t.Fatal(err)
		}
		if got := objective.NewEvaluator(v, o.State).SetState([]float32{1, 1}); got != want {
			t.Errorf("%s: SetState returns %t, want %t", mode, got, want)
		}
	}
}

// However many processes there are, the numbers and their order are the same.
func TestProcesses(t *testing.T) {
	p := points(3)
	at := make([]record.Coordinates, 50)
	for i := range at {
		at[i].Along = []float64{0, float64(i) / 7, -float64(i) / 11}
	}
	span := record.Span{Points: p[:1], Directions: p[1:3]}
	var first []float64
	point := make([]float32, layout.Len())
	for _, n := range []int{1, 2, 5} {
		o := options(t, "good")
		o.Procs, o.Also = n, []string{"accuracy"}
		x := start(t, o)
		if _, err := x.Check(t.Context(), p[0]); err != nil {
			t.Fatal(err)
		}
		evaluate, err := x.OnSpan(span)
		if err != nil || x.BatchSize() < n {
			t.Fatalf("%d at a time, %v", x.BatchSize(), err)
		}
		loss, accuracy := make([]float64, len(at)), make([]float64, len(at))
		if err := evaluate(t.Context(), at, loss, accuracy); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = loss
			for i := range at {
				if span.Point(&at[i], 0, point); loss[i] != truth(point) || accuracy[i] != 0.5 {
					t.Errorf("point %d: %v and %v; want %v", i, loss[i], accuracy[i], truth(point))
				}
			}
		}
		if !slices.Equal(loss, first) {
			t.Errorf("%d processes give %v; one gave %v", n, loss, first)
		}
	}
}

// Points of a batch are evaluated at the same time, once for all numbers, and give what
// they give otherwise.
func TestSpan(t *testing.T) {
	const each = 100 * time.Millisecond
	p := points(9)
	for _, n := range []int{1, 3} {
		o := options(t, "sleeps")
		o.Procs, o.Also = n, []string{"accuracy"}
		x := start(t, o)
		began := time.Now()
		at := make([]record.Coordinates, len(p))
		for i := range at {
			at[i].Base = i
		}
		for range 2 { // the second time for another number
			evaluate, err := x.OnSpan(record.Span{Points: p})
			if err != nil {
				t.Fatal(err)
			}
			loss := make([]float64, len(p))
			if err := evaluate(t.Context(), at, loss, nil); err != nil {
				t.Fatal(err)
			}
			for i, theta := range p {
				if loss[i] != truth(theta) {
					t.Errorf("point %d: %v; want %v", i, loss[i], truth(theta))
				}
			}
		}
		// Nine evaluations of 100 ms, by one and by three.
		if took := time.Since(began); n == 1 && took < 9*each || n == 3 && (took < 3*each || took > 7*each) {
			t.Errorf("%d processes took %v", n, took)
		}
		evaluate, err := x.OnSpan(record.Span{Points: p})
		if err != nil {
			t.Fatal(err)
		}
		at[0].Base = 1 // another point
		loss := make([]float64, len(p))
		if err := evaluate(t.Context(), at, loss, nil); err != nil || loss[0] != truth(p[1]) {
			t.Errorf("another point: %v, %v; want %v", loss[0], err, truth(p[1]))
		}
		p[1][0]++ // the memory of the vector is used again
		if err := evaluate(t.Context(), at, loss, nil); err != nil || loss[0] != truth(p[1]) {
			t.Errorf("a changed vector: %v, %v; want %v", loss[0], err, truth(p[1]))
		}
		if _, err := x.OnSpan(record.Span{Points: [][]float32{p[0][1:]}}); err == nil {
			t.Error("a short vector is taken")
		}
	}
}

// A view has a state of its own, and asks for no more than it needs.
func TestViews(t *testing.T) {
	p := points(4)
	for _, n := range []int{1, 2} {
		o := options(t, "good")
		o.StateLayout, o.State, o.Also, o.Procs = stateLayout, []float32{1, 1}, []string{"accuracy"}, n
		x := start(t, o)
		loss := x.LossAlone()
		states := [][]float32{{0, 1}, nil, {3, 4}, {3, 5}}
		sums := []float64{1, 2, 7, 8}
		for i, theta := range p {
			for k, state := range states {
				if v, err := loss.WithState(state).Loss(t.Context(), theta); err != nil || v != truth(theta)+sums[k] {
					t.Errorf("point %d, state %v: %v, %v; want %v", i, state, v, err, truth(theta)+sums[k])
				}
				all, err := x.View("loss", "accuracy")
				if err != nil {
					t.Fatal(err)
				}
				if v, err := all.WithState(state).Evaluate(t.Context(), theta); err != nil ||
					!slices.Equal(v, []float64{truth(theta) + sums[k], 0.5}) {
					t.Errorf("point %d, state %v: %v, %v", i, state, v, err)
				}
			}
		}
		if v, err := loss.Evaluate(t.Context(), p[0]); err != nil || len(v) != 1 {
			t.Errorf("the loss alone: %v, %v", v, err)
		}
		for k, state := range states {
			evaluate, err := loss.WithState(state).OnSpan(record.Span{Points: p})
			if err != nil {
				t.Fatal(err)
			}
			v, at := make([]float64, 2), []record.Coordinates{{}, {Base: 1, State: []float32{2, 7}}}
			if err := evaluate(t.Context(), at, v, nil); err != nil || v[0] != truth(p[0])+sums[k] ||
				v[1] != truth(p[1])+9 {
				t.Errorf("on a span with state %v: %v, %v", state, v, err)
			}
		}
	}
}

// What a process does wrong is one line that says what, and what it said last.
func TestBadChildren(t *testing.T) {
	for _, c := range []struct {
		mode, want string
	}{
		{"dies-at-start", "at its start, died (exit status 3); it said: no module named torch"},
		{"banner-and-dies", "at its start, died (exit status 5); it said: Loading the data ..."},
		{"other-version", "speaks version 2 of the protocol; this program speaks 1"},
		{"other-layout", "has w [3 2] as tensor 1 of its theta; the run has w [2 3] there"},
		{"no-gradient", "offers no gradients"},
		{"percent", `answered "93.2" as "accuracy"; an accuracy is the share of examples that are right, from 0 to 1`},
		{"frozen-unknown", `says that "c" is frozen, which is not a tensor of theta`},
		{"wrong-id", "answered request 6 instead of request 1"},
		{"no-id", "without the id of request 1"},
		{"prints", `at request 3, printed "epoch 3: fine" on standard output, where only answers may go`},
		{"no-loss", `which has no "loss"`},
		{"text", `answered "\"low\"" as "loss"; it must be a number`},
		{"null", `answered "null" as "loss"; it must be a number`},
		{"error", "could not evaluate: ValueError: shapes; it said: Traceback"},
		{"twice", "answered request 1 twice"},
		{"noisy", "is not deterministic: it gives the losses"},
		{"cuts", "before request 3, the shared file theta.f32 has been cut"},
		{"ends", "at request 3, ended (exit status 0) instead of answering"},
		{"long-line", "at request 3, printed a line of more than 16777216 bytes on standard output"},
		{"always-dies", "died (exit status 9); it said: out of memory (after 2 restarts, the most that are allowed)"},
	} {
		o := options(t, c.mode)
		o.Gradient, o.Restarts, o.Also = true, 2, []string{"accuracy"}
		err := func() error {
			x, err := objective.Open(t.Context(), o)
			if err != nil {
				return err
			}
			defer x.Close()
			for _, theta := range points(5) {
				if _, err := x.Check(t.Context(), theta); err != nil {
					if _, again := x.Loss(t.Context(), theta); again == nil {
						t.Errorf("%s: goes on after %v", c.mode, err)
					}
					return err
				}
			}
			return nil
		}()
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") ||
			!strings.HasPrefix(err.Error(), "objective: ") {
			t.Errorf("%s: %v; want %q", c.mode, err, c.want)
		}
		if left, _ := os.ReadDir(o.Dir); len(left) != 0 {
			t.Errorf("%s: %d files are left", c.mode, len(left))
		}
	}
}

// A loss that is no number is a value.
func TestNotFinite(t *testing.T) {
	for mode, want := range map[string]float64{"bare-nan": math.NaN(), "infinite": math.Inf(-1)} {
		x := start(t, options(t, mode))
		v, err := x.Check(t.Context(), points(1)[0])
		if err != nil || fmt.Sprint(v) != fmt.Sprint(want) {
			t.Errorf("%s: %v, %v", mode, v, err)
		}
	}
}

// Recorded losses are compared at their own statistics.
func TestCheckRecorded(t *testing.T) {
	run, err := record.NewMemory(&record.Header{
		Format: record.FormatVersion, DType: record.Float32, Layout: layout,
		State: stateLayout, Columns: record.Columns{Theta: true, State: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, theta := range points(7) {
		s := &record.Step{Step: int64(i), Epoch: 1, Theta: theta, State: []float32{float32(i), 1}}
		if i%2 == 0 {
			s.FullLoss = record.Some(truth(theta) + float64(i) + 1)
		}
		if err := run.Append(s); err != nil {
			t.Fatal(err)
		}
	}
	o := options(t, "good")
	o.StateLayout, o.State = stateLayout, []float32{0, 0}
	x := start(t, o)
	if n, err := x.CheckRecorded(t.Context(), run, nil); n != 3 || err != nil || len(x.Warnings()) != 0 {
		t.Errorf("%d compared, %v, %v", n, err, x.Warnings())
	}
	o.Env = append(o.Env, modeName+"=noisy")
	y := start(t, o)
	if n, err := y.CheckRecorded(t.Context(), run, nil); n != 3 || err != nil || len(y.Warnings()) != 1 ||
		y.Warnings()[0].Code != "objective_disagrees" {
		t.Errorf("%d compared, %v, %v", n, err, y.Warnings())
	}
}

// Without recorded losses over the training set, batches tell a sum from a mean.
func TestCheckBatches(t *testing.T) {
	p := points(1)[0]
	for factor, want := range map[float64]bool{1: false, 3: false, 0.2: false, 1.0 / 60: true, 60: true} {
		run, err := record.NewMemory(&record.Header{
			Format: record.FormatVersion, DType: record.Float32,
			Layout: layout, Columns: record.Columns{Theta: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := run.Append(&record.Step{
				Step: int64(i), Epoch: 1, Theta: p,
				BatchLoss: record.Some(factor * truth(p) * (1 + float64(i)/10)),
			}); err != nil {
				t.Fatal(err)
			}
		}
		x := start(t, options(t, "good"))
		if _, err := x.Check(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if n, err := x.CheckRecorded(t.Context(), run, nil); n != 0 || err != nil || (len(x.Warnings()) > 0) != want {
			t.Errorf("batches of %v times the loss: %d, %v, %v", factor, n, err, x.Warnings())
		}
	}
}

// What a program left that was killed long ago is removed, and nothing else.
func TestStale(t *testing.T) {
	o := options(t, "good")
	old, young := filepath.Join(o.Dir, "sgdwalk-objective-1-2"), filepath.Join(o.Dir, "sgdwalk-objective-1-3")
	for _, dir := range []string{old, young} {
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	x, err := objective.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(o.Dir); len(left) != 1 || left[0].Name() != filepath.Base(young) {
		t.Errorf("%v is left", left)
	}
}

// A command line is split as a shell would, but no shell runs it.
func TestParseCommand(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	for text, want := range map[string]string{
		"python3 objective.py":              "[][python3|objective.py]",
		`  a 'b c'  "d 'e" f\ g "" `:        "[][a|b c|d 'e|f g|]",
		"python3 -c 'print(\"x\\n\")' --":   `[][python3|-c|print("x\n")|--]`,
		"A=1 _b2='x y' python3 C=3":         "[A=1|_b2=x y][python3|C=3]",
		"D=~/data ~/env/bin/python ~/x.py ": "[D=/home/ada/data][/home/ada/env/bin/python|/home/ada/x.py]",
		"p ~ '~/a' a~/b \\~/c ~ada/d":       "[][p|/home/ada|~/a|a~/b|~/c|~ada/d]",
		"'A=1' x":                           "[][A=1|x]",
		"sh -c 'a | b > $C; d && e'":        "[][sh|-c|a | b > $C; d && e]",
	} {
		set, words, err := objective.ParseCommand(text)
		if s := "[" + strings.Join(set, "|") + "][" + strings.Join(words, "|") + "]"; err != nil || s != want {
			t.Errorf("%q: %s, %v; want %s", text, s, err, want)
		}
	}
	for text, want := range map[string]string{
		"": "is empty", "  ": "is empty", "a 'b": "does not end", `a "b`: "does not end", `a \`: "backslash",
		"A=1": "names no program", "a | b": "has a |, which only a shell understands", "cd x && a": "has a &",
		"a > b": "has a >", "a $HOME": "has a $",
	} {
		if _, _, err := objective.ParseCommand(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// KEY=VALUE of a command line reach the program.
func TestSet(t *testing.T) {
	o := options(t, "")
	o.Env, o.Set = os.Environ(), []string{modeName + "=good"}
	x := start(t, o)
	p := points(1)[0]
	if v, err := x.Check(t.Context(), p); err != nil || v != truth(p) {
		t.Errorf("%v, %v", v, err)
	}
	if want := modeName + "=good "; !strings.HasPrefix(x.Command(), want) {
		t.Errorf("the command is %q", x.Command())
	}
}

// What libraries print before the first answer is a note.
func TestPrintedBefore(t *testing.T) {
	o := options(t, "banner")
	o.Procs = 2
	x := start(t, o)
	p := points(1)[0]
	if v, err := x.Check(t.Context(), p); err != nil || v != truth(p) {
		t.Fatalf("%v, %v", v, err)
	}
	w := x.Warnings()
	if len(w) != 1 || w[0].Code != "objective_printed" ||
		!strings.Contains(w[0].Text,
			`printed "Files already downloaded and verified", "3", "{\"epoch\": 1}" and 2 more lines on standard output`) {
		t.Errorf("warnings %v", w)
	}
}

// A traceback is kept in lines, without escape sequences.
func TestTraceback(t *testing.T) {
	x := start(t, options(t, "traceback"))
	_, err := x.Check(t.Context(), points(1)[0])
	var e *objective.Error
	if !errors.As(err, &e) || !slices.Equal(e.Said, []string{
		"Traceback (most recent call last):",
		`  File "objective.py", line 3`, "ValueError: shapes \u00b7[31m",
	}) {
		t.Fatalf("%#v", err)
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("%q", err)
	}
}

// An accuracy that rounding put above 1 is 1.
func TestAccuracyRoundedUp(t *testing.T) {
	o := options(t, "rounded-up")
	o.Also = []string{"accuracy"}
	x := start(t, o)
	if v, err := x.Evaluate(t.Context(), points(1)[0]); err != nil || v[1] != 1 {
		t.Errorf("%v, %v", v, err)
	}
}

// TestSmallestProgram runs the program of OBJECTIVE.md.
func TestSmallestProgram(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	manual, err := os.ReadFile("OBJECTIVE.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(manual)
	o := options(t, "")
	o.Command, o.Env = []string{python, "-c", string(code[1])}, os.Environ()
	x := start(t, o)
	for _, theta := range points(4) {
		want := 0.0
		for _, v := range theta {
			want += float64(v) * float64(v)
		}
		if v, err := x.Loss(t.Context(), theta); err != nil || math.Abs(v-want/2) > 1e-12 {
			t.Errorf("%v, %v; want %v", v, err, want/2)
		}
	}
}
