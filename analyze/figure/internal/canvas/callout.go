package canvas

import (
	"cmp"
	"math"
	"slices"
)

// Callout is a short text that belongs to a place of the page.
type Callout struct {
	At       Point
	Text     string
	Identity *Identity // whose mark is before the text and whose colour the leader line has; nil for none
}

// calloutReach are the distances of a text from its place that are tried, in points.
var calloutReach = []float64{8, 12, 17, 23, 30, 38, 48, 60, 75, 95, 120}

const (
	calloutScale = 0.86
	calloutTurns = 24
)

// Callouts writes texts next to their places, with leader lines. No text covers another
// text or one of the places, or leaves the box; texts cover few of the points to avoid, and
// few leaders cross. It returns the number of texts for which it found no room.
func (p *Page) Callouts(list []Callout, box Rect, avoid []Point) (left int) {
	c := layCallouts(p, list, box, avoid)
	size := p.Font * calloutScale
	for i, b := range c.boxes {
		if b == nil {
			left++
			continue
		}
		p.leader(c.leader(i, *b))
	}
	for i, b := range c.boxes {
		if b != nil {
			p.calloutText(list[i], Point{b.X0 + size*0.15, (b.Y0 + b.Y1) / 2})
		}
	}
	return left
}

// leader draws the line from a place to its text.
func (p *Page) leader(from, to Point) {
	var line Path
	line.Segment(from, to)
	p.Stroke(line, Pen{Width: 1.6, Color: WithAlpha(p.Theme.Background, 0.75)})
	p.Stroke(line, Pen{Width: 0.6, Color: p.Theme.Ink})
}

// calloutText writes a mark and a text from their left end on.
func (p *Page) calloutText(q Callout, at Point) {
	size := p.Font * calloutScale
	if q.Identity != nil {
		p.MarkAt(*q.Identity, at.Add(Point{size * 0.42, 0}), size*0.36)
		at.X += size * calloutMark
	}
	Label{Text: q.Text, Size: size, Color: p.Theme.Ink, Halo: size * 0.24, HaloColor: p.Theme.Background}.Draw(p, at, 0, 0.5)
}

// MarginCallouts writes texts one under the other on the right of a frame, in the order of
// their places, with leader lines. It returns the number of texts for which it found no room.
func (p *Page) MarginCallouts(list []Callout, frame Rect) (left int) {
	line := p.Font * calloutScale * 1.1
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Callout) int { return cmp.Compare(a.At.Y, b.At.Y) })
	if most := int(frame.H()/line) + 1; len(list) > most {
		left, list = len(list)-most, list[:most]
	}
	y := make([]float64, len(list))
	for i, q := range list {
		y[i] = q.At.Y
	}
	y = SpreadApart(y, line, frame.Y0, frame.Y1)
	for i, q := range list {
		p.leader(q.At, Point{frame.X1 + p.Font*1.1, y[i]})
	}
	for i, q := range list {
		p.calloutText(q, Point{frame.X1 + p.Font*1.25, y[i]})
	}
	return left
}

// SpreadApart moves places, which increase, so that they are at least gap apart and between
// lo and hi.
func SpreadApart(places []float64, gap, lo, hi float64) []float64 {
	out := slices.Clone(places)
	for i := range out { // up
		if out[i] = max(out[i], lo); i > 0 {
			out[i] = max(out[i], out[i-1]+gap)
		}
	}
	for i := len(out) - 1; i >= 0; i-- { // and back down
		if i == len(out)-1 {
			out[i] = min(out[i], hi)
		} else {
			out[i] = min(out[i], out[i+1]-gap)
		}
	}
	return out
}

// layCallouts finds the places of texts.
func layCallouts(p *Page, list []Callout, box Rect, avoid []Point) *callouts {
	c := &callouts{list: list, box: box.Grow(-p.Font * 0.2), avoid: avoid, boxes: make([]*Rect, len(list))}
	for _, q := range list {
		c.sizes = append(c.sizes, p.calloutSize(q.Text, q.Identity != nil))
	}
	for range 3 { // the first ones are placed again when the others have a place
		for i := range list {
			c.place(i)
		}
	}
	return c
}

