package average

import (
	"fmt"
	"slices"
	"sort"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// stream is a sequence of iterates of which windows are averaged: all iterates, or those of
// every k-th step.
type stream struct {
	every, phase int64   // step % every == phase; every 1 takes all
	members      []int   // indices of iterates
	steps        []int64 // sums of the steps of the first 0, 1, ... members
}

// point is an average at a mark: a window of a stream, or an exponential average.
type point struct {
	Average
	mark   int // index of the iterate
	stream int // -1 for an exponential average
	lo, hi int // the first and the last member of the stream; iterates for an exponential average
}

// len returns the number of averaged iterates.
func (p *point) len() int { return p.hi - p.lo + 1 }

// group is a range of points that one pass over the recording computes. Its sums are cut at
// the starts of all its windows, also of those that another process evaluates, because the
// last bits of a sum depend on the cuts.
type group struct{ first, end int }

// plan has everything that is known before a vector is read.
type plan struct {
	list    []iterate
	marks   []int // indices of iterates, ascending
	chosen  []int // those of Options.At, without the starts and ends of branches
	streams []stream
	points  []point // average by average, and for each in the order of the marks
	groups  []group
	// vector is the number of bytes of a sum of iterates and, for the null, of its moment.
	vector int64
}

// newPlan finds the points and divides them into groups.
func newPlan(list []iterate, o *Options, vector, sum int64) (*plan, error) {
	marks, chosen, err := places(list, o)
	if err != nil {
		return nil, err
	}
	p := &plan{list: list, marks: marks, chosen: chosen, vector: vector}
	for _, a := range o.Averages {
		before := len(p.points)
		for _, m := range marks {
			p.add(a, m)
		}
		if len(p.points) == before {
			return nil, fmt.Errorf("average: %s exists at none of the %s: the recording has %d iterates of steps %d to %d",
				a, analyze.Count(len(marks), "chosen step"), len(list), list[0].step, list[len(list)-1].step)
		}
	}
	for _, from := range o.Branches.From {
		a := o.Branches.average(from)
		end, ok := indexOf(list, from+o.Branches.Steps)
		if ok && !slices.Contains(o.Averages, a) {
			p.add(a, end)
		}
	}
	return p, p.divide(o.MaxMemory, sum)
}

// add adds an average at a mark, if the average exists there.
func (p *plan) add(a Average, mark int) {
	pt := point{Average: a, mark: mark, stream: -1, hi: mark}
	if a.Scheme == EMA {
		if mark+1 >= settled(a.Decay) {
			p.points = append(p.points, pt)
		}
		return
	}
	pt.stream = p.streamOf(a)
	s := &p.streams[pt.stream]
	pt.hi = sort.SearchInts(s.members, mark+1) - 1
	if a.Scheme == SWA {
		pt.lo = sort.Search(len(s.members), func(m int) bool { return p.list[s.members[m]].step >= a.Start })
	} else {
		pt.lo = pt.hi - a.Length + 1
	}
	if pt.lo >= 0 && pt.len() >= 2 {
		p.points = append(p.points, pt)
	}
}

// streamOf returns the index of the stream of an average.
func (p *plan) streamOf(a Average) int {
	every := max(1, a.Every)
	phase := a.Start % every
	for i, s := range p.streams {
		if s.every == every && s.phase == phase {
			return i
		}
	}
	s := stream{every: every, phase: phase, steps: []int64{0}}
	for i, it := range p.list {
		if it.step%every == phase {
			s.members, s.steps = append(s.members, i), append(s.steps, s.steps[len(s.members)]+it.step)
		}
	}
	p.streams = append(p.streams, s)
	return len(p.streams) - 1
}

// divide divides the points into the smallest number of groups whose sums fit into most
// bytes. sum is the number of bytes of a sum without its moment.
func (p *plan) divide(most, sum int64) error {
	n := len(p.points)
	for count := 1; ; count++ {
		if count > n {
			return fmt.Errorf("average: the sums of one average take %s and max memory is %s; allow more memory",
				record.Bytes(p.vector+sum), record.Bytes(most))
		}
		groups, fits := make([]group, count), true
		for g := range groups {
			groups[g] = group{g * n / count, (g + 1) * n / count}
			if fits = p.need(groups[g], sum) <= most; !fits {
				break
			}
		}
		if fits {
			p.groups = groups
			return nil
		}
	}
}

// need returns the most bytes of sums that the points of a group need at a time: open
// windows, exponential averages, and the window that is evaluated.
func (p *plan) need(g group, sum int64) int64 {
	type event struct{ at, stream, lo, change int } // at is an iterate; ends come after starts
	var events []event
	decays := make(map[float64]bool)
	for _, pt := range p.points[g.first:g.end] {
		if pt.stream < 0 {
			decays[pt.Decay] = true
			continue
		}
		start := p.streams[pt.stream].members[pt.lo]
		events = append(events, event{start, pt.stream, pt.lo, 1}, event{pt.mark, pt.stream, pt.lo, -1})
	}
	slices.SortFunc(events, func(a, b event) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return b.change - a.change
	})
	type start struct{ stream, lo int }
	open := make(map[start]int)
	most := 0
	for _, e := range events {
		k := start{e.stream, e.lo}
		if open[k] += e.change; open[k] == 0 {
			delete(open, k)
		}
		most = max(most, len(open))
	}
	return int64(most)*p.vector + int64(len(decays)+1)*sum
}

// hasNull reports whether the null of a point is known: its newest iterate must be the one
// at the mark, where the gradient is.
func (p *plan) hasNull(pt *point) bool {
	return pt.stream < 0 || p.streams[pt.stream].members[pt.hi] == pt.mark
}
