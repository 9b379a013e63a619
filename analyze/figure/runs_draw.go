package figure

import (
	"cmp"
	"math"
	"slices"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
)

const (
	// wideFigure is the width in points above which maps are next to each other.
	wideFigure = 5 * 72
	// endsApart is the distance in points under which two ends cannot be told apart.
	endsApart = 12
	// mostZooms is the number of larger maps of a part.
	mostZooms = 2
	// overviewShare is the part of the width that the map of all has next to larger maps.
	overviewShare = 0.6
)

// Draw implements Figure.
func (r *Runs) Draw(p *canvas.Page) {
	s := r.Map.Relief()
	if r.Apart {
		r.drawApart(p, &s)
		return
	}
	at := r.lay(p, &s)
	zoomed := make(map[int]bool)
	for _, z := range at.zooms {
		for _, i := range z.groups {
			zoomed[i] = true
		}
	}
	r.drawOn(p, at.over, &s, zoomed)
	for k, z := range at.zooms {
		r.drawZoomBox(p, at.over, z, string(rune('A'+k)))
	}
	p.Axes(at.over, at.labelX, true)
	for k, z := range at.zooms {
		part := s.Cut(z.frame.X.Lo, z.frame.X.Hi, z.frame.Y.Lo, z.frame.Y.Hi)
		r.drawOn(p, z.frame, &part, nil)
		r.letter(p, canvas.Pt(z.frame.Box.X0, z.frame.Box.Y1), string(rune('A'+k)))
		p.Axes(z.frame, z.frame.Box.X0, true)
	}
	at.bar.Draw(p, &s, s.BandColors(), at.barBox)
}

// drawOn draws the map and all runs on a frame. Groups that another map shows larger have
// small marks and no names here.
func (r *Runs) drawOn(p *canvas.Page, f canvas.Frame, s *plane.Relief, elsewhere map[int]bool) {
	s.DrawMap(p, f, r.onFrame(f))
	all := make([]int, len(r.Groups))
	for i := range all {
		all[i] = i
	}
	r.drawPaths(p, f, all)
	var names []canvas.Callout
	var covered []canvas.Point
	covered = append(covered, r.onFrame(f)...)
	for i, g := range r.Groups {
		d := p.Theme.Identity(i)
		end, ok := g.Runs[0].endOn(f)
		if !ok {
			continue
		}
		if elsewhere[i] {
			p.MarkAt(d, end, 1.9)
			continue
		}
		p.MarkAt(d, end, 3.1)
		names = append(names, canvas.Callout{At: end, Text: g.Name, Identity: &d})
	}
	p.Callouts(names, f.Box, covered)
}

// drawPaths draws the runs of some groups: first all thin lines, then all strong ones, and
// the pale borders of each kind under all of its lines, so that a line shows through the gaps
// in another one that covers it.
func (r *Runs) drawPaths(p *canvas.Page, f canvas.Frame, groups []int) {
	type line struct {
		path canvas.Path
		i    int
	}
	for _, strong := range []bool{false, true} {
		var lines []line
		for _, i := range groups {
			for k, q := range r.Groups[i].Runs {
				if (k == 0) == strong {
					lines = append(lines, line{plane.Pieces(placesOn(f, q.Points), f.Box), i})
				}
			}
		}
		width, halo, alpha := 0.55, 1.5, 0.6
		if strong {
			width, halo, alpha = 1.3, 2.9, 0.85
		}
		for _, l := range lines {
			p.Stroke(l.path, canvas.Pen{Width: halo, Color: canvas.WithAlpha(p.Theme.Background, alpha)})
		}
		for _, l := range lines {
			pen := p.Theme.Identity(l.i).Pen(width)
			if !strong {
				pen.Dash = nil
			}
			p.Stroke(l.path, pen)
		}
	}
	for _, i := range groups {
		d := p.Theme.Identity(i)
		for _, q := range r.Groups[i].Runs[1:] {
			if end, ok := q.endOn(f); ok {
				p.MarkAt(d, end, 1.5)
			}
		}
	}
	r.drawStarts(p, f, groups)
}

// drawStarts marks the first iterates, once where they are one place.
func (r *Runs) drawStarts(p *canvas.Page, f canvas.Frame, groups []int) {
	var drawn []canvas.Point
	for _, i := range groups {
		for _, q := range r.Groups[i].Runs {
			pts := placesOn(f, q.Points)
			if len(pts) < 2 || !f.Box.Contains(pts[0]) ||
				slices.ContainsFunc(drawn, func(o canvas.Point) bool { return o.Sub(pts[0]).Norm() < 2 }) {
				continue
			}
			plane.StartMark(p, pts[0], plane.PathInk)
			drawn = append(drawn, pts[0])
		}
	}
}