func (p *Page) calloutSize(text string, marked bool) Point {
	size := p.Font * calloutScale
	w := Label{Text: text, Size: size}.Width() + size*0.3
	if marked {
		w += size * calloutMark
	}
	return Point{w, size * 1.05}
}

// CalloutRoom is the width of a margin that holds the widest of some names with its mark and
// a leader line.
func (p *Page) CalloutRoom(names []string) float64 {
	w := 0.0
	for _, name := range names {
		w = math.Max(w, p.calloutSize(name, true).X)
	}
	return w + p.Font*1.6
}

// calloutMark is the room for the mark before a text, in parts of its size.
const calloutMark = 1.0

type callouts struct {
	list  []Callout
	box   Rect
	avoid []Point
	sizes []Point // of the texts
	boxes []*Rect // of the texts that have a place
}

// leader returns the ends of the line from a place to its text.
func (c *callouts) leader(i int, b Rect) (from, to Point) {
	at := c.list[i].At
	return at, Point{math.Max(b.X0, math.Min(at.X, b.X1)), math.Max(b.Y0, math.Min(at.Y, b.Y1))}
}

// place finds the best place for text i, given the places of the others.
func (c *callouts) place(i int) {
	c.boxes[i] = nil
	best := math.Inf(1)
	for _, reach := range calloutReach {
		if reach >= best {
			return
		}
		for k := range calloutTurns {
			u := Point{1, 0}.Rotate(2 * math.Pi * float64(k) / calloutTurns)
			middle := c.list[i].At.Add(u.Scale(reach)).Add(Point{u.X * c.sizes[i].X / 2, u.Y * c.sizes[i].Y / 2})
			b := Rect{
				middle.X - c.sizes[i].X/2, middle.Y - c.sizes[i].Y/2, middle.X + c.sizes[i].X/2,
				middle.Y + c.sizes[i].Y/2,
			}
			if cost := c.cost(i, b, best-reach) + reach; cost < best {
				best, c.boxes[i] = cost, &b
			}
		}
	}
}

// cost of a box for text i, in points of distance; what is at least most need not be exact.
func (c *callouts) cost(i int, b Rect, most float64) float64 {
	if b.X0 < c.box.X0 || b.X1 > c.box.X1 || b.Y0 < c.box.Y0 || b.Y1 > c.box.Y1 {
		return math.Inf(1)
	}
	from, to := c.leader(i, b)
	cost := 0.0
	for k := range c.list {
		if b.Grow(2.5).Contains(c.list[k].At) {
			return math.Inf(1)
		}
		if k == i || c.boxes[k] == nil {
			continue
		}
		o := *c.boxes[k]
		if b.X0 < o.X1+1 && o.X0 < b.X1+1 && b.Y0 < o.Y1 && o.Y0 < b.Y1 {
			return math.Inf(1)
		}
		otherFrom, otherTo := c.leader(k, o)
		if crosses(from, to, otherFrom, otherTo) {
			cost += 40
		}
		if _, _, touches := ClipSegment(from, to, o); touches {
			cost += 150
		}
		if _, _, touches := ClipSegment(otherFrom, otherTo, b); touches {
			cost += 150
		}
	}
	for _, q := range c.avoid {
		if cost >= most {
			break
		}
		if b.Contains(q) {
			cost += 2.5
		}
	}
	return cost
}

// crosses reports whether two segments cross each other between their ends.
func crosses(a, b, c, d Point) bool {
	side := func(p, q, r Point) float64 { return (q.X-p.X)*(r.Y-p.Y) - (q.Y-p.Y)*(r.X-p.X) }
	return side(a, b, c)*side(a, b, d) < 0 && side(c, d, a)*side(c, d, b) < 0
}

// Along returns points on polylines that are at most step apart.
func Along(pieces [][]Point, step float64) []Point {
	var out []Point
	for _, piece := range pieces {
		for i := 1; i < len(piece); i++ {
			n := 1 + int(piece[i].Sub(piece[i-1]).Norm()/step)
			for k := range n {
				out = append(out, piece[i-1].Lerp(piece[i], float64(k)/float64(n)))
			}
		}
	}
	return out
}
