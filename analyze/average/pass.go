package average

import (
	"context"
	"fmt"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"sgdwalk/record"
)

const (
	// tileRows and tileBytes bound the iterates that are read together.
	tileRows  = 16
	tileBytes = 64 << 20
	// heldBytes is how much of a mapped recording may be resident before it is released.
	heldBytes = 64 << 20
)

// pass reads the iterates of a group once, in their order, and gives the averages to a
// visitor.
type pass struct {
	*plan
	group      group
	run        record.Trajectory
	states     *states
	parameters int

	at     map[int][]int // the points of the group at each mark
	memory *pool
	towers []tower // of the streams
	decays []decaying
	read   int64 // bytes since the last release
}

// decaying is an exponential average: sum is its numerator.
type decaying struct {
	decay float64
	sum   []float64
	rows  int
}

// weight returns the sum of the weights, 1 - decay^n for n iterates.
func (d *decaying) weight() float64 { return -math.Expm1(float64(d.rows) * math.Log(d.decay)) }

// visitor receives the averages of a pass.
type visitor interface {
	// needs reports whether the values of a point are needed; -1 is the iterate itself.
	needs(mark, point int) bool
	// needsNull reports whether the null of the points at a mark is needed.
	needsNull(mark int) bool
	// buffer returns memory for a point.
	buffer() (theta, state []float32)
	// average receives a point in such memory.
	average(ctx context.Context, mark, point int, theta, state []float32) error
	// gradient returns the gradient at an iterate, which is borrowed until the next call.
	gradient(ctx context.Context, theta, state []float32) ([]float32, error)
	// null receives the gains of a stationary walk on a quadratic at a mark, for all points
	// there that have one, in the order of the plan.
	null(mark int, gains []float64) error
}

// newPass prepares a pass for the points that the visitor needs.
func newPass(j *Job, g group, v visitor) *pass {
	p := &pass{
		plan: j.plan, group: g, run: j.run, states: j.states, parameters: j.parameters, at: make(map[int][]int),
		memory: &pool{sum: j.parameters + j.states.len()}, towers: make([]tower, len(j.streams)),
	}
	if j.null != nil {
		p.memory.moment = j.parameters
	}
	for i := range p.towers {
		p.towers[i] = tower{uses: make(map[int]int), from: len(p.list)}
	}
	for i := g.first; i < g.end; i++ {
		pt := &p.points[i]
		p.at[pt.mark] = append(p.at[pt.mark], i)
		needed := v.needs(pt.mark, i) || v.needsNull(pt.mark) && p.hasNull(pt)
		if pt.stream >= 0 {
			t := &p.towers[pt.stream]
			t.uses[pt.lo]++
			if needed {
				t.from = min(t.from, pt.lo)
			}
			continue
		}
		if needed && !slices.ContainsFunc(p.decays, func(d decaying) bool { return d.decay == pt.Decay }) {
			p.decays = append(p.decays, decaying{
				decay: pt.Decay, sum: make([]float64, p.memory.sum),
			})
		}
	}
	return p
}

// tile has consecutive iterates that end at a mark or before a cut.
type tile struct {
	rows    []record.Step // of the iterates that a sum or the mark needs
	indices []int
	targets []target
	next    int // iterate after the tile
	isMark  bool
}

// walk reads the recording up to the last needed mark.
func (p *pass) walk(ctx context.Context, v visitor) error {
	last := -1
	for _, m := range p.marks {
		if v.needs(m, -1) || v.needsNull(m) || slices.ContainsFunc(p.at[m], func(i int) bool { return v.needs(m, i) }) {
			last = m
		}
	}
	defer p.run.Release()
	for i := 0; i <= last; {
		if err := ctx.Err(); err != nil {
			return err
		}
		t := p.nextTile(i, last, v)
		if err := p.readTile(t); err != nil {
			return err
		}
		p.addTile(t)
		if t.isMark {
			if err := p.visit(ctx, t, v); err != nil {
				return err
			}
		}
		i = t.next
	}
	return nil
}

// nextTile plans the tile that begins at iterate i: which rows it has, and which sum
// receives which rows.
func (p *pass) nextTile(i, last int, v visitor) *tile {
	t := &tile{}
	most := max(1, min(tileRows, tileBytes/(4*p.parameters)))
	began := i
	slots := make(map[int]int) // of streams in targets
	for ; i <= last && len(t.rows) < most && !t.isMark; i++ {
		if i > began && p.isCut(i) {
			break
		}
		age := make(map[int]float64) // in its stream
		for s := range p.streams {
			if m, ok := slices.BinarySearch(p.streams[s].members, i); ok {
				if p.towers[s].begin(m, p.memory) {
					newest := p.newest(s)
					age[s] = float64(m - newest.lo)
				}
			}
		}
		_, t.isMark = slices.BinarySearch(p.marks, i)
		if len(age) == 0 && len(p.decays) == 0 && !(t.isMark && (v.needs(i, -1) || v.needsNull(i))) {
			continue
		}
		row := len(t.rows)
		t.rows, t.indices = append(t.rows, record.Step{}), append(t.indices, i)
		for s := range p.streams {
			a, ok := age[s]
			if !ok {
				continue
			}
			k, ok := slots[s]
			if !ok {
				k = len(t.targets)
				slots[s] = k
				newest := p.newest(s)
				t.targets = append(t.targets, target{sum: newest.sum, moment: newest.moment})
			}
			t.targets[k].rows = append(t.targets[k].rows, addend{row, a})
		}
	}
	for d := range p.decays {
		e := target{sum: p.decays[d].sum, decay: p.decays[d].decay}
		for row := range t.rows {
			e.rows = append(e.rows, addend{row: row})
		}
		p.decays[d].rows += len(t.rows)
		t.targets = append(t.targets, e)
	}
	t.next = i
	return t
}

