package figure

import (
	"cmp"
	"fmt"

	"sgdwalk/analyze/figure/internal/canvas"
)

// shape is the height over the width of the frame of a map.
type shape struct {
	ratio float64 // 0 fills all of the room
	// stretched is how many times longer than at equal units the axis with the given name is;
	// 1 for neither.
	stretched float64
	axis      string
	look      string // of the map at equal units
}

// units returns the lengths of one unit on each axis.
func (l *Landscape) units() (x, y float64) { return cmp.Or(l.Units[0], 1), cmp.Or(l.Units[1], 1) }

// Base returns the lengths of the sides of the grid.
func (l *Landscape) Base() (x, y float64) {
	ux, uy := l.units()
	return (l.X[len(l.X)-1] - l.X[0]) * ux, (l.Y[len(l.Y)-1] - l.Y[0]) * uy
}

// aspect is the height over the width of the grid at equal units.
func (l *Landscape) aspect() float64 {
	x, y := l.Base()
	return y / x
}

// shape returns the shape of the frame on a page. A map that would be too flat or too
// narrow to read is stretched until it can be read.
func (l *Landscape) shape(p *canvas.Page) shape {
	if l.FreeAxes {
		return shape{stretched: 1}
	}
	const (
		leastHigh = 7    // in letters
		leastWide = 10   // in letters: the label of the axis is beneath it
		wide      = 0.85 // share of the width of the page that a flat frame takes
		high      = 0.75 // height of a narrow frame in widths of the page
	)
	s := shape{ratio: l.aspect(), stretched: 1}
	if flattest := leastHigh * p.Font / (wide * p.W); s.ratio < flattest {
		return shape{flattest, flattest / s.ratio, "second", "flat"}
	}
	if narrowest := high * p.W / (leastWide * p.Font); s.ratio > narrowest {
		return shape{narrowest, s.ratio / narrowest, "first", "narrow"}
	}
	return s
}

// notes says how much an axis is stretched.
func (s shape) notes() []string {
	if s.stretched == 1 {
		return nil
	}
	return []string{fmt.Sprintf("The %s axis is drawn %s times as long as at equal units, where the map would be too %s "+
		"to read.", s.axis, canvas.Short(s.stretched), s.look)}
}

// fit returns the part of the room for the frame that the frame takes. Room that is left over
// is shared by both sides, or is below.
func (s shape) fit(room canvas.Rect) canvas.Rect {
	width := room.H() / s.ratio
	if s.ratio < flat { // on a page that is too low, words of a narrow frame would take all of it
		width = max(width, room.W()/2)
	}
	switch {
	case s.ratio == 0:
	case width < room.W():
		spare := room.W() - width
		room.X0, room.X1 = room.X0+spare/2, room.X1-spare/2
	default:
		room.Y0 = room.Y1 - s.ratio*room.W()
	}
	return room
}
