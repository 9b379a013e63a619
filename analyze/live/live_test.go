package live_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/live"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
)

const parameters = 12

func header(steps int64) *record.Header {
	h := record.NewHeader(record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{3, 4}}))
	h.Model, h.Optimizer.Name, h.Steps, h.Columns.Grad, h.Batch, h.Epochs = "mlp:4", "sgd", steps, true, 10, 2
	return h
}

// rows returns the rows of gradient descent with noise on a quadratic.
func rows(steps int64) []record.Step {
	rng := rand.New(rand.NewPCG(3, 9))
	theta := make([]float32, parameters)
	for i := range theta {
		theta[i] = float32(rng.NormFloat64())
	}
	start := time.Unix(1700000000, 0)
	var out []record.Step
	for k := range steps + 1 {
		s := record.Step{
			Step: k, Epoch: int32(1 + min(k, steps-1)/10),
			WallTime: start.Add(time.Duration(k) * 100 * time.Millisecond), LearningRate: record.Some(0.1),
			Theta: append([]float32(nil), theta...), Grad: make([]float32, parameters),
		}
		loss := 0.0
		for i, v := range theta {
			s.Grad[i] = v*float32(i+1)/4 + float32(0.3*rng.NormFloat64())
			loss += float64(v*v) * float64(i+1) / 8
			theta[i] -= 0.1 * s.Grad[i]
		}
		s.BatchLoss, s.Examples = record.Some(loss), 10
		if k%10 == 0 {
			s.FullLoss, s.TestLoss = record.Some(loss), record.Some(1.1*loss)
		}
		if k == steps {
			s.BatchLoss, s.LearningRate, s.Grad, s.Examples = record.Optional{}, record.Optional{}, nil, 0
		}
		out = append(out, s)
	}
	return out
}

func logOf(h *record.Header, steps []record.Step) *live.Log {
	l := live.NewLog("run", h)
	for i := range steps {
		l.Add(&steps[i])
	}
	return l
}

