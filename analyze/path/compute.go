package path

import (
	"context"
	"fmt"
	"math"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Options says what to compute. The zero value is the documented default.
type Options struct {
	// Layers adds the table with one row per iterate and tensor. It costs no
	// further pass over the data.
	Layers bool `json:"layers"`
	// Progress counts rows; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
}

// Result is the geometry of a walk. The tables and the summary are the caller's.
type Result struct {
	// Table has one row per iterate, in the order of the recording:
	//
	//	row              index in the recording
	//	step             k
	//	epoch            pass over the data that batch k belongs to, from 1
	//	learning_rate    of update k
	//	batch_loss       mean loss of batch k at theta_k
	//	batch_accuracy   share of batch k classified correctly
	//	full_loss        loss on the whole training set at theta_k, where the run measured it
	//	test_loss        loss on the held-out set at theta_k, where the run measured it
	//	theta_norm       length of theta_k
	//	grad_norm        length of the gradient g_k of batch k
	//	grad_cos         cosine between g_{k-1} and g_k
	//	update_norm      step length, the length of d_k = theta_{k+1}-theta_k
	//	update_cos       cosine between d_{k-1} and d_k
	//	grad_update_cos  cosine between g_k and d_k; -1 for SGD without momentum and weight decay
	//	displacement     length of theta_k-theta_0, from the first recorded iterate
	//	path_length      sum of the recorded step lengths before iterate k
	Table record.Table
	// Layers has the same for every tensor, with the columns row, step, tensor,
	// kind, theta_norm, grad_norm, grad_cos, update_norm, update_cos,
	// grad_update_cos and displacement; no columns unless Options.Layers.
	Layers record.Table
	// SecondGradients has one row per inner iterate with a gradient, which is of the
	// mini-batch of its step; no columns without any:
	//
	//	row, step, substep  of the inner iterate
	//	distance            from theta_k
	//	batch_loss          of the mini-batch there
	//	loss_rise           batch_loss there minus batch_loss at theta_k
	//	grad_norm           length of the gradient there
	//	grad_cos            cosine between it and g_k
	SecondGradients record.Table
	// Summary has the numbers of the whole walk.
	Summary Summary
	// Warnings limit what may be concluded from the numbers.
	Warnings []analyze.Warning
}

// Compute walks along the recording once. Inner iterates of an optimizer with
// inner loops (substep > 0) are left out and counted. The result does not depend
// on the number of cores. It returns an error when a row cannot be read, when
// the recording is empty, and the context's error when it was cancelled.
func Compute(ctx context.Context, t record.Trajectory, opts Options) (*Result, error) {
	if t.Len() == 0 {
		return nil, fmt.Errorf("path: the recording has no rows; a path needs at least one iterate")
	}
	progress := opts.Progress
	if progress == nil {
		progress = analyze.NoProgress{}
	}
	progress.Begin("path", t.Len())
	var table column.Builder[IterateRow]
	w := &walker{layout: t.Header().Layout, emit: table.Add, hasLayers: opts.Layers}
	w.repeats = record.NewRepeats(w.layout)
	for i := range t.Len() {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("path: stopped at row %d: %w", i, err)
		}
		s, err := t.Read(i, record.ThetaPart|record.GradPart)
		if err != nil {
			return nil, fmt.Errorf("path: row %d: %w", i, err)
		}
		if err := w.push(i, &s); err != nil {
			return nil, err
		}
		progress.Add(1)
	}
	w.finish()
	if w.counts.iterates == 0 {
		return nil, fmt.Errorf("path: all %d rows are inner iterates; a path needs at least one row with substep 0",
			t.Len())
	}
	r := &Result{Table: table.Table()}
	if opts.Layers {
		r.Layers = w.layers.Table()
	}
	if w.hasSecond {
		r.SecondGradients = w.second.Table()
	}
	r.Summary = summarize(&r.Table, &w.counts, t.Header().Layout.Len())
	r.Summary.SecondGradients = summarizeSecond(&r.SecondGradients)
	r.Warnings = warnings(&r.Summary, &w.counts)
	for _, sentence := range w.repeats.Describe() {
		r.Warnings = append(r.Warnings, analyze.Warning{Code: "repeated_values", Text: sentence})
	}
	return r, nil
}

// iterate is a row with its place in the recording.
type iterate struct {
	row int
	record.Step
}

// follows reports whether b is the iterate right after a.
func (b *iterate) follows(a *iterate) bool {
	return a != nil && b != nil && b.Step.Step == a.Step.Step+1
}

// sums are the squared lengths and inner products of one tensor at one row.
type sums struct {
	theta2, displacement2 float64
	grad2, grads          float64 // |g_k|^2, <g_{k-1}, g_k>
	update2, updates      float64 // |d_k|^2, <d_{k-1}, d_k>
	gradUpdate            float64 // <g_k, d_k>
}

func (s *sums) add(o sums) {
	s.theta2 += o.theta2
	s.displacement2 += o.displacement2
	s.grad2 += o.grad2
	s.grads += o.grads
	s.update2 += o.update2
	s.updates += o.updates
	s.gradUpdate += o.gradUpdate
}

