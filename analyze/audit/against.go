package audit

import (
	"context"
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"sgdwalk/record"
	"sgdwalk/record/exchange"
)

// Start compares one checkpoint with the first checkpoints of its own and of another series.
type Start struct {
	Step int64
	// Ratio is the distance to the own start over the distance to the other start: the median
	// over the weights.
	Ratio float64
	// NullRatio is the ratio of a checkpoint that depends on neither start, which follows from
	// the norms alone.
	NullRatio        float64
	OwnCos, OtherCos float64 // median cosines with both starts, near 0 for a start on which the weights do not depend
}

// Against audits a series and compares it with another series of the same model, such as one
// with another seed. It finds checkpoints that belong to the other series.
func Against(ctx context.Context, c, other *exchange.Catalog, o Options) (*Result, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Dimensions == 0 { // the same for both
		o.Dimensions = o.dimensions(countContents(c) + countContents(other))
	}
	s, err := scan(ctx, c, o)
	if err != nil {
		return nil, err
	}
	second, err := scan(ctx, other, o)
	if err != nil {
		return nil, err
	}
	r := s.judge()
	p := &pair{judge: newJudge(s), other: newJudge(second)}
	p.isShared = !slices.ContainsFunc(r.List, func(f Finding) bool { return f.Check == NotAncestor })
	p.match()
	if len(p.tracks) == 0 {
		p.add(OtherTensors, Warning, -1, nil, Finding{}, "the two series have no weight of the same name and shape, so they "+
			"cannot be compared")
	} else {
		p.findEqual()
		p.findDescent()
	}
	r.Starts = p.starts
	r.add(p.findings)
	return r, nil
}

// countContents returns the number of tensors in all checkpoints.
func countContents(c *exchange.Catalog) int {
	n := 0
	for i := range c.Entries {
		n += len(c.Entries[i].Tensors)
	}
	return n
}

// pair is a series with another one.
type pair struct {
	*judge
	other  *judge
	tracks [][2]int // the weights that both have
	// isShared reports whether the series may begin together, as branches of one training do: the first
	// checkpoint is the start of its own series.
	isShared bool
	starts   []Start
}

// match finds the weights of the same name and shape.
func (p *pair) match() {
	for _, t := range p.weights() {
		u, ok := p.other.byName[p.series.tracks[t].name]
		if ok && slices.Equal(p.series.tracks[t].shape, p.other.tracks[u].shape) {
			p.tracks = append(p.tracks, [2]int{t, u})
		}
	}
}

// findEqual finds checkpoints whose weights are those of a checkpoint of the other series.
func (p *pair) findEqual() {
	var own, theirs []int
	for _, t := range p.tracks {
		own, theirs = append(own, t[0]), append(theirs, t[1])
	}
	rows := map[xxh3.Uint128]int{}
	for i := range p.other.steps {
		if h, usable := p.other.valuesHash(i, theirs); usable == len(theirs) {
			if _, isKnown := rows[h]; !isKnown {
				rows[h] = i
			}
		}
	}
	isShared := p.isShared
	for i := range p.steps {
		h, usable := p.valuesHash(i, own)
		ok := usable == len(own)
		at, isEqual := rows[h]
		if !ok || !isEqual {
			isShared = isShared && !ok
			continue
		}
		severity := Fault
		if isShared && p.other.steps[at] == p.steps[i] {
			severity = Event
		}
		step := p.other.steps[at]
		p.add(OtherSeries, severity, i, nil, Finding{FitsStep: optional(step), Value: some(0)},
			"step %d has the weights of step %d of the other series, bit for bit", p.steps[i], step)
	}
}

// findDescent finds checkpoints whose weights depend on the start of the other series more than on
// their own.
func (p *pair) findDescent() {
	other := marks{}
	var startsCos []float64
	for _, t := range p.tracks {
		if p.isGood(t[0], 0) && p.other.isGood(t[1], 0) {
			startsCos = append(startsCos, p.between(t, 0).cosine())
		}
	}
	if len(startsCos) == 0 {
		return
	}
	const sameStart = 0.5
	isSame := median(startsCos) > sameStart
	for i := range p.steps {
		var ratio, null, own, theirs, excess []float64
		for _, t := range p.tracks {
			if !p.isGood(t[0], i) || !p.isGood(t[0], 0) || !p.other.isGood(t[1], 0) {
				continue
			}
			tr := p.series.tracks[t[0]]
			x := p.between(t, i)
			nn, start := x.aa, tr.product(0, 0)
			ratio = append(ratio, math.Sqrt(tr.squaredDistance(0, i)/max(x.aa+x.bb-2*x.ab, 1e-300)))
			null = append(null, math.Sqrt((nn+start)/(nn+x.bb)))
			mine := 1.0
			if i > 0 {
				mine = tr.cosine(0, i)
			}
			own, theirs = append(own, mine), append(theirs, x.cosine())
			excess = append(excess, x.cosine()-mine)
		}
		if len(ratio) == 0 {
			continue
		}
		s := Start{
			Step: p.steps[i], Ratio: median(ratio), NullRatio: median(null), OwnCos: median(own),
			OtherCos: median(theirs),
		}
		p.starts = append(p.starts, s)
		const excessCos = 0.15 // above the errors of sketches and of small tensors
		if i > 0 && !isSame && median(excess) > excessCos {
			other.add(i, p.tracks[0][0])
		}
	}
	p.each(other, func(rows, _ []int) {
		at := slices.IndexFunc(p.starts, func(s Start) bool { return s.Step == p.steps[rows[0]] })
		s := p.starts[at]
		p.add(OtherSeries, Fault, rows[0], nil, Finding{
			Steps: p.stepsOf(rows), FitsStep: optional(p.other.steps[0]), Value: some(s.Ratio), Expected: some(s.NullRatio),
		}, "%s: the weights descend from step %d of the other series and not from step %d of their own: the distance to "+
			"their own start is %.3g times that to the other one (%.3g if they depended on neither)", p.span(rows),
			p.other.steps[0], p.steps[0], s.Ratio, s.NullRatio)
	})
}

// products are the inner products of content i of a weight and the first one of the other series.
type products struct{ aa, bb, ab float64 }

func (p *pair) between(t [2]int, i int) products {
	a, b := p.series.tracks[t[0]], p.other.tracks[t[1]]
	x := products{aa: a.product(i, i), bb: b.product(0, 0)}
	for d, v := range a.sketches[i*a.k : (i+1)*a.k] {
		x.ab += v * b.sketches[d]
	}
	return x
}

func (x products) cosine() float64 { return x.ab / math.Sqrt(x.aa*x.bb) }

// StartTable returns the comparison with both starts, a row for each checkpoint; nil without
// another series.
func (r *Result) StartTable() *record.Table {
	if len(r.Starts) == 0 {
		return nil
	}
	n := len(r.Starts)
	steps := make([]int64, n)
	columns := [][]float64{make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)}
	for i, s := range r.Starts {
		steps[i] = s.Step
		columns[0][i], columns[1][i], columns[2][i], columns[3][i] = s.Ratio, s.NullRatio, s.OwnCos, s.OtherCos
	}
	return &record.Table{Columns: []record.Column{
		{Name: "step", Ints: steps},
		{Name: "ratio", Floats: columns[0]},
		{Name: "null_ratio", Floats: columns[1]},
		{Name: "own_cos", Floats: columns[2]},
		{Name: "other_cos", Floats: columns[3]},
	}}
}
