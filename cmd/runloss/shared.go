package runloss

import (
	"context"
	"fmt"

	"sgdwalk/analyze/objective"
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
	if err := r.checkNative(); err != nil {
		return nil, err
	}
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

// StartObjectiveOf starts the program of o.Command for several runs of one layout. It checks the
// program at the end of the first of them and against the recorded losses of every one. It
// returns the last state of each run, because a loss is only comparable with the run's own
// statistics of normalization layers.
func (r *Run) StartObjectiveOf(
	ctx context.Context, o objective.Options, runs []*Run, first int,
) (states [][]float32, err error) {
	theta, err := runs[first].atEnd(&o)
	if err != nil {
		return nil, err
	}
	for _, run := range runs {
		_, state, err := run.LastVectors()
		if err != nil {
			return nil, err
		}
		switch {
		case (state == nil) != (o.State == nil):
			without := run
			if state != nil {
				without = runs[first]
			}
			return nil, fmt.Errorf("%s recorded no statistics of normalization layers and another run did: "+
				"the program would use the statistics of one run for the other", without.Dir)
		case state != nil && !run.Header().State.Equal(o.StateLayout):
			return nil, fmt.Errorf("%s and %s have different layouts of the statistics of normalization layers",
				run.Dir, runs[first].Dir)
		}
		states = append(states, state)
	}
	if err := r.StartObjective(ctx, o, theta); err != nil {
		return nil, err
	}
	for i, run := range runs {
		if _, err := r.Objective.CheckRecorded(ctx, run, states[i]); err != nil {
			return nil, err
		}
	}
	return states, nil
}