// memoryOf is the recorded run, for the analyses of a finished one.
func memoryOf(t *testing.T, h *record.Header, steps []record.Step) *record.Memory {
	t.Helper()
	m, err := record.NewMemory(h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		if err := m.Append(&steps[i]); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func figureNamed(t *testing.T, l *live.Log, name string) figure.Figure {
	t.Helper()
	for _, f := range l.Figures() {
		if f.Name == name {
			return f.Figure
		}
	}
	t.Fatalf("the figure %s is missing", name)
	return nil
}

// TestLikePath: what is shown live is what the path analysis finds afterwards.
func TestLikePath(t *testing.T) {
	h, steps := header(40), rows(40)
	m := memoryOf(t, h, steps)
	want, err := path.Compute(context.Background(), m, path.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := logOf(h, steps)
	for _, c := range []struct{ figure, series, column string }{
		{"loss", "mini-batch", "batch_loss"},
		{"step_length", "update", "update_norm"},
		{"step_length", "mini-batch gradient", "grad_norm"},
		{"cosine", "mini-batch gradients", "grad_cos"},
		{"distance", "displacement from \u03b8\u2080", "displacement"},
	} {
		curves := figureNamed(t, l, c.figure).(*figure.Curves)
		column := want.Table.Column(c.column)
		found := 0
		for _, s := range curves.Series {
			if !strings.HasPrefix(s.Name, c.series) { // "and ..." when two series are equal
				continue
			}
			for i, x := range s.X {
				k := int(x)
				if column.Valid != nil && !column.Valid[k] {
					if !math.IsNaN(s.Y[i]) {
						t.Errorf("%s at step %d is %v; the path has none", c.column, k, s.Y[i])
					}
					continue
				}
				if d := math.Abs(s.Y[i] - column.Floats[k]); d > 1e-6*math.Abs(column.Floats[k])+1e-9 {
					t.Errorf("%s at step %d is %v, the path has %v", c.column, k, s.Y[i], column.Floats[k])
				}
				found++
			}
		}
		if found < 39 {
			t.Errorf("%s: only %d values are drawn", c.column, found)
		}
	}
	// Plain SGD: gradients and updates have the same cosines, drawn once.
	if n := len(figureNamed(t, l, "cosine").(*figure.Curves).Series); n != 1 {
		t.Errorf("%d series of cosines", n)
	}
}

// TestLikePCA checks that the live plane of all iterates is the plane of the PCA.
func TestLikePCA(t *testing.T) {
	h, steps := header(60), rows(60)
	m := memoryOf(t, h, steps)
	want, err := pca.Fit(context.Background(), m, pca.Options{Components: 2, Surrogates: -1})
	if err != nil {
		t.Fatal(err)
	}
	got := figureNamed(t, logOf(h, steps), "path").(*figure.Trajectory)
	if len(got.Path) != len(want.Scores[0]) {
		t.Fatalf("%d iterates, want %d", len(got.Path), len(want.Scores[0]))
	}
	sign := [2]float64{1, 1}
	if got.Path[0].A*want.Scores[0][0] < 0 {
		sign[0] = -1
	}
	if got.Path[0].B*want.Scores[1][0] < 0 {
		sign[1] = -1
	}
	for i, q := range got.Path {
		if math.Abs(q.A*sign[0]-want.Scores[0][i]) > 1e-6 || math.Abs(q.B*sign[1]-want.Scores[1][i]) > 1e-6 {
			t.Errorf("iterate %d is at (%v, %v), want (%v, %v)", i, q.A, q.B, want.Scores[0][i], want.Scores[1][i])
		}
	}
}

// TestPlaneKeepsFew: of a long run a bounded number of iterates stays, spread over
// all of it, and the picture does not flip as the run continues.
func TestPlaneKeepsFew(t *testing.T) {
	h, steps := header(1000), rows(1000)
	l := live.NewLog("run", h)
	var before []figure.PathPoint
	for i := range steps {
		l.Add(&steps[i])
		if i%50 != 49 {
			continue
		}
		now := figureNamed(t, l, "path").(*figure.Trajectory).Path
		if len(now) > 97 || len(now) < 24 {
			t.Fatalf("%d iterates are kept of %d", len(now), i+1)
		}
		if now[0].Step != 0 || i-now[len(now)-1].Step > 32 {
			t.Fatalf("iterates from %d to %d are kept of %d", now[0].Step, now[len(now)-1].Step, i)
		}
		if before != nil && now[0].A*before[0].A < 0 {
			t.Errorf("the picture flipped at step %d", i)
		}
		before = now
	}
}

// TestStatus: the states of a run and its numbers.
func TestStatus(t *testing.T) {
	h, steps := header(40), rows(40)
	half := logOf(h, steps[:21])
	s := half.Status(steps[20].WallTime)
	if s.State != recorder.Stopped || s.Step != 20 || s.Rows != 21 || s.Epoch != 3 || s.Steps != 40 {
		t.Errorf("half a run: %+v", s)
	}
	if v := s.StepsPerSecond.Value; math.Abs(v-10) > 1e-9 {
		t.Errorf("%v steps a second, want 10", v)
	}
	if s.FullLoss.Value != steps[20].FullLoss.Value || s.FullStep != 20 ||
		s.BatchLoss.Value != steps[20].BatchLoss.Value {
		t.Errorf("losses: %+v", s)
	}
	whole := logOf(h, steps).Status(time.Time{})
	if whole.State != recorder.Finished || whole.BatchLoss.Value != steps[39].BatchLoss.Value || !whole.LearningRate.Valid {
		t.Errorf("the whole run: %+v", whole)
	}
	steps[7].BatchLoss = record.Some(math.Inf(1))
	bad := logOf(h, steps[:8])
	if s := bad.Status(time.Time{}); s.State != recorder.Diverged || !s.Nonfinite {
		t.Errorf("a diverged run: %+v", s)
	}
	if s := live.NewLog("run", h).Status(time.Time{}); s.Rows != 0 || s.BatchLoss.Valid || s.StepLength.Valid {
		t.Errorf("a run without rows: %+v", s)
	}
}

// TestLines: nothing is wider than the terminal, and what is where stays there.
func TestLines(t *testing.T) {
	h, steps := header(40), rows(40)
	steps[3].BatchLoss, steps[4].BatchLoss = record.Some(math.NaN()), record.Some(math.Inf(1))
	for _, n := range []int{0, 1, 5, 41} {
		l := logOf(h, steps[:n])
		s := l.Status(time.Time{})
		s.Recorder = &recorder.Counters{Queued: 2, Capacity: 3, Dropped: 1}
		want := len(l.Lines(&s, 80))
		for _, width := range []int{1, 20, 40, 80, 200} {
			lines := l.Lines(&s, width)
			if len(lines) != want {
				t.Errorf("%d lines at width %d, %d at 80", len(lines), width, want)
			}
			for _, line := range lines {
				if utf8.RuneCountInString(line) > max(width, 20) || strings.Contains(line, "\n") {
					t.Errorf("%d rows, width %d: %q", n, width, line)
				}
			}
		}
		if line := s.Line(); strings.Contains(line, "\n") || !strings.Contains(line, "/40") {
			t.Errorf("%q", line)
		}
	}
}

// TestAnything draws what is known after any row: a huge one, one without a number,
// iterates that stand still.
func TestAnything(t *testing.T) {
	for name, change := range map[string]func(*record.Step){
		"nan":     func(s *record.Step) { s.Theta[0], s.BatchLoss = float32(math.NaN()), record.Some(math.NaN()) },
		"inf":     func(s *record.Step) { s.Theta[1], s.Grad = float32(math.Inf(1)), nil },
		"huge":    func(s *record.Step) { s.Theta[2], s.BatchLoss = 3e38, record.Some(1e308) },
		"still":   func(s *record.Step) { clear(s.Theta); clear(s.Grad) },
		"scalars": func(s *record.Step) { s.Theta, s.Grad = nil, nil },
	} {
		for _, from := range []int{0, 3} {
			l, steps := live.NewLog("run", header(6)), rows(6)
			for i := range steps {
				if i >= from {
					change(&steps[i])
				}
				l.Add(&steps[i])
				for _, f := range l.Figures() {
					if err := figure.Render(new(bytes.Buffer), f.Figure, figure.SVG); err != nil {
						t.Errorf("%s from %d, row %d, %s: %v", name, from, i, f.Name, err)
					}
				}
			}
		}
	}
}

// TestThinned checks that the log of a very long run keeps a bounded number of points, that
// it keeps the points with full losses, and that the figures have a note.
func TestThinned(t *testing.T) {
	h := header(100000)
	h.Columns.Theta, h.Columns.Grad = true, false
	l := live.NewLog("run", h)
	s := rows(1)[0]
	all := live.NewLog("run", h) // with the full loss at every iterate
	for k := range int64(3*live.MaxPoints + 5000) {
		s.Step, s.FullLoss, s.TestLoss = k, record.Optional{}, record.Some(1)
		all.Add(&s)
		s.TestLoss = record.Optional{}
		if k == 1001 {
			s.FullLoss = record.Some(7)
		}
		l.Add(&s)
	}
	if n := len(figureNamed(t, all, "loss").(*figure.Curves).Series[0].X); n >= live.MaxPoints {
		t.Errorf("%d points of a run that measures the full loss at every step", n)
	}
	loss := figureNamed(t, l, "loss").(*figure.Curves)
	if n := len(loss.Series[0].X); n >= live.MaxPoints || n < live.MaxPoints/2 {
		t.Errorf("%d points", n)
	}
	if len(loss.Series[1].X) != 1 || loss.Series[1].X[0] != 1001 {
		t.Errorf("the full loss is drawn at %v", loss.Series[1].X)
	}
	if len(loss.Notes) != 1 {
		t.Errorf("notes %q", loss.Notes)
	}
	// What is shown ends with the last row, and with the batch before it at the end.
	for k := int64(3*live.MaxPoints + 5000); k < 3*live.MaxPoints+5010; k++ {
		s.Step, s.BatchLoss, s.FullLoss, s.LearningRate = k, record.Some(float64(k)), record.Optional{},
			record.Some(1/float64(k))
		l.Add(&s)
		x := figureNamed(t, l, "loss").(*figure.Curves).Series[0].X
		if n := len(x); x[n-1] != float64(k) || x[n-2] >= x[n-1] {
			t.Errorf("after step %d the figure ends with the steps %v", k, x[n-2:])
		}
	}
	last := record.Step{Step: s.Step + 1, Epoch: s.Epoch, Theta: s.Theta}
	l.Add(&last)
	if status := l.Status(time.Now()); status.Step != last.Step || status.BatchLoss != s.BatchLoss ||
		status.LearningRate != s.LearningRate {
		t.Errorf("at the end: step %d, batch loss %v, learning rate %v; want the values of step %d", status.Step,
			status.BatchLoss, status.LearningRate, s.Step)
	}
}

// TestFollow watches a run from its first row to its last, with a writer that goes
// away in between.
func TestFollow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	h, steps := header(40), rows(40)
	w, err := arrowfile.Create(dir, h, arrowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := w.Append(&steps[i]); err != nil {
			t.Fatal(err)
		}
	}
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l := live.NewLog("run", r.Header())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	next, looks := 5, 0
	err = l.Follow(ctx, r, 10*time.Millisecond, func() error {
		looks++
		if s := l.Status(time.Now()); s.Rows != min(next, 41) || s.State != recorder.Running && next <= 41 {
			t.Errorf("%d rows, %s; %d were written", s.Rows, s.State, next)
		}
		switch {
		case next < 41:
			if err := w.Append(&steps[next]); err != nil {
				return err
			}
			next++
		case next == 41:
			next++
			return w.Close()
		}
		return nil
	})
	if err != nil || looks < 37 {
		t.Fatalf("after %d looks: %v", looks, err)
	}
	if s := l.Status(time.Now()); s.State != recorder.Finished || s.Rows != 41 || s.Bytes == 0 {
		t.Errorf("at the end: %+v", s)
	}
	stop := errors.New("enough")
	if err := l.Follow(ctx, r, time.Second, func() error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of the caller comes back as %v", err)
	}
}

// TestFollowLong: of a run with a long past the scalars of all rows are read, and
// vectors enough for the path over all of it.
func TestFollowLong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	h, steps := header(6000), rows(6000)
	w, err := arrowfile.Create(dir, h, arrowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		if err := w.Append(&steps[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l := live.NewLog("run", r.Header())
	if err := l.Follow(context.Background(), r, time.Second, nil); err != nil {
		t.Fatal(err)
	}
	loss := figureNamed(t, l, "loss").(*figure.Curves).Series[0]
	if len(loss.X) != 6001 || loss.Y[1234] != steps[1234].BatchLoss.Value {
		t.Errorf("%d losses", len(loss.X))
	}
	walk := figureNamed(t, l, "path").(*figure.Trajectory).Path
	if n := len(walk); n < 40 || walk[0].Step != 0 || walk[n-1].Step < 5900 {
		t.Errorf("%d iterates on the path, from %d to %d", n, walk[0].Step, walk[n-1].Step)
	}
	for i := 2; i < len(walk); i++ {
		if walk[i].Step-walk[i-1].Step != walk[1].Step {
			t.Errorf("the path goes from step %d to %d", walk[i-1].Step, walk[i].Step)
		}
	}
}
