package canvas

import "image/color"

// Identity is what tells the i-th of several series or runs from the others. For the first
// twelve the mark alone is enough, in a print without colours and for every reader; for most
// readers the colour alone is enough too. No pair of a colour and a mark repeats among the
// first 144.
type Identity struct {
	Color color.NRGBA
	Dash  []float64
	Mark  func(c *Path, at Point, r float64)
}

var dashes = [][]float64{nil, {4, 2}, {1.2, 1.4}, {5, 1.6, 1.2, 1.6}, {2.4, 1.4}}

var identityMarks = []func(c *Path, at Point, r float64){
	(*Path).Square, (*Path).Triangle, (*Path).disc, (*Path).Diamond, (*Path).DownTriangle, (*Path).Plus,
	(*Path).Pentagon, (*Path).Star, (*Path).cross, (*Path).leftTriangle, (*Path).rightTriangle, (*Path).hourglass,
}

// Identity returns the identity of the i-th series. It depends on nothing else, so that one
// order of groups gives every group one colour and one mark in all figures.
func (t Theme) Identity(i int) Identity {
	// From the thirteenth on colours and marks come again, in other pairs.
	mark := identityMarks[(i+5*(i/len(t.Series)))%len(identityMarks)]
	return Identity{t.Series[i%len(t.Series)], dashes[i%len(dashes)], mark}
}

// Pen returns the pen of a line.
func (d Identity) Pen(width float64) Pen { return Pen{Width: width, Color: d.Color, Dash: d.Dash} }

// MarkAt draws the mark with a border in the colour of the paper.
func (p *Page) MarkAt(d Identity, at Point, r float64) {
	var c Path
	d.Mark(&c, at, r)
	p.Stroke(c, Pen{Width: max(0.9, 0.55*r), Color: p.Theme.Background})
	p.Fill(c, d.Color)
}

// IdentityEntry names a series with a piece of its line and its mark.
func IdentityEntry(text string, d Identity) Entry {
	return Entry{text, 2.4, func(p *Page, left Point, width float64) {
		var l Path
		l.Segment(left, left.Add(Point{width, 0}))
		p.Stroke(l, d.Pen(1.05))
		p.MarkAt(d, left.Add(Point{width / 2, 0}), p.Font*0.34)
	}}
}

func (c *Path) disc(at Point, r float64) { c.Circle(at, r) }

func (c *Path) leftTriangle(at Point, r float64) { c.regular(at, r*1.2, 3, triangleTurn) }

func (c *Path) rightTriangle(at Point, r float64) { c.regular(at, r*1.2, 3, -triangleTurn) }

// triangleTurn lays a triangle on its side, in radians.
const triangleTurn = 1.5707963267948966

func (c *Path) cross(at Point, r float64) {
	var upright Path
	upright.Plus(Point{}, r*1.1)
	for _, o := range upright {
		o.P = at.Add(o.P.Rotate(triangleTurn / 2))
		*c = append(*c, o)
	}
}

func (c *Path) hourglass(at Point, r float64) {
	c.Polygon(at.Add(Point{-r, r}), at.Add(Point{r, r}), at.Add(Point{-r, -r}), at.Add(Point{r, -r}))
}
