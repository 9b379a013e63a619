package consistency

import (
	"fmt"
	"math"

	"sgdwalk/record"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
)

// rows checks the numbers of rows against the header.
type rows struct {
	*journal
	header   *record.Header
	total    int
	foreign  bool
	previous *record.Step // the last row, without vectors; nil before the first
	substep  int32        // the last inner iterate of the current step
	jumped   bool         // the steps between the previous row and this one should be there
	gaps     gaps
	started  bool // a row came before this one

	// Of a run that this program trained.
	perEpoch    int64 // mini-batches in an epoch
	perStep     int64 // mini-batches that a step draws
	inner       int64 // inner iterates of a step
	evaluations int64 // of a step
	rate        func(step int64) float64
}

// gaps counts how steps follow each other in a recording of another program that
// names no schedule.
type gaps struct {
	consecutive, others int
	events              []*event
}

func newRows(h *record.Header, j *journal, total int, foreign bool) *rows {
	r := &rows{journal: j, header: h, total: total, foreign: foreign}
	if foreign {
		j.note("rows", "the epochs, numbers of examples and learning rates are those of another program: "+
			"the header does not determine them")
		return r
	}
	n := (h.Data.TrainExamples + h.Batch - 1) / h.Batch
	r.perEpoch, r.perStep = int64(n), int64(optim.BatchesPerStep(h.Optimizer))
	r.evaluations, r.inner = int64(optim.EvaluationsPerStep(h.Optimizer)), int64(optim.InnerRows(h.Optimizer))
	r.rate, _ = replay.LearningRate(h, n) // whyForeign has parsed the schedule
	planned := replay.PlannedSteps(h.Epochs, h.Data.TrainExamples, h.Batch, h.Optimizer)
	j.check(h.Steps == planned, Header, new(record.Step), number(h.Steps), number(planned),
		"the header plans %d steps; %d epochs over %d examples in batches of %d are %d steps",
		h.Steps, h.Epochs, h.Data.TrainExamples, h.Batch, planned)
	return r
}

func number[T int | int32 | int64](v T) record.Optional { return record.Some(float64(v)) }

// skip notes that a row could not be read.
func (r *rows) skip() { r.previous, r.started = nil, true }

// check checks row i.
func (r *rows) check(i int, s *record.Step) {
	last := i == r.total-1
	if s.Substep == 0 {
		r.checkStep(s, last)
	} else {
		r.checkSubstep(s)
	}
	if r.foreign {
		r.checkOrder(s)
	} else {
		r.checkPlan(s, last)
	}
	p := *s
	p.Theta, p.Grad, p.State = nil, nil, nil
	r.previous, r.substep, r.started = &p, s.Substep, true
}

// checkStep checks that the schedule has no step between the previous row and this one.
func (r *rows) checkStep(s *record.Step, last bool) {
	h, p := r.header, r.previous
	r.jumped = false
	if p == nil {
		if !r.started && !r.foreign {
			r.journal.check(s.Step == 0, Steps, s, number(s.Step), number(0),
				"the first row is step %d; it must be step 0", s.Step)
		}
		return
	}
	if r.foreign && h.Schedule.IsZero() {
		r.checkGap(s, p)
		return
	}
	const most = 1 << 24 // steps that are compared with the schedule
	expected := p.Step + 1
	for expected < s.Step && !r.keeps(expected, s, p) {
		if expected++; expected-p.Step > most {
			expected = s.Step
		}
	}
	ok := expected == s.Step
	r.jumped = !ok
	r.journal.check(ok, Steps, s, number(s.Step), number(expected),
		"the row after step %d is step %d; the schedule %s promises step %d", p.Step, s.Step, h.Schedule, expected)
	if ok && !last && !s.IsLast() && !r.keeps(s.Step, s, p) {
		r.journal.check(false, Steps, s, number(s.Step), record.Optional{},
			"step %d is recorded, but the schedule %s does not keep it", s.Step, h.Schedule)
	}
	if !r.foreign && r.inner > 0 && h.HasSubsteps() {
		r.journal.check(int64(r.substep) == r.inner, Substeps, p, number(r.substep), number(r.inner),
			"step %d has %d inner iterates; the optimizer makes %d", p.Step, r.substep, r.inner)
	}
	if h.Steps > 0 && s.Step > h.Steps {
		r.journal.check(false, Steps, s, number(s.Step), number(h.Steps),
			"the run has step %d; the header plans %d steps", s.Step, h.Steps)
	}
}

// keeps reports whether the schedule keeps a step between two rows. Another program
// may change the epoch at any of them.
func (r *rows) keeps(step int64, s, p *record.Step) bool {
	if !r.foreign {
		return r.header.Schedule.Keep(step, r.epoch(step)) || r.isKept(step)
	}
	return r.header.Schedule.Keep(step, s.Epoch) && r.header.Schedule.Keep(step, p.Epoch)
}

// isKept reports whether a step is recorded whatever the schedule says: the last one of an
// optimizer that averages.
func (r *rows) isKept(step int64) bool {
	return step == r.header.Steps-1 && optim.Averages(r.header.Optimizer)
}

