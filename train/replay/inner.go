package replay

import (
	"errors"
	"fmt"

	"sgdwalk/record"
	"sgdwalk/train"
)

// errNoSecond says that the second gradient of a step is not recorded.
var errNoSecond = errors.New("replay: the second gradient of the step is not recorded")

// recordedProbe gives an optimizer the second gradient that a recording has, so that its
// step can be made again from the row.
type recordedProbe struct {
	trace record.Trajectory
	row   int // of the step
	inner int // iterates that the step has made
	loss  float64
}

var _ train.Probe = (*recordedProbe)(nil)

func (p *recordedProbe) BatchLoss() float64 { return p.loss }

func (p *recordedProbe) Loss([]float32) (float64, error) {
	return 0, fmt.Errorf("replay: row %d: the recording does not have the further loss of the step", p.row)
}

func (p *recordedProbe) Next(_, _ []float32) (float64, error) {
	return 0, fmt.Errorf("replay: row %d: the recording does not have the further mini-batches of the step", p.row)
}

// Gradient copies the gradient of the next inner iterate.
func (p *recordedProbe) Gradient(_, grad []float32) (float64, error) {
	i := p.row + 1 + p.inner
	if i < p.trace.Len() {
		s, err := p.trace.Read(i, record.GradPart)
		if err != nil {
			return 0, err
		}
		if int(s.Substep) == p.inner+1 && s.Grad != nil {
			copy(grad, s.Grad)
			return s.BatchLoss.Value, nil
		}
	}
	return 0, errNoSecond
}

func (p *recordedProbe) Inner(_, _ []float32, _ record.Optional) error {
	p.inner++
	return nil
}
