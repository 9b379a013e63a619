package live

import (
	"math"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/record/recorder"
)

// Status has the current numbers of a run. They belong to the last iterate unless the
// comment of a field names another one. Unknown numbers are absent.
type Status struct {
	Run       string         `json:"run"`
	Model     string         `json:"model"`
	Data      string         `json:"data"`
	Optimizer string         `json:"optimizer"`
	State     recorder.State `json:"state"`
	Step      int64          `json:"step"`  // of the last iterate
	Steps     int64          `json:"steps"` // updates of the whole run
	Epoch     int32          `json:"epoch"`
	Epochs    int            `json:"epochs"`
	Rows      int            `json:"rows"`

	BatchLoss    record.Optional `json:"batch_loss"`
	FullLoss     record.Optional `json:"full_loss"` // at FullStep
	TestLoss     record.Optional `json:"test_loss"`
	FullStep     int64           `json:"full_loss_step"`
	LearningRate record.Optional `json:"learning_rate"`
	StepLength   record.Optional `json:"step_length"`  // of the last update
	UpdateCos    record.Optional `json:"update_cos"`   // of the last two updates
	GradNorm     record.Optional `json:"grad_norm"`    // of the last mini-batch
	GradCos      record.Optional `json:"grad_cos"`     // of the last two mini-batches
	Displacement record.Optional `json:"displacement"` // from the first iterate
	Nonfinite    bool            `json:"nonfinite"`    // a mini-batch loss was NaN or infinite

	StepsPerSecond record.Optional `json:"steps_per_second"` // over the last seconds of the recording
	SecondsLeft    record.Optional `json:"seconds_left"`     // until the end; only while the run is recorded
	SecondsSince   record.Optional `json:"seconds_since"`    // since the last row; only while the run is recorded

	Bytes      int64           `json:"bytes"`       // size on disk
	WholeBytes record.Optional `json:"whole_bytes"` // approximate size of the whole run
	FreeBytes  record.Optional `json:"free_bytes"`  // free space on the disk of the run

	Recorder *recorder.Counters `json:"recorder"` // nil when no process records the run

	recorder.Notes
}

// StatusIn returns the state of the run now, with the room on the disk of its directory, the
// counters of its writer, and the user's notes.
func (l *Log) StatusIn(dir string) Status {
	s := l.Status(time.Now())
	s.Notes = recorder.ReadNotes(dir)
	if free, ok := recorder.FreeBytes(dir); ok {
		s.FreeBytes = record.Some(float64(free))
	}
	if s.State == recorder.Running {
		s.Recorder = recorder.ReadCounters(dir)
	}
	return s
}

// Status returns the state of the run at the given time.
func (l *Log) Status(now time.Time) Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	h, p := l.header, l.last()
	s := Status{
		Run: printable.Line(l.name), Model: printable.Line(h.Model), Data: printable.Line(h.Data.Name()),
		Optimizer: printable.Line(h.Optimizer.Name), State: l.state(),
		Step: p.Step, Steps: h.Steps, Epoch: p.Epoch, Epochs: h.Epochs, Rows: l.rows,
		Nonfinite: l.bad, Bytes: l.bytes,
		BatchLoss: known(p.BatchLoss), LearningRate: known(p.LearningRate),
		StepLength: known(l.before.UpdateNorm), UpdateCos: known(l.before.UpdateCos),
		GradNorm: known(p.GradNorm), GradCos: known(p.GradCos), Displacement: known(p.Displacement),
		FullLoss: known(l.fullLoss), TestLoss: known(l.testLoss), FullStep: l.fullStep,
	}
	if l.noBatch && l.seen > 0 {
		// The last row has no batch, so these numbers come from the step before it.
		q := &l.before
		s.BatchLoss, s.LearningRate = known(q.BatchLoss), known(q.LearningRate)
		s.GradNorm, s.GradCos = known(q.GradNorm), known(q.GradCos)
	}
	if l.rows > 0 && s.Steps > 0 {
		if row := float64(l.bytes) / float64(l.rows); h.Schedule.IsZero() || h.Schedule.String() == "every:1" {
			s.WholeBytes = record.Some(math.Max(float64(l.bytes), row*float64(s.Steps+1)))
		} else if p.Step > 0 {
			s.WholeBytes = record.Some(math.Max(float64(l.bytes), float64(l.bytes)*float64(s.Steps)/float64(p.Step)))
		}
	}
	s.StepsPerSecond = l.rate()
	if s.State == recorder.Running && l.rows > 0 {
		s.SecondsSince = record.Some(math.Max(0, now.Sub(p.Time).Seconds()))
		if left, rate := float64(s.Steps-p.Step), s.StepsPerSecond.Value; rate > 0 && left >= 0 {
			s.SecondsLeft = record.Some(left / rate)
		}
	}
	return s
}

// state returns the state of the run. A run with a writer is never diverged, because the
// training may still continue.
func (l *Log) state() recorder.State {
	switch {
	case l.finished && !l.live && !l.bad:
		return recorder.Finished
	case l.live:
		return recorder.Running
	case l.bad:
		return recorder.Diverged
	default:
		return recorder.Stopped
	}
}

// rate returns the steps per second over the last ten seconds of the recording. It is
// absent when the log has fewer than two iterates or no time passed between them.
func (l *Log) rate() record.Optional {
	first := len(l.points) - 1
	if first < 0 {
		return record.Optional{}
	}
	last := l.last()
	for first > 0 && last.Time.Sub(l.points[first].Time) < 10*time.Second {
		first--
	}
	span := last.Time.Sub(l.points[first].Time).Seconds()
	if !(span > 0) {
		return record.Optional{}
	}
	return record.Some(float64(last.Step-l.points[first].Step) / span)
}

// known returns o, or an absent value for NaN. It keeps infinite values, which show that a
// run diverged.
func known(o record.Optional) record.Optional {
	o.Valid = o.Valid && !math.IsNaN(o.Value)
	return o
}
