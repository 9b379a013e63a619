package objective

import (
	"context"
	"fmt"
	"math"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Check evaluates theta twice in the first process and once in every other process.
// Two different losses are an error that names both, or a warning if noise is allowed.
// They come from a loss in training mode (dropout, augmentation, shuffling), or over
// data that every process draws for itself. Check returns the loss. Call it first.
//
// With gradients it also compares one gradient with differences of the loss, and a
// product with differences of gradients.
func (o *Objective) Check(ctx context.Context, theta []float32) (float64, error) {
	var first, noise float64
	for n := range o.o.Procs + 1 {
		slot := max(n-1, 0)
		v, err := o.checkIn(ctx, slot, theta)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			first = v
		}
		if same(v, first) {
			continue
		}
		what := "at the same point"
		if slot > 0 {
			what = fmt.Sprintf("at the same point, the second in process %d", slot+1)
		}
		if !o.o.AllowNoisy {
			return 0, o.fail(fmt.Errorf("objective: %s is not deterministic: it gives the losses %v and %v %s "+
				"(training mode, dropout, augmentation, shuffling, data without a seed?)", o.o.name(), first, v, what))
		}
		noise = 3 * math.Abs(v-first)
		o.warn("objective_noisy", "the objective is not deterministic: it gave the losses %v and %v %s, so small "+
			"differences of losses mean nothing", first, v, what)
		break
	}
	o.mu.Lock()
	o.checked, o.checkedState, o.first = slices.Clone(theta), o.o.State, first
	o.mu.Unlock()
	if !o.o.Gradient {
		return first, nil
	}
	grad, err := o.checkGradient(ctx, theta, first, noise)
	if err != nil || grad == nil {
		return first, err
	}
	o.noteFrozen()
	return first, o.checkProduct(ctx, theta, grad)
}

// noteFrozen says which parameters have no gradient.
func (o *Objective) noteFrozen() {
	n := 0
	for _, r := range o.Frozen() {
		n += r[1] - r[0]
	}
	if n > 0 {
		o.warn("frozen_parameters", "%d of %d parameters have no gradient (they are frozen, or the loss does not use "+
			"them): their rows and columns of the Hessian are 0", n, o.o.Layout.Len())
	}
}

// checkIn asks one process, and no other: the slots are all free, as nothing else
// runs yet.
func (o *Objective) checkIn(ctx context.Context, slot int, theta []float32) (float64, error) {
	var taken []int
	defer func() {
		for _, i := range taken {
			o.free <- i
		}
	}()
	for {
		i, err := o.take(ctx)
		if err != nil {
			return 0, err
		}
		if taken = append(taken, i); i != slot {
			continue
		}
		a, err := o.askSlot(ctx, i, o.all().point(theta))
		if err != nil {
			return 0, err
		}
		return a.values[0], nil
	}
}

// disagreement is the relative difference from which two losses count as different.
const disagreement = 1e-4

// comparedRows is the number of recorded losses to compare.
const comparedRows = 3

// CheckRecorded evaluates some iterates whose loss over the whole training set was
// recorded, with the recorded statistics of their rows. It warns if the losses differ
// by a relative 1e-4: the objective may use other data or another mode. It returns the
// number of compared iterates. An iterate without statistics is evaluated with state,
// nil for Options.State. If the run recorded no such loss, CheckRecorded compares the
// objective with the range of the last batch losses.
func (o *Objective) CheckRecorded(ctx context.Context, run record.Trajectory, state []float32) (int, error) {
	var rows []int
	for i := range run.Len() {
		s, err := run.Read(i, record.ScalarsOnly)
		if err != nil {
			return 0, err
		}
		if s.FullLoss.Valid && s.Substep == 0 {
			rows = append(rows, i)
		}
	}
	compared, worst, text := 0, 0.0, ""
	for _, k := range analyze.Spread(len(rows), comparedRows) {
		s, err := run.Read(rows[k], record.ThetaPart|record.StatePart)
		if err != nil {
			return compared, err
		}
		if s.Theta == nil {
			continue
		}
		own := s.State
		if len(own) != o.o.StateLayout.Len() {
			own = state
		}
		v, err := o.ask(ctx, o.all().WithState(own).point(s.Theta))
		if err != nil {
			return compared, err
		}
		compared++
		d := math.Abs(v[0]-s.FullLoss.Value) / max(math.Abs(s.FullLoss.Value), 1e-12)
		if same(v[0], s.FullLoss.Value) {
			d = 0
		} else if d != d {
			d = math.Inf(1)
		}
		if d > worst {
			worst, text = d, fmt.Sprintf("at step %d it gives %v and the run has %v", s.Step, v[0], s.FullLoss.Value)
		}
	}
	if compared == 0 {
		return 0, o.checkBatches(run)
	}
	if worst > disagreement {
		if !math.IsInf(worst, 1) {
			text += fmt.Sprintf(", %.2g of it apart", worst)
		}
		o.warn("objective_disagrees", "the objective is not the loss that was recorded: %s", text)
	}
	return compared, nil
}

const (
	// batchRows is the number of last recorded batch losses to compare with.
	batchRows = 100
	// unlikeBatches is the factor beyond the batch losses from which a loss is suspect.
	unlikeBatches = 10
)

// checkBatches compares the loss of Check with the losses of the last recorded
// batches, if the run recorded no loss over the training set. The two are different
// numbers, but a sum instead of a mean is far away from all batch losses.
func (o *Objective) checkBatches(run record.Trajectory) error {
	low, high := math.Inf(1), 0.0
	for i := max(0, run.Len()-batchRows); i < run.Len(); i++ {
		s, err := run.Read(i, record.ScalarsOnly)
		if err != nil {
			return err
		}
		if v := s.BatchLoss.Value; s.BatchLoss.Valid && v > 0 && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	o.mu.Lock()
	loss := o.first
	o.mu.Unlock()
	if high > 0 && (loss > unlikeBatches*high || loss < low/unlikeBatches) {
		o.warn("objective_unlike_batches", "the objective gives %.6g at the last iterate, and the last recorded "+
			"batches had %.6g to %.6g: is it a sum where training had a mean, another loss, or other data?",
			loss, low, high)
	}
	return nil
}
