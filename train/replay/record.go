package replay

import (
	"context"
	"errors"

	"sgdwalk/record/arrowfile"
	"sgdwalk/train"
)

// Record trains the experiment into a new run in the directory dir. Every row
// goes through a queue to the disk. The losses over the whole sets are computed
// at the first step of every epoch and at the end. Record may be called once. A
// run that diverges or is stopped is a result, not an error; its rows stay.
//
// Record is the shortest way from a [Config] to a recording. Use
// [Experiment.Loop] to inspect steps, to save checkpoints or to reduce rows.
func (e *Experiment) Record(ctx context.Context, dir string, o arrowfile.Options) (result train.Result, err error) {
	w, err := arrowfile.Create(dir, e.header, o)
	if err != nil {
		return result, err
	}
	sink, err := arrowfile.NewAsync(w, e.header, arrowfile.AsyncOptions{})
	if err != nil {
		return result, errors.Join(err, w.Close())
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	loop, err := e.Loop(sink)
	if err != nil {
		return result, err
	}
	if err := e.MeasureLosses(loop); err != nil {
		return result, err
	}
	return loop.Run(ctx)
}

// MeasureLosses makes the loop compute the loss over the training set, and over the
// held-out set if there is one, at the first step of every epoch and at the end.
func (e *Experiment) MeasureLosses(loop *train.Loop) error {
	full, err := e.TrainLoss()
	if err != nil {
		return err
	}
	loop.Full = full
	test, err := e.TestLoss()
	if err != nil {
		return err
	}
	if test != nil { // a nil *nn.Evaluator must not become a non-nil interface
		loop.Test = test
	}
	return nil
}
