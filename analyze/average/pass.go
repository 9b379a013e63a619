package average

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"

	"sgdwalk/analyze/internal/parallel"
	"sgdwalk/record"
)

const (
	// tileRows bounds the iterates that are read together: a block of a sum is loaded once for
	// all of them.
	tileRows = 16
	// aheadBlocks is the number of blocks of each of these iterates that are fetched ahead.
	aheadBlocks = 16
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
	towers []tower   // of the streams
	sum    []float64 // of the window that is evaluated; nil before the first
	decays []decaying

	ranges  []span // of columns, one for each core
	buffers [][]float32
	theta   []float32 // of the iterate at a mark
	state   []float32
}

// span is a range of columns: first included, end not.
type span struct{ first, end int }

// decaying is an exponential average: sum is its numerator.
type decaying struct {
	decay float64
	sum   []float64
	rows  int
}

// divideColumns gives each core a range of whole blocks. A recording in 16 bits is converted
// row by row, so that one core reads it.
func (p *pass) divideColumns() {
	p.theta = make([]float32, p.parameters)
	blocks := (p.parameters + blockColumns - 1) / blockColumns
	n := min(blocks, runtime.GOMAXPROCS(0))
	if p.run.Header().ElementBytes() != 4 {
		n = 1
	}
	for k := range n {
		p.ranges = append(p.ranges, span{
			k * blocks / n * blockColumns, min((k+1)*blocks/n*blockColumns, p.parameters),
		})
		p.buffers = append(p.buffers, make([]float32, min(blockColumns, p.parameters)))
	}
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
	p.divideColumns()
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
	indices []int // of the iterates that a sum or the mark needs
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
	began := i
	slots := make(map[int]int) // of streams in targets
	for ; i <= last && len(t.indices) < tileRows && !t.isMark; i++ {
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
		needed := len(age) > 0 || len(p.decays) > 0 || t.isMark && (v.needs(i, -1) || v.needsNull(i))
		if !needed {
			continue
		}
		row := len(t.indices)
		t.indices = append(t.indices, i)
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
				t.targets = append(t.targets, newTarget(newest.sum, newest.moment))
			}
			t.targets[k].ages[row] = a
		}
	}
	for d := range p.decays {
		p.decays[d].rows += len(t.indices)
		t.targets = append(t.targets, target{sum: p.decays[d].sum, decay: p.decays[d].decay})
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

// readTile reads the rows of a tile block by block and adds each block to the sums while it
// is in the processor's cache. Then it compares the rows with their checksums. At a mark it
// keeps the iterate. Each core has its own range of columns.
func (p *pass) readTile(t *tile) error {
	if len(t.indices) == 0 {
		return nil
	}
	rows, sums := make([][]record.Pieces, len(p.ranges)), make([][]record.PartSum, len(t.indices))
	for k := range rows {
		for _, i := range t.indices {
			v, err := p.pieces(i)
			if err != nil {
				return p.failed(i, err)
			}
			rows[k] = append(rows[k], v)
		}
	}
	for row := range sums {
		sums[row] = make([]record.PartSum, len(p.ranges))
	}
	failures := make([]error, len(p.ranges))
	parallel.Each(len(p.ranges), len(p.ranges), func(k int) { failures[k] = p.readRange(t, k, rows[k], sums) })
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	for row, i := range t.indices {
		if err := rows[0][row].CheckSums(sums[row]); err != nil {
			return p.failed(i, err)
		}
	}
	return p.addStates(t)
}

// pieces returns theta of an iterate for reading it block by block.
func (p *pass) pieces(i int) (record.Pieces, error) {
	v, err := p.run.ThetaPieces(p.list[i].row)
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, errors.New("it has no theta")
	case v.Len() != p.parameters:
		return nil, fmt.Errorf("theta has %d elements and the layout has %d; they must be equal", v.Len(), p.parameters)
	}
	return v, nil
}

func (p *pass) failed(i int, err error) error { return fmt.Errorf("row %d: %w", p.list[i].row, err) }