// newest returns the piece that receives the next members of a stream.
func (p *pass) newest(stream int) *piece {
	pieces := p.towers[stream].pieces
	return &pieces[len(pieces)-1]
}

// isCut reports whether a window begins at an iterate.
func (p *pass) isCut(i int) bool {
	for s := range p.streams {
		if m, ok := slices.BinarySearch(p.streams[s].members, i); ok && p.towers[s].uses[m] > 0 {
			return true
		}
	}
	return false
}

// readTile reads the rows of a tile, several at a time, because each is compared with its
// checksum.
func (p *pass) readTile(t *tile) error {
	var g errgroup.Group
	for k, i := range t.indices {
		g.Go(func() error {
			row := p.list[i].row
			s, err := p.run.Read(row, record.ThetaPart)
			if err != nil {
				return fmt.Errorf("row %d: %w", row, err)
			}
			if len(s.Theta) != p.parameters {
				return fmt.Errorf("row %d: theta has %d elements and the layout has %d; they must be equal", row,
					len(s.Theta), p.parameters)
			}
			t.rows[k] = s
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for k, i := range t.indices {
		state, err := p.states.at(p.list[i].row)
		if err != nil {
			return err
		}
		t.rows[k].State = state
	}
	return nil
}

// addTile adds the rows of a tile to the sums.
func (p *pass) addTile(t *tile) {
	columns(p.parameters, func(lo, hi int) { addThetas(t.targets, t.rows, lo, hi) })
	addStates(t.targets, t.rows, p.parameters)
	if p.read += int64(len(t.rows)) * 4 * int64(p.parameters); p.read > heldBytes {
		// The last row of the tile is a view that stays valid.
		p.run.Release()
		p.read = 0
	}
}

// visit gives the iterate and the averages at a mark to the visitor.
func (p *pass) visit(ctx context.Context, t *tile, v visitor) error {
	mark := t.next - 1
	points, needsNull := p.at[mark], v.needsNull(mark)
	var at *record.Step // the iterate
	if v.needs(mark, -1) || needsNull {
		at = &t.rows[len(t.rows)-1]
	}
	if v.needs(mark, -1) {
		theta, state := v.buffer()
		copy(theta, at.Theta)
		copy(state, at.State)
		if err := v.average(ctx, mark, -1, theta, state); err != nil {
			return err
		}
	}
	for _, i := range points {
		if !v.needs(mark, i) {
			continue
		}
		theta, state := v.buffer()
		p.mean(&p.points[i], theta, state)
		if err := v.average(ctx, mark, i, theta, state); err != nil {
			return err
		}
	}
	if needsNull {
		gains, err := p.nulls(ctx, points, at, v)
		if err == nil {
			err = v.null(mark, gains)
		}
		if err != nil {
			return err
		}
	}
	for _, i := range points {
		if pt := &p.points[i]; pt.stream >= 0 {
			p.towers[pt.stream].end(pt.lo)
		}
	}
	for s := range p.towers {
		p.towers[s].prune(p.memory)
	}
	return nil
}

// mean sets theta and state to an average at the current mark.
func (p *pass) mean(pt *point, theta, state []float32) {
	if pt.stream < 0 {
		d := p.decayingOf(pt)
		weight := d.weight()
		columns(len(d.sum), func(lo, hi int) {
			for i := lo; i < hi; i++ {
				*element(theta, state, i) = float32(d.sum[i] / weight)
			}
		})
		return
	}
	pieces := p.towers[pt.stream].pieces
	first := slices.IndexFunc(pieces, func(q piece) bool { return q.lo == pt.lo })
	n := float64(pt.len())
	columns(len(pieces[first].sum), func(lo, hi int) {
		var block [blockColumns]float64
		sum := block[:hi-lo]
		for k := len(pieces) - 1; k >= first; k-- {
			for i, v := range pieces[k].sum[lo:hi] {
				sum[i] += v
			}
		}
		for i, v := range sum {
			*element(theta, state, lo+i) = float32(v / n)
		}
	})
}

// element returns element i of theta followed by state.
func element(theta, state []float32, i int) *float32 {
	if i < len(theta) {
		return &theta[i]
	}
	return &state[i-len(theta)]
}

func (p *pass) decayingOf(pt *point) *decaying {
	return &p.decays[slices.IndexFunc(p.decays, func(d decaying) bool { return d.decay == pt.Decay })]
}