// placesOn returns the places of iterates on a frame; NaN is a gap.
func placesOn(f canvas.Frame, points []PathPoint) []canvas.Point {
	out := make([]canvas.Point, len(points))
	for i, q := range points {
		out[i] = f.At(q.A, q.B)
		if !canvas.Finite(out[i].X) || !canvas.Finite(out[i].Y) {
			out[i] = canvas.Pt(math.NaN(), math.NaN())
		}
	}
	return out
}

// endOn returns where a run ends, if that is in the frame.
func (q *LabelledPath) endOn(f canvas.Frame) (canvas.Point, bool) {
	n := len(q.Points)
	if n == 0 {
		return canvas.Point{}, false
	}
	at := placesOn(f, q.Points[n-1:])[0]
	return at, f.Box.Contains(at)
}

// onFrame returns points along the strong lines, at most two points of the page apart.
func (r *Runs) onFrame(f canvas.Frame) []canvas.Point {
	var out []canvas.Point
	for _, g := range r.Groups {
		pieces := canvas.ClipPolyline(canvas.Decimate(placesOn(f, g.Runs[0].Points), 1), f.Box)
		out = append(out, canvas.Along(pieces, 2)...)
	}
	return out
}

func (r *Runs) entries(p *canvas.Page) []canvas.Entry {
	var out []canvas.Entry
	for i, g := range r.Groups {
		text := g.Name
		if d := g.offPlane(); d != "" {
			text += " (" + d + ")"
		}
		out = append(out, canvas.IdentityEntry(text, p.Theme.Identity(i)))
	}
	return append(out, canvas.MarkEntry("start",
		func(p *canvas.Page, at canvas.Point) { plane.StartMark(p, at, plane.PathInk) }))
}

// zoom is a part of the plane that is shown larger.
type zoom struct {
	groups []int // that end in it
	frame  canvas.Frame
}

// runsPlace is where the parts of the figure go.
type runsPlace struct {
	over   canvas.Frame
	labelX float64
	zooms  []zoom
	bar    plane.ColorBar
	barBox canvas.Rect
	bottom float64
}

// lay finds the place of everything, and draws title, notes and legend.
func (r *Runs) lay(p *canvas.Page, s *plane.Relief) runsPlace {
	box := r.head(p, s)
	box = p.Legend(r.entries(p), box, true)
	bar := plane.NewColorBar(p, s, cmp.Or(r.Map.ZLabel, "full training loss"))
	room := canvas.Box(box.X0, box.Y0, box.X1-bar.Width, box.Y1)
	// Which ends are too close depends on the size of the map, which is smaller next to others.
	at := r.frames(p, room, make([]zoom, 1))
	if at.zooms = r.crowds(at.over); len(at.zooms) == 0 {
		at = r.frames(p, room, nil)
	} else {
		at = r.frames(p, room, at.zooms)
		at.zooms = slices.DeleteFunc(at.zooms, func(z zoom) bool { return z.groups == nil })
		if len(at.zooms) == 0 {
			at = r.frames(p, room, nil)
		}
	}
	at.bar = bar
	at.barBox = canvas.Box(at.over.Box.X1, at.over.Box.Y0, at.over.Box.X1+bar.Width, at.over.Box.Y1)
	if p.W >= wideFigure && len(at.zooms) > 0 {
		right := at.zooms[0].frame.Box.X1
		at.barBox.X0, at.barBox.X1 = right, right+bar.Width
	}
	return at
}

// head draws the title and the notes and returns the rest of the page.
func (r *Runs) head(p *canvas.Page, s *plane.Relief) canvas.Rect {
	m := p.Font * 0.7
	return p.Heading(r.Map.Title, r.Map.Subtitle, p.Footnotes(r.notes(s), canvas.Box(m, m, p.W-m, p.H-m)))
}

// axes are those of the whole map.
func (r *Runs) axes() (x, y canvas.Axis) {
	l := &r.Map
	return canvas.Axis{Lo: l.X[0], Hi: l.X[len(l.X)-1], Label: cmp.Or(l.XLabel, "first direction")},
		canvas.Axis{Lo: l.Y[0], Hi: l.Y[len(l.Y)-1], Label: cmp.Or(l.YLabel, "second direction")}
}

