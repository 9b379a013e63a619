package figure

import (
	"image/color"
	"math"
	"slices"
)

// refinement is how many times the grid is refined for drawing, so that no piece
// of a contour is longer than about two points.
func (s *relief) refinement(f panel) int {
	cell := math.Max(f.frame.w()/float64(len(s.x)-1), f.frame.h()/float64(len(s.y)-1))
	return max(1, min(12, int(math.Ceil(cell/2.2))))
}

// drawMap paints the bands and the contours, with labels that keep clear of avoid.
func (s *relief) drawMap(p *page, f panel, avoid []point) {
	colors := s.bandColors()
	fine := s.refine(s.refinement(f))
	links := make([][]link, len(s.levels))
	for k, level := range s.levels {
		links[k] = fine.links(level)
	}
	s.drawCells(p, f, &fine, links, colors)
	s.drawContours(p, f, &fine, links, colors, avoid)
}

// drawCells paints the bands, each over the ones below it, so that no hairline
// shows between two of them, and then the cells without a value.
func (s *relief) drawCells(p *page, f panel, fine *field, links [][]link, colors []color.NRGBA) {
	nx := len(s.x)
	var missing, infinite []rect
	for j := range len(s.y) - 1 {
		for i := range nx - 1 {
			if s.cellOK(i, j) {
				continue
			}
			a, b := f.at(s.x[i], s.y[j]), f.at(s.x[i+1], s.y[j+1])
			r := rect{a.X, a.Y, b.X, b.Y}
			inf := true
			for _, k := range [4]int{j*nx + i, j*nx + i + 1, (j+1)*nx + i, (j+1)*nx + i + 1} {
				inf = inf && (s.ok[k] || s.infinite[k])
			}
			if inf {
				infinite = append(infinite, r)
			} else {
				missing = append(missing, r)
			}
		}
	}
	all := math.Inf(-1)
	p.fill(regionPath(f, fine.region(fine.links(all), all)), colors[0])
	for k, level := range s.levels {
		p.fill(regionPath(f, fine.region(links[k], level)), colors[k+1])
	}
	hatchMissing(p, missing)
	hatchInfinite(p, infinite, colors[len(colors)-1])
}

// drawTiles paints every grid point as the rectangle of what is nearest to it.
func (s *relief) drawTiles(p *page, f panel) {
	colors := s.bandColors()
	x, y := edgesBetween(s.x), edgesBetween(s.y)
	byColor := make([]path, len(colors))
	var missing, infinite []rect
	for j := range s.y {
		for i := range s.x {
			a, b := f.at(x[i], y[j]), f.at(x[i+1], y[j+1])
			switch k := j*len(s.x) + i; {
			case s.infinite[k]:
				infinite = append(infinite, rect{a.X, a.Y, b.X, b.Y})
			case !s.ok[k]:
				missing = append(missing, rect{a.X, a.Y, b.X, b.Y})
			default:
				band, on := slices.BinarySearch(s.levels, s.z[k])
				if on {
					band++
				}
				byColor[band].polygon(a, point{b.X, a.Y}, b, point{a.X, b.Y})
			}
		}
	}
	for band, tiles := range byColor {
		p.fill(tiles, colors[band])
	}
	hatchMissing(p, missing)
	hatchInfinite(p, infinite, colors[len(colors)-1])
}

// edgesBetween returns the middles between coordinates, and the ends.
func edgesBetween(v []float64) []float64 {
	out := []float64{v[0]}
	for i := 1; i < len(v); i++ {
		out = append(out, v[i-1]/2+v[i]/2)
	}
	return append(out, v[len(v)-1])
}

func hatchMissing(p *page, boxes []rect) {
	if len(boxes) > 0 {
		p.hatch(boxes, p.theme.gap, p.theme.muted, false)
	}
}

func hatchInfinite(p *page, boxes []rect, top color.NRGBA) {
	if len(boxes) > 0 {
		p.hatch(boxes, top, gray(30), true)
	}
}

func regionPath(f panel, lines []line) path {
	var out path
	for _, c := range lines {
		pts := make([]point, len(c.pts))
		for i, q := range c.pts {
			pts[i] = f.at(q.X, q.Y)
		}
		out.polygon(pts...)
	}
	return out
}

// onColor returns a line colour and a letter colour that can be read on c.
func onColor(c color.NRGBA) (stroke, letters color.NRGBA) {
	if toOklab(c).L > 0.60 {
		return withAlpha(gray(10), 0.55), gray(10)
	}
	return withAlpha(gray(255), 0.65), gray(255)
}

func (s *relief) drawContours(p *page, f panel, fine *field, links [][]link, colors []color.NRGBA, avoid []point) {
	contours := make([][]line, len(s.levels))
	for k, level := range s.levels {
		for _, c := range fine.contours(links[k], level) {
			for i, q := range c.pts {
				c.pts[i] = f.at(q.X, q.Y)
			}
			contours[k] = append(contours[k], c)
		}
	}
	placer := newLabelPlacer(f, p.font*0.8, avoid, contours)
	labels := levelLabels(s.levels, s.log)
	for k := range s.levels {
		stroke, letters := onColor(mix(colors[k], colors[k+1], 0.5))
		var strokes path
		for _, piece := range placer.place(labels[k], contours[k], letters) {
			strokes.chain(piece.pts, piece.closed)
		}
		p.stroke(strokes, s.contourPen(s.levels[k], stroke))
	}
	for _, t := range placer.placed {
		t.label.draw(p, t.at, 0.5, 0.5)
	}
}