// present tells which sums of a row exist.
type present struct {
	theta, start, grad, grads, update, updates bool
}

// walker keeps a window of three iterates and the first one.
type walker struct {
	layout       record.Layout
	first        *iterate
	prev, cur    *iterate
	previous     []sums // of prev, per tensor
	now          []sums // of cur, per tensor
	whole        sums   // of prev
	wholePresent present
	pathLength   float64
	counts       counts
	repeats      *record.Repeats  // nil does not look for repeated values
	emit         func(IterateRow) // receives the rows in order
	hasLayers    bool
	layers       column.Builder[layerRow] // empty unless hasLayers
	hasSecond    bool
	second       column.Builder[secondRow] // empty unless hasSecond
}

// push takes the next row and measures the row before it, which needs its successor.
func (w *walker) push(row int, s *record.Step) error {
	if s.Substep > 0 {
		w.counts.inner++
		if s.Grad != nil && w.cur != nil && w.cur.Step.Step == s.Step {
			w.hasSecond = true
			w.second.Add(newSecondRow(row, s, w.cur))
		}
		return nil
	}
	p := w.layout.Len()
	for _, v := range []struct {
		name   string
		values []float32
	}{{"theta", s.Theta}, {"grad", s.Grad}} {
		if v.values != nil && len(v.values) != p {
			return fmt.Errorf("path: row %d: %s has %d elements, the layout has %d", row, v.name, len(v.values), p)
		}
	}
	if w.repeats != nil {
		w.repeats.Add(s.Step, s.Theta)
	}
	next := &iterate{row: row, Step: *s}
	w.counts.note(next, w.cur)
	if w.cur == nil {
		w.first, w.cur = next, next
		return nil
	}
	w.measure(next)
	w.prev, w.cur = w.cur, next
	return nil
}

// finish measures the last row.
func (w *walker) finish() {
	if w.cur != nil {
		w.measure(nil)
		w.counts.last = w.cur
	}
}

// row computes the row of w.cur, whose successor in the recording is next, and leaves
// the sums of every tensor in w.now.
func (w *walker) row(next *iterate) (IterateRow, sums, present) {
	c := w.cur
	consecutive := c.follows(w.prev)
	p := present{
		theta:   c.Theta != nil,
		start:   c.Theta != nil && w.first.Theta != nil,
		grad:    c.Grad != nil,
		grads:   consecutive && c.Grad != nil && w.prev.Grad != nil,
		update:  next.follows(c) && c.Theta != nil && next.Theta != nil,
		updates: false,
	}
	p.updates = p.update && consecutive && w.wholePresent.update

	if w.now == nil {
		w.previous, w.now = make([]sums, len(w.layout)), make([]sums, len(w.layout))
	}
	var whole sums
	for i, t := range w.layout {
		w.now[i] = w.tensor(t, next, p)
		whole.add(w.now[i])
	}
	return IterateRow{
		Row: int64(c.row), Step: c.Step.Step, Epoch: c.Epoch, LearningRate: c.LearningRate,
		BatchLoss: c.BatchLoss, BatchAccuracy: c.BatchAccuracy, FullLoss: c.FullLoss, TestLoss: c.TestLoss,
		geometry:   newGeometry(whole, w.whole, p),
		PathLength: record.Optional{Value: w.pathLength, Valid: p.theta},
	}, whole, p
}

// measure emits the row of w.cur, whose successor in the recording is next.
func (w *walker) measure(next *iterate) {
	row, whole, p := w.row(next)
	w.counts.zeros(whole, p)
	w.emit(row)
	if w.hasLayers {
		for i, t := range w.layout {
			w.layers.Add(layerRow{
				Row: row.Row, Step: row.Step, Tensor: t.Name, Kind: t.Kind,
				geometry: newGeometry(w.now[i], w.previous[i], p),
			})
		}
	}
	if p.update {
		w.pathLength += math.Sqrt(whole.update2)
		w.counts.updates++
	}
	w.whole, w.wholePresent = whole, p
	w.previous, w.now = w.now, w.previous
}

// tensor makes the sums of one tensor.
func (w *walker) tensor(t record.Tensor, next *iterate, p present) sums {
	var s sums
	c := w.cur
	if p.theta {
		theta := t.View(c.Theta)
		s.theta2 = dot(theta, theta)
		if p.start {
			s.displacement2 = distance2(t.View(w.first.Theta), theta)
		}
		if p.update {
			s.update2 = distance2(theta, t.View(next.Theta))
		}
		if p.updates {
			s.updates = dotUpdates(t.View(w.prev.Theta), theta, theta, t.View(next.Theta))
		}
	}
	if p.grad {
		grad := t.View(c.Grad)
		s.grad2 = dot(grad, grad)
		if p.grads {
			s.grads = dot(t.View(w.prev.Grad), grad)
		}
		if p.update {
			s.gradUpdate = dotUpdate(grad, t.View(c.Theta), t.View(next.Theta))
		}
	}
	return s
}
