package consistency

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/train/dataset"
	"sgdwalk/train/optim"
)

// DefaultSamples is the number of rows whose losses are computed again by default.
const DefaultSamples = 20

// Options are the options of Check. The zero value is the default of each.
type Options struct {
	// External says that another program recorded the run, although its header may
	// look like that of a run of this program.
	External bool
	// Samples is the number of rows, evenly spread, whose losses and gradients are
	// computed again: 0 means DefaultSamples, -1 all rows. With all rows, a rule that
	// needs more than the recorded gradient is checked completely too.
	Samples int
	// SkipLosses computes no loss, so that the data set is not opened.
	SkipLosses bool
	// GroupRates returns the learning rates of the parameter groups at a step, or nil
	// where they are not known; see recorder.RateTable. nil means that the rates of all
	// groups change like that of the first one.
	GroupRates func(step int64) []float64

	Data     string        // where the data are now; "" means where the run was recorded
	Opened   *dataset.Data // the data set, when it is open already
	Workers  int           // goroutines of the kernels; 0 takes all cores. Results do not depend on it
	Progress Progress      // nil disables progress reporting
}

// Progress receives how far the check is.
type Progress interface {
	Begin(phase string, total int)
	Add(n int)
}

// Validate checks the ranges.
func (o Options) Validate() error {
	if o.Samples < -1 {
		return fmt.Errorf("consistency: samples is %d; it must be at least 1, 0 for the default of %d, or -1 for all rows",
			o.Samples, DefaultSamples)
	}
	return nil
}

// releaseEvery is the number of bytes of vectors after which Check releases the
// memory of a recording.
const releaseEvery = 256 << 20

// Check checks a recording. The error is nil when the recording could be read, with
// or without violations. Rows that are damaged are noted and skipped.
//
// The program must use the instruction set of the recording (see session.UseKernel)
// for losses to be compared bit for bit. Otherwise they are compared to rounding.
//
// Check needs memory for about eight vectors, and for the optimizer's state twice. Its time
// is that of reading the recording and of one optimizer step per row, and of one gradient
// per sampled row.
func Check(ctx context.Context, t record.Trajectory, o Options) (*Result, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Samples == 0 {
		o.Samples = DefaultSamples
	}
	c := &checker{trajectory: t, journal: new(journal), result: new(Result)}
	h := t.Header()
	foreign := whyForeign(h, o.External)
	if foreign != "" {
		c.note("run", "the run is checked as one of another program, to rounding: %s", foreign)
	}
	c.rows = newRows(h, c.journal, t.Len(), foreign != "")
	c.losses = newLosses(t, c.journal, c.result, foreign != "", &o)
	defer c.losses.close()
	c.updates = newUpdates(t, c.journal, c.result, c.losses, c.rows, foreign != "", &o)
	if err := c.run(ctx, o.Progress); err != nil {
		return nil, err
	}
	c.journal.result(c.result)
	return c.result, nil
}

// checker is the state of one call of Check.
type checker struct {
	*journal
	trajectory record.Trajectory
	result     *Result
	rows       *rows
	updates    *updates
	losses     *losses
}

// run reads all rows.
func (c *checker) run(ctx context.Context, p Progress) error {
	n, bytes := c.trajectory.Len(), 0
	if p != nil {
		p.Begin("check", n)
	}
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := c.trajectory.Read(i, record.AllParts)
		if record.IsDamage(err) {
			c.note("rows", "row %d is damaged, and neither it nor the updates before and after it are checked: %s",
				i, printable.OneLine(err))
			c.rows.skip()
			continue
		}
		if err != nil {
			return err
		}
		c.result.Rows++
		c.rows.check(i, &s)
		err = errors.Join(c.losses.checkState(&s), c.updates.add(ctx, i, &s))
		if err == nil {
			err = c.losses.check(ctx, i, &s)
		}
		if err != nil {
			return fmt.Errorf("consistency: step %d: %w", s.Step, err)
		}
		if bytes += 4 * (len(s.Theta) + len(s.Grad) + len(s.State)); bytes > releaseEvery {
			c.trajectory.Release()
			bytes = 0
		}
		if p != nil {
			p.Add(1)
		}
	}
	c.rows.end()
	c.updates.end()
	c.losses.end()
	return nil
}

// whyForeign returns why a run cannot be checked as one that this program trained,
// "" when it can.
func whyForeign(h *record.Header, external bool) string {
	switch {
	case external:
		return "another program recorded it"
	case h.Kernel == "" || h.Data.Hash == "" || h.Data.TrainExamples < 1 || h.Batch < 1 || h.Epochs < 1:
		return "its header does not have the kernel, the data, the batch size and the epochs of a run that this " +
			"program trained"
	case len(h.Groups) > 0:
		return "it has parameter groups"
	}
	o, err := optim.Effective(h.Optimizer.Name, h.Optimizer.Hyperparameters)
	if err != nil {
		return printable.OneLine(err)
	}
	if !maps.Equal(o.Hyperparameters, h.Optimizer.Hyperparameters) {
		names := slices.Sorted(maps.Keys(o.Hyperparameters))
		names = slices.DeleteFunc(names, func(n string) bool { _, ok := h.Optimizer.Hyperparameters[n]; return ok })
		return fmt.Sprintf("its header does not have the hyperparameters %v of %s", names, o.Name)
	}
	if _, err := optim.ParseSchedule(h.Optimizer.RateSchedule); err != nil {
		return printable.OneLine(err)
	}
	return ""
}