// frames lays out the map of all and the larger maps, which are on its right in a wide figure
// and under it in a narrow one.
func (r *Runs) frames(p *canvas.Page, room canvas.Rect, zooms []zoom) (at runsPlace) {
	x, y := r.axes()
	at.over = canvas.Frame{X: x, Y: y, Box: room}
	n := float64(len(zooms))
	right, wide := room.X1-p.Font*0.5, p.W >= wideFigure
	if n > 0 && wide {
		right = room.X0 + room.W()*overviewShare
	}
	numbers := p.Font * 3 // beside a larger map
	under := p.Font * 1.8
	for range 3 {
		left := room.X0 + p.YLabelRoom(y, at.over.Box.H()) + p.Font*0.3 + p.YMargin(y, at.over.Box.H())
		w := right - left
		below := p.XMargin(x, w)
		most := room.H() - below
		if n > 0 && !wide {
			most -= r.zoomHeight(p, room, n, numbers) + under + p.Font*0.8
		}
		h := math.Max(math.Min(w*r.ratio(), most), p.Font*6)
		w = math.Min(w, h/r.ratio())
		at.over.Box = canvas.Box(left, room.Y1-h, left+w, room.Y1)
		at.labelX = left - p.YMargin(y, h) - p.Font*0.35
		at.bottom = room.Y1 - h - below
	}
	for k := range zooms {
		z := zooms[k]
		o := at.over.Box
		if wide {
			h := (o.H() - (under+p.Font*0.2)*(n-1)) / n
			y1 := o.Y1 - float64(k)*(h+under+p.Font*0.2)
			z.frame.Box = canvas.Box(o.X1+numbers, y1-h, room.X1-p.Font*0.5, y1)
		} else {
			w := (right - o.X0 - numbers*(n-1)) / n
			h := r.zoomHeight(p, room, n, numbers)
			x0 := o.X0 + float64(k)*(w+numbers)
			z.frame.Box = canvas.Box(x0, at.bottom-p.Font*0.8-h, x0+w, at.bottom-p.Font*0.8)
		}
		z.fit(at.over, r)
		at.zooms = append(at.zooms, z)
	}
	if n > 0 && !wide {
		at.bottom = at.zooms[0].frame.Box.Y0 - under
	}
	return at
}

// zoomHeight is the height of a larger map under the map of all.
func (r *Runs) zoomHeight(p *canvas.Page, room canvas.Rect, n, numbers float64) float64 {
	return math.Min((room.W()-p.Font*4-numbers*(n-1))/n*0.85, p.W*0.5)
}

// crowds returns the groups of ends that cannot be told apart on a frame, the largest first.
func (r *Runs) crowds(f canvas.Frame) []zoom {
	ends := make(map[int]canvas.Point)
	for i := range r.Groups {
		if at, ok := r.Groups[i].Runs[0].endOn(f); ok {
			ends[i] = at
		}
	}
	var out []zoom
	seen := make(map[int]bool)
	for i := range r.Groups {
		if _, ok := ends[i]; !ok || seen[i] {
			continue
		}
		crowd := []int{i}
		seen[i] = true
		for at := 0; at < len(crowd); at++ {
			for k := range r.Groups {
				if end, ok := ends[k]; ok && !seen[k] && end.Sub(ends[crowd[at]]).Norm() < endsApart {
					crowd, seen[k] = append(crowd, k), true
				}
			}
		}
		if len(crowd) > 1 {
			slices.Sort(crowd)
			out = append(out, zoom{groups: crowd})
		}
	}
	slices.SortStableFunc(out, func(a, b zoom) int { return len(b.groups) - len(a.groups) })
	return out[:min(len(out), mostZooms)]
}

// fit gives the larger map the part of the plane around its ends, in the shape of its frame.
// A part that would hardly be larger has no groups any more.
func (z *zoom) fit(over canvas.Frame, r *Runs) {
	if z.groups == nil {
		return
	}
	box := canvas.EmptyRect()
	for _, i := range z.groups {
		points := r.Groups[i].Runs[0].Points
		end := points[len(points)-1]
		box = box.Including(canvas.Pt(end.A, end.B))
	}
	// The other seeds come in as far as the part stays small.
	for _, i := range z.groups {
		for _, q := range r.Groups[i].Runs[1:] {
			if n := len(q.Points); n > 0 && canvas.Finite(q.Points[n-1].A) && canvas.Finite(q.Points[n-1].B) {
				wider := box.Including(canvas.Pt(q.Points[n-1].A, q.Points[n-1].B))
				if wider.W() < 0.15*(over.X.Hi-over.X.Lo) && wider.H() < 0.15*(over.Y.Hi-over.Y.Lo) {
					box = wider
				}
			}
		}
	}
	unit := (over.Y.Hi - over.Y.Lo) / over.Box.H() * over.Box.W() / (over.X.Hi - over.X.Lo) // of y in units of x
	shape := z.frame.Box.H() / z.frame.Box.W() * unit
	w := math.Max(1.8*math.Max(box.W(), box.H()/shape), 0.04*(over.X.Hi-over.X.Lo))
	if h := w * shape; w > 0.5*(over.X.Hi-over.X.Lo) || h > 0.6*(over.Y.Hi-over.Y.Lo) {
		z.groups = nil
		return
	}
	cx := clampTo((box.X0+box.X1)/2, over.X.Lo+w/2, over.X.Hi-w/2)
	cy := clampTo((box.Y0+box.Y1)/2, over.Y.Lo+w*shape/2, over.Y.Hi-w*shape/2)
	z.frame.X = canvas.Axis{Lo: cx - w/2, Hi: cx + w/2}
	z.frame.Y = canvas.Axis{Lo: cy - w*shape/2, Hi: cy + w*shape/2}
}