// checkGap compares consecutive steps of a recording without a schedule. Whether a gap is
// a defect is known at the end.
func (r *rows) checkGap(s, p *record.Step) {
	if s.Step == p.Step+1 {
		r.gaps.consecutive++
		return
	}
	r.gaps.others++
	if r.jumped = r.gaps.consecutive > 0; !r.jumped {
		return
	}
	r.gaps.events = append(r.gaps.events, &event{Violation: Violation{
		Code: Steps, Step: s.Step, LastStep: s.Step, Rows: 1, Value: number(s.Step), Expected: number(p.Step + 1),
		Text: fmt.Sprintf("the row after step %d is step %d; the schedule every:1 promises step %d", p.Step, s.Step, p.Step+1),
	}})
}

// checkSubstep checks that the inner iterates are numbered one after the other.
func (r *rows) checkSubstep(s *record.Step) {
	p := r.previous
	if p == nil || r.foreign {
		return
	}
	r.journal.check(p.Step == s.Step && s.Substep == r.substep+1, Substeps, s, number(s.Substep), number(r.substep+1),
		"step %d has inner iterate %d after inner iterate %d", s.Step, s.Substep, r.substep)
}

// checkOrder checks what is true of every training.
func (r *rows) checkOrder(s *record.Step) {
	p := r.previous
	if p == nil {
		return
	}
	r.journal.check(s.Epoch >= p.Epoch, Epoch, s, number(s.Epoch), number(p.Epoch),
		"step %d is in epoch %d; the row before it is in epoch %d", s.Step, s.Epoch, p.Epoch)
	r.journal.check(s.Evaluations >= p.Evaluations, Evaluations, s, number(s.Evaluations), number(p.Evaluations),
		"step %d comes after %d evaluations; the row before it after %d", s.Step, s.Evaluations, p.Evaluations)
}

// epoch returns the epoch of a step, from 1.
func (r *rows) epoch(step int64) int32 { return int32(step*r.perStep/r.perEpoch) + 1 }

// checkPlan compares the row with what the loop of this program writes.
func (r *rows) checkPlan(s *record.Step, last bool) {
	h, k := r.header, s.Step
	evaluations := k * r.evaluations
	if s.Substep > 0 {
		evaluations += min(1+int64(s.Substep), r.evaluations) // an inner iterate need not be evaluated
	}
	r.journal.check(s.Evaluations == evaluations, Evaluations, s, number(s.Evaluations), number(evaluations),
		"step %d, substep %d comes after %d evaluations; %s makes %d per step, so there were %d",
		k, s.Substep, s.Evaluations, h.Optimizer.Name, r.evaluations, evaluations)
	r.checkVectors(s, last)
	ends := s.IsLast()
	if ends && !last {
		r.journal.check(false, Missing, s, record.Optional{}, record.Optional{},
			"step %d has no batch loss, and rows follow", k)
	}
	epochStep := k
	if ends { // the row repeats the epoch of the last update
		epochStep = max(0, k-1)
	}
	epoch := r.epoch(epochStep)
	if ends && k == 0 {
		epoch = 0
	}
	r.journal.check(s.Epoch == epoch, Epoch, s, number(s.Epoch), number(epoch),
		"step %d is in epoch %d; its mini-batch belongs to epoch %d", k, s.Epoch, epoch)
	if ends || s.Substep > 0 {
		return
	}
	batch := k * r.perStep % r.perEpoch
	examples := min(h.Batch, h.Data.TrainExamples-int(batch)*h.Batch)
	r.journal.check(int(s.Examples) == examples, Examples, s, number(s.Examples), number(examples),
		"the mini-batch of step %d has %d examples; batch %d of an epoch has %d", k, s.Examples, batch, examples)
	rate := r.rate(k)
	// The factor of a schedule may differ in the last bits on another processor.
	const rounding = 1e-12
	ok := s.LearningRate.Valid && math.Abs(s.LearningRate.Value-rate) <= rounding*math.Abs(rate)
	r.journal.check(ok, LearningRate, s, s.LearningRate, record.Some(rate),
		"the learning rate of step %d is %s; the header's schedule gives %g", k, describe(s.LearningRate), rate)
}

// checkVectors checks that the row has the vectors that the schedules keep.
func (r *rows) checkVectors(s *record.Step, last bool) {
	h := r.header
	columns := [3]bool{h.Columns.Theta, h.Columns.Grad && s.Substep == 0, h.Columns.State && s.Substep == 0}
	schedules := [3]record.Schedule{h.ThetaSchedule, h.GradSchedule, h.StateSchedule}
	for i, v := range s.Vectors() {
		if !columns[i] || *v != nil || last && i == 1 || s.IsLast() && i == 1 || !schedules[i].Keep(s.Step, s.Epoch) {
			continue
		}
		r.journal.check(false, Missing, s, record.Optional{}, record.Optional{},
			"step %d, substep %d has no %s, which the header promises", s.Step, s.Substep, record.VectorNames[i])
		return
	}
	r.journal.check(true, Missing, s, record.Optional{}, record.Optional{}, "")
}

// end decides about gaps in the steps of another program's recording. A recording of
// checkpoints has gaps everywhere. A gap between consecutive steps is a defect.
func (r *rows) end() {
	switch g := r.gaps; {
	case g.others == 0:
	case g.consecutive > g.others:
		r.events = append(r.events, g.events...)
	default:
		r.note("rows", "%d of %d rows do not follow the row before them directly, so the recording has only some of "+
			"the steps, although its header names no schedule", g.others, g.others+g.consecutive+1)
	}
}
