package walk

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"sgdwalk/analyze/job"
)

// kind is what a unit of a segment evaluates. Every measure of perSegment is a further kind,
// starting at segmentMeasureKind. The last kind is the product with the Hessian.
type kind int

const (
	startKind  kind = iota // the iterate at alpha 0
	insideKind             // the points that no other segment shares
	endKind                // the iterate at alpha 1
	segmentMeasureKind
)

// kinds is the number of kinds.
func (w *evaluator) kinds() int { return int(segmentMeasureKind) + len(w.perSegment) + 1 }

// productKind returns the kind of the product with the Hessian.
func (w *evaluator) productKind() kind { return segmentMeasureKind + kind(len(w.perSegment)) }

// locate returns the index of the segment of a unit and what the unit evaluates.
func (w *evaluator) locate(u job.Unit) (segment int, k kind) {
	return u.Index / w.kinds(), kind(u.Index % w.kinds())
}

// unit returns the unit of kind k of segment i. Its name depends on the step, not on the
// selection, so a store stays valid when the selection changes.
func (w *evaluator) unit(i int, k kind) job.Unit {
	step := w.segments[i].Step.Step
	u := job.Unit{Index: i*w.kinds() + int(k)}
	name := "segment"
	if w.opts.Direction == Gradient {
		name = "gradient"
	}
	switch k {
	case startKind, endKind:
		if name = "iterate"; k == endKind {
			step++
		}
	case insideKind:
		u.Points = len(w.inside)
	case w.productKind():
		u.Name = fmt.Sprintf("%s %d product", name, step)
		return u
	default:
		name, u.Points = w.perSegment[k-segmentMeasureKind].Name, len(w.grid.alphas)
	}
	u.Name = name + " " + strconv.FormatInt(step, 10)
	return u
}

// follows reports whether segment i begins at the iterate where segment i-1 ends.
func (w *evaluator) follows(i int) bool {
	return w.opts.Direction == Update && i > 0 && w.segments[i-1].next == w.segments[i].row
}

// kindsOf returns the kinds of units that every segment needs. The first is its start, which
// may be the end of the segment before.
func (w *evaluator) kindsOf() []kind {
	kinds := []kind{startKind}
	if len(w.inside) > 0 {
		kinds = append(kinds, insideKind)
	}
	if w.opts.Direction == Update {
		kinds = append(kinds, endKind)
	}
	for m := range w.perSegment {
		kinds = append(kinds, segmentMeasureKind+kind(m))
	}
	return kinds
}

// Units returns the units, segment by segment. Products are not among them, because only
// the losses show which segments need one.
func (w *evaluator) Units() []job.Unit {
	var units []job.Unit
	for i := range w.segments {
		for _, k := range w.kindsOf() {
			if k != startKind || !w.follows(i) {
				units = append(units, w.unit(i, k))
			}
		}
	}
	return units
}

// Fits reports whether the unit has the given number of values.
func (w *evaluator) Fits(u job.Unit, values []float64) bool {
	switch _, k := w.locate(u); k {
	case startKind, endKind:
		return len(values) == w.width()
	case insideKind:
		return len(values) == w.width()*len(w.inside)
	case w.productKind():
		return len(values) == 2
	default:
		return len(values) == len(w.grid.alphas)
	}
}

// collector assembles segments from the values of their units, which arrive in the order
// of Units.
type collector struct {
	*evaluator
	values  job.Values
	builder *builder

	segment  int                // that the next units belong to
	finished map[kind][]float64 // values of the finished units of that segment
}

// take receives the values of the next unit and copies them.
func (c *collector) take(ctx context.Context, u job.Unit, values []float64) error {
	i, k := c.locate(u)
	if c.finished == nil || i != c.segment {
		c.begin(i)
	}
	c.finished[k] = slices.Clone(values)
	if k == startKind || k == endKind {
		c.compareRecorded(i, k, values)
	}
	if len(c.finished) < len(c.kindsOf()) {
		return nil
	}
	return c.complete(ctx, i)
}

// begin starts segment i. It takes over the values of a shared iterate.
func (c *collector) begin(i int) {
	var start []float64
	if c.finished != nil && i == c.segment+1 && c.follows(i) {
		start = c.finished[endKind]
	}
	c.segment, c.finished = i, make(map[kind][]float64)
	if start != nil {
		c.finished[startKind] = start
	}
}

// compareRecorded compares the loss at an iterate with the loss that the run recorded.
func (c *collector) compareRecorded(i int, k kind, values []float64) {
	s := &c.segments[i]
	recorded := s.FullLoss
	if k == endKind {
		recorded = s.endLoss
	}
	if recorded.Valid {
		c.compared++
		c.maxDifference = max(c.maxDifference, difference(values[0], recorded.Value))
	}
}

// complete measures a segment whose units are finished and adds it to the tables.
func (c *collector) complete(ctx context.Context, i int) error {
	s := &c.segments[i]
	if err := c.load(i); err != nil {
		return err
	}
	samples, losses := make([]sample, len(c.grid.alphas)), make([]float64, len(c.grid.alphas))
	n := c.width()
	for j, at := range c.inside {
		samples[at] = c.finished[insideKind][j*n : (j+1)*n]
	}
	samples[c.grid.zero] = c.finished[startKind]
	if end, ok := c.finished[endKind]; ok {
		samples[c.grid.one] = end
	}
	for j := range samples {
		losses[j] = samples[j][0]
		samples[j] = slices.Clone(samples[j])
		for m := range c.perSegment {
			samples[j] = append(samples[j], c.finished[segmentMeasureKind+kind(m)][j])
		}
	}
	f := c.grid.measure(losses)
	c.grid.resolve(&f, losses, c.length)
	if err := c.hessian.complete(ctx, c.values, i, &f); err != nil {
		return err
	}
	c.builder.add(s, c.length, f)
	c.builder.addSamples(s, samples)
	return nil
}
