package walk

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"sgdwalk/analyze/job"
)

// kind says what a unit of a segment evaluates. Every further measure that the segment has
// of its own is one more kind, from ownKind on, and a product comes after them.
type kind int

const (
	startKind  kind = iota // the iterate at alpha 0
	insideKind             // the points that belong to the segment alone
	endKind                // the iterate at alpha 1
	ownKind
)

// kinds is the number of kinds.
func (w *walker) kinds() int { return int(ownKind) + len(w.own) + 1 }

func (w *walker) productKind() kind { return ownKind + kind(len(w.own)) }

// of returns the place of a unit's segment and what the unit evaluates.
func (w *walker) of(u job.Unit) (segment int, k kind) {
	return u.Index / w.kinds(), kind(u.Index % w.kinds())
}

// unit returns a unit of a segment.
func (w *walker) unit(i int, k kind) job.Unit {
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
		name, u.Points = w.own[k-ownKind].Name, len(w.grid.alphas)
	}
	u.Name = name + " " + strconv.FormatInt(step, 10)
	return u
}

// follows reports whether the segment begins at the iterate that ends the one before.
func (w *walker) follows(i int) bool {
	return w.opts.Direction == Update && i > 0 && w.segments[i-1].next == w.segments[i].row
}

// kindsOf returns what has to be evaluated for the segment: its own units and, first, the
// unit of its start, which it may share with the segment before.
func (w *walker) kindsOf() []kind {
	kinds := []kind{startKind}
	if len(w.inside) > 0 {
		kinds = append(kinds, insideKind)
	}
	if w.opts.Direction == Update {
		kinds = append(kinds, endKind)
	}
	for m := range w.own {
		kinds = append(kinds, ownKind+kind(m))
	}
	return kinds
}

// Units returns the units segment by segment.
func (w *walker) Units() []job.Unit {
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

// Fits reports whether there are as many values as the unit has.
func (w *walker) Fits(u job.Unit, values []float64) bool {
	switch _, k := w.of(u); k {
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

// collector puts the units of segments together, in order.
type collector struct {
	*walker
	values  job.Values
	builder *builder

	at   int // segment of the units that come
	have map[kind][]float64
}

// take receives the values of the next unit.
func (c *collector) take(ctx context.Context, u job.Unit, values []float64) error {
	i, k := c.of(u)
	if c.have == nil || i != c.at {
		c.begin(i)
	}
	c.have[k] = slices.Clone(values)
	if k == startKind || k == endKind {
		c.compare(i, k, values)
	}
	if len(c.have) < len(c.kindsOf()) {
		return nil
	}
	return c.complete(ctx, i)
}

// begin prepares for the units of a segment.
func (c *collector) begin(i int) {
	var start []float64
	if c.have != nil && i == c.at+1 && c.follows(i) {
		start = c.have[endKind]
	}
	c.at, c.have = i, make(map[kind][]float64)
	if start != nil {
		c.have[startKind] = start
	}
}

// compare compares the loss at an iterate with the one that the run recorded.
func (c *collector) compare(i int, k kind, values []float64) {
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

// complete adds a segment that has all its units to the tables.
func (c *collector) complete(ctx context.Context, i int) error {
	s := &c.segments[i]
	if err := c.load(i); err != nil {
		return err
	}
	samples, losses := make([]sample, len(c.grid.alphas)), make([]float64, len(c.grid.alphas))
	n := c.width()
	for j, at := range c.inside {
		samples[at] = c.have[insideKind][j*n : (j+1)*n]
	}
	samples[c.grid.zero] = c.have[startKind]
	if end, ok := c.have[endKind]; ok {
		samples[c.grid.one] = end
	}
	for j := range samples {
		losses[j] = samples[j][0]
		samples[j] = slices.Clone(samples[j])
		for m := range c.own {
			samples[j] = append(samples[j], c.have[ownKind+kind(m)][j])
		}
	}
	f := c.grid.measure(losses)
	c.grid.resolve(&f, losses, c.length)
	if err := c.products.complete(ctx, c.values, i, &f); err != nil {
		return err
	}
	c.builder.add(s, c.length, f)
	c.builder.addSamples(s, samples)
	return nil
}
