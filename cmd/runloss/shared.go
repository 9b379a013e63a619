package runloss

import (
	"fmt"

	"sgdwalk/train/dataset"
	"sgdwalk/train/nn"
	"sgdwalk/train/replay"
)

// Shared opens the losses of several runs. Runs of one model on one data set share one loss,
// and all losses share the data. The zero value is ready to use.
type Shared struct {
	Evaluated // what evaluated the loss that was opened last
	data      map[string]*dataset.Data
	losses    map[string]*Losses
}

// Losses are the losses of one model on one data set. Test is nil without held-out examples.
type Losses struct{ Train, Test *nn.Evaluator }

// Open returns the losses of a run, of which name is the name in messages.
func (s *Shared) Open(r *Run, name string, o Options) (*Losses, error) {
	h, opts := r.Header(), o.replay(r)
	spec := h.Data.Spec
	if o.Data != "" {
		spec = o.Data
	}
	key := fmt.Sprint(h.Model, " ", h.Data.Hash, " ", spec)
	if h.State.Len() > 0 { // normalization depends on the batch size, or on the run's own statistics
		key += fmt.Sprint(" ", h.Batch)
		if o.Policy == nn.Running {
			key += " " + name
		}
	}
	if l := s.losses[key]; l != nil {
		return l, nil
	}
	opts.Opened = s.data[spec]
	x, err := replay.FromHeader(h, opts)
	if err != nil {
		return nil, err
	}
	r.noteOtherData(x, "the loss of "+name)
	l := new(Losses)
	if l.Train, err = x.TrainLoss(); err != nil {
		return nil, err
	}
	if l.Test, err = x.TestLoss(); err != nil {
		return nil, err
	}
	if s.losses == nil {
		s.losses, s.data = make(map[string]*Losses), make(map[string]*dataset.Data)
	}
	s.losses[key], s.data[spec], s.Evaluated = l, x.Data(), evaluated(x)
	return l, nil
}