func clampTo(v, lo, hi float64) float64 { return math.Max(lo, math.Min(hi, v)) }

// drawZoomBox draws the outline of a part that another map shows larger.
func (r *Runs) drawZoomBox(p *canvas.Page, f canvas.Frame, z zoom, letter string) {
	a, b := f.At(z.frame.X.Lo, z.frame.Y.Lo), f.At(z.frame.X.Hi, z.frame.Y.Hi)
	box := canvas.Box(a.X, a.Y, b.X, b.Y)
	var c canvas.Path
	c.Box(box)
	p.Stroke(c, canvas.Pen{Width: 2.2, Color: canvas.WithAlpha(p.Theme.Background, 0.8)})
	p.Stroke(c, canvas.Pen{Width: 0.8, Color: p.Theme.Ink})
	at := canvas.Pt(box.X0, box.Y1+p.Font*1.15)
	if at.Y > f.Box.Y1 {
		at = canvas.Pt(box.X0, box.Y0)
	}
	r.letter(p, at, letter)
}

// letter writes the letter of a part at the upper left of a place.
func (r *Runs) letter(p *canvas.Page, at canvas.Point, letter string) {
	l := p.Label(letter, 1, p.Theme.Ink)
	l.Halo, l.HaloColor = p.Font*0.3, p.Theme.Background
	l.Draw(p, at.Add(canvas.Pt(p.Font*0.3, -p.Font*0.3)), 0, 1)
}

// layApart draws title, notes and legend, and finds the place of a small map for each group.
func (r *Runs) layApart(p *canvas.Page, s *plane.Relief) (plane.ColorBar, *canvas.Grid) {
	box := r.head(p, s)
	bar := plane.NewColorBar(p, s, cmp.Or(r.Map.ZLabel, "full training loss"))
	x, y := r.axes()
	box.X1 -= bar.Width
	lines := 1.0
	if r.Groups[0].offPlane() != "" {
		lines = 2
	}
	return bar, p.GridOf(box, len(r.Groups), multipleColumns(len(r.Groups), p.W), x, y, r.ratio(),
		p.Font*(0.5+1.1*lines))
}

// multipleColumns is the number of columns of n small frames.
func multipleColumns(n int, width float64) int {
	switch {
	case width < wideFigure:
		return min(n, 2)
	case n == 4:
		return 2
	case n > 9:
		return 4
	}
	return min(n, 3)
}

func (r *Runs) drawApart(p *canvas.Page, s *plane.Relief) {
	bar, grid := r.layApart(p, s)
	s.Bare = true
	for i, f := range grid.Frames {
		s.DrawMap(p, f, nil)
		for k := range r.Groups {
			if k != i {
				path := plane.Pieces(placesOn(f, r.Groups[k].Runs[0].Points), f.Box)
				p.Stroke(path, canvas.Pen{Width: 1, Color: canvas.WithAlpha(canvas.Gray(0), 0.35)})
				p.Stroke(path, canvas.Pen{Width: 0.5, Color: canvas.WithAlpha(canvas.Gray(255), 0.8)})
			}
		}
		r.drawPaths(p, f, []int{i})
		d := p.Theme.Identity(i)
		if end, ok := r.Groups[i].Runs[0].endOn(f); ok {
			p.MarkAt(d, end, 3)
		}
		grid.Axes(i)
		at := grid.Heads[i]
		if off := r.Groups[i].offPlane(); off != "" {
			p.Label(off, noteSize, p.Theme.Muted).Draw(p, at, 0, 0)
			at.Y += p.Font * 1.1
		}
		groupHead(p, at, d, r.Groups[i].Name)
	}
	grid.Labels()
	first, last := grid.Frames[0].Box, grid.Frames[len(grid.Frames)-1].Box
	right := grid.Frames[min(len(grid.Frames), multipleColumns(len(grid.Frames), p.W))-1].Box.X1
	bar.Draw(p, s, s.BandColors(), canvas.Box(right, max(last.Y0, first.Y1-p.W*0.5), right+bar.Width, first.Y1))
}

// noteSize is the size of a second line over a small frame, in parts of the base font.
const noteSize = 0.86

// groupHead writes the mark and the name of a group over its frame.
func groupHead(p *canvas.Page, at canvas.Point, d canvas.Identity, name string) {
	p.MarkAt(d, at.Add(canvas.Pt(p.Font*0.4, p.Font*0.35)), p.Font*0.36)
	p.Label(name, 0.95, p.Theme.Ink).Draw(p, at.Add(canvas.Pt(p.Font*1.05, 0)), 0, 0)
}