// readRange reads and adds range k of the columns.
func (p *pass) readRange(t *tile, k int, rows []record.Pieces, sums [][]record.PartSum) (err error) {
	c, buffer := p.ranges[k], p.buffers[k]
	for lo := c.first; lo < c.end; lo += blockColumns {
		hi := min(c.end, lo+blockColumns)
		if ahead := aheadBlocks * blockColumns; (lo-c.first)%ahead == 0 {
			for _, v := range rows {
				v.Prefetch(lo, min(c.end, lo+2*ahead))
			}
		}
		for row, v := range rows {
			x := buffer[:hi-lo]
			part := &sums[row][k]
			if part.Sum, err = v.ReadSum(x, lo, part.Sum); err != nil {
				return p.failed(t.indices[row], err)
			}
			part.Len += len(x)
			for _, to := range t.targets {
				to.add(row, x, lo)
			}
			if t.isMark && row == len(rows)-1 {
				copy(p.theta[lo:hi], x)
			}
		}
	}
	return nil
}

// addStates adds the running statistics of the rows, which follow theta in a sum. At a mark
// it keeps those of the iterate.
func (p *pass) addStates(t *tile) error {
	if p.states.len() == 0 {
		return nil
	}
	for row, i := range t.indices {
		state, err := p.states.at(p.list[i].row)
		if err != nil {
			return err
		}
		for _, to := range t.targets {
			to.addState(row, state, p.parameters)
		}
		p.state = state
	}
	return nil
}

// visit gives the iterate and the averages at a mark to the visitor.
func (p *pass) visit(ctx context.Context, t *tile, v visitor) error {
	mark := t.next - 1
	points, needsNull := p.at[mark], v.needsNull(mark)
	if v.needs(mark, -1) {
		theta, state := v.buffer()
		copy(theta, p.theta)
		copy(state, p.state)
		if err := v.average(ctx, mark, -1, theta, state); err != nil {
			return err
		}
	}
	if err := p.means(ctx, mark, points, v); err != nil {
		return err
	}
	if needsNull {
		gains, err := p.nulls(ctx, points, v)
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

// means gives the needed averages at a mark to the visitor.
func (p *pass) means(ctx context.Context, mark int, points []int, v visitor) error {
	give := func(i int, set func(theta, state []float32)) error {
		theta, state := v.buffer()
		set(theta, state)
		return v.average(ctx, mark, i, theta, state)
	}
	windows := make([][]int, len(p.towers)) // needed, of each stream
	for _, i := range points {
		pt := &p.points[i]
		switch {
		case !v.needs(mark, i):
		case pt.stream >= 0:
			windows[pt.stream] = append(windows[pt.stream], i)
		default:
			d := p.decayingOf(pt)
			if err := give(i, func(theta, state []float32) { divide(theta, state, d.sum, d.weight()) }); err != nil {
				return err
			}
		}
	}
	for s, list := range windows {
		// From the shortest window to the longest: each continues the sum of the one before.
		slices.SortStableFunc(list, func(a, b int) int { return p.points[b].lo - p.points[a].lo })
		pieces := p.towers[s].pieces
		next := len(pieces) - 1
		if len(list) > 0 && p.sum == nil {
			p.sum = make([]float64, p.memory.sum)
		}
		sum := p.sum
		clear(sum)
		for _, i := range list {
			pt := &p.points[i]
			first := next
			for next >= 0 && pieces[next].lo >= pt.lo {
				next--
			}
			columns(len(sum), func(lo, hi int) {
				for k := first; k > next; k-- {
					for i, v := range pieces[k].sum[lo:hi] {
						sum[lo+i] += v
					}
				}
			})
			if err := give(i, func(theta, state []float32) { divide(theta, state, sum, float64(pt.len())) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// divide sets theta, followed by state, to sum / weight.
func divide(theta, state []float32, sum []float64, weight float64) {
	n := len(theta)
	columns(n, func(lo, hi int) {
		for i, v := range sum[lo:hi] {
			theta[lo+i] = float32(v / weight)
		}
	})
	for i, v := range sum[n:] {
		state[i] = float32(v / weight)
	}
}

func (p *pass) decayingOf(pt *point) *decaying {
	return &p.decays[slices.IndexFunc(p.decays, func(d decaying) bool { return d.decay == pt.Decay })]
}
