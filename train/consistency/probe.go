package consistency

import (
	"errors"
	"math"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/replay"
)

// errInner is returned to a rule with an inner loop, whose mini-batches are not
// computed again.
var errInner = errors.New("the mini-batches of the inner loop are not recorded")

// errSecond is returned to a rule with a second gradient of its mini-batch that is
// neither recorded nor computed again.
var errSecond = errors.New("the second gradient of the step is not recorded")

// probe gives a rule the evaluations that it makes in addition to the recorded ones.
type probe struct {
	batches  *replay.Batches // nil when nothing is computed again
	step     int64
	loss     float64                                                               // the recorded batch loss
	inner    func(number int32, theta, grad []float32, loss record.Optional) error // receives inner iterates; may be nil
	recorded func(number int32) (record.Step, error)                               // returns an inner iterate of the step
	scratch  []float32
	batch    int // of the inner loop
	iterates int32
	// unmeasured means that a loss was needed and was not computed. The rule received
	// NaN, so its update has the right direction and another length; length is the
	// factor that fits the recorded update.
	unmeasured bool
	length     float64
}

var _ train.Probe = (*probe)(nil)

func (p *probe) BatchLoss() float64 { return p.loss }

func (p *probe) Loss(theta []float32) (float64, error) {
	if p.batches == nil {
		p.unmeasured = true
		return math.NaN(), nil
	}
	if p.scratch == nil {
		p.scratch = make([]float32, len(theta))
	}
	return p.Gradient(theta, p.scratch)
}

// Gradient returns the recorded gradient unless it is computed again: the point of a
// second gradient is the next inner iterate.
func (p *probe) Gradient(theta, grad []float32) (float64, error) {
	if p.batches != nil {
		m, err := p.batches.Gradient(p.step, p.batch, theta, grad)
		return m.Loss, err
	}
	s, err := p.recorded(p.iterates + 1)
	if err != nil {
		return 0, err
	}
	if s.Grad == nil || !s.BatchLoss.Valid {
		return 0, errSecond
	}
	copy(grad, s.Grad)
	return s.BatchLoss.Value, nil
}

func (p *probe) Next(theta, grad []float32) (float64, error) {
	if p.batches == nil {
		return 0, errInner
	}
	p.batch++
	m, err := p.batches.Gradient(p.step, p.batch, theta, grad)
	return m.Loss, err
}

func (p *probe) Inner(theta, grad []float32, loss record.Optional) error {
	p.iterates++
	if p.inner == nil {
		return nil
	}
	return p.inner(p.iterates, theta, grad, loss)
}
