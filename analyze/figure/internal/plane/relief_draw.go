package plane

import (
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// refinement is how many times the grid is refined for drawing, so that no piece
// of a contour is longer than about two points.
func (s *Relief) refinement(f canvas.Frame) int {
	cell := math.Max(f.Box.W()/float64(len(s.X)-1), f.Box.H()/float64(len(s.Y)-1))
	return max(1, min(12, int(math.Ceil(cell/2.2))))
}

// DrawMap paints the bands and the contours, with labels that keep clear of avoid.
func (s *Relief) DrawMap(p *canvas.Page, f canvas.Frame, avoid []canvas.Point) {
	colors := s.BandColors()
	fine := s.Refine(s.refinement(f))
	links := make([][]link, len(s.Levels))
	for k, level := range s.Levels {
		links[k] = fine.links(level)
	}
	s.drawCells(p, f, &fine, links, colors)
	s.drawContours(p, f, &fine, links, colors, avoid)
}

// drawCells paints the bands, each over the ones below it, so that no hairline
// shows between two of them, and then the cells without a value.
func (s *Relief) drawCells(p *canvas.Page, f canvas.Frame, fine *Field, links [][]link, colors []color.NRGBA) {
	nx := len(s.X)
	var missing, infinite []canvas.Rect
	for j := range len(s.Y) - 1 {
		for i := range nx - 1 {
			if s.CellOK(i, j) {
				continue
			}
			a, b := f.At(s.X[i], s.Y[j]), f.At(s.X[i+1], s.Y[j+1])
			r := canvas.Box(a.X, a.Y, b.X, b.Y)
			inf := true
			for _, k := range [4]int{j*nx + i, j*nx + i + 1, (j+1)*nx + i, (j+1)*nx + i + 1} {
				inf = inf && (s.OK[k] || s.Infinite[k])
			}
			if inf {
				infinite = append(infinite, r)
			} else {
				missing = append(missing, r)
			}
		}
	}
	all := math.Inf(-1)
	p.Fill(regionPath(f, fine.region(fine.links(all), all)), colors[0])
	for k, level := range s.Levels {
		p.Fill(regionPath(f, fine.region(links[k], level)), colors[k+1])
	}
	HatchMissing(p, missing)
	HatchInfinite(p, infinite, colors[len(colors)-1])
}

func HatchMissing(p *canvas.Page, boxes []canvas.Rect) {
	if len(boxes) > 0 {
		p.Hatch(boxes, p.Theme.Gap, p.Theme.Muted, false)
	}
}

func HatchInfinite(p *canvas.Page, boxes []canvas.Rect, top color.NRGBA) {
	if len(boxes) > 0 {
		p.Hatch(boxes, top, canvas.Gray(30), true)
	}
}

func regionPath(f canvas.Frame, lines []Line) canvas.Path {
	var out canvas.Path
	for _, c := range lines {
		pts := make([]canvas.Point, len(c.Pts))
		for i, q := range c.Pts {
			pts[i] = f.At(q.X, q.Y)
		}
		out.Polygon(pts...)
	}
	return out
}

// OnColor returns a line colour and a letter colour that can be read on c.
func OnColor(c color.NRGBA) (stroke, letters color.NRGBA) {
	if ToOklab(c).L > 0.60 {
		return canvas.WithAlpha(canvas.Gray(10), 0.55), canvas.Gray(10)
	}
	return canvas.WithAlpha(canvas.Gray(255), 0.65), canvas.Gray(255)
}

func (s *Relief) drawContours(p *canvas.Page, f canvas.Frame, fine *Field, links [][]link, colors []color.NRGBA,
	avoid []canvas.Point,
) {
	contours := make([][]Line, len(s.Levels))
	for k, level := range s.Levels {
		for _, c := range fine.contours(links[k], level) {
			for i, q := range c.Pts {
				c.Pts[i] = f.At(q.X, q.Y)
			}
			contours[k] = append(contours[k], c)
		}
	}
	placer := newLabelPlacer(f, p.Font*0.8, avoid, contours)
	labels := canvas.LevelLabels(s.Levels, s.Log)
	for k := range s.Levels {
		stroke, letters := OnColor(canvas.Mix(colors[k], colors[k+1], 0.5))
		var strokes canvas.Path
		if s.Bare {
			for _, line := range contours[k] {
				strokes.Chain(line.Pts, line.closed)
			}
			p.Stroke(strokes, s.ContourPen(s.Levels[k], stroke))
			continue
		}
		for _, piece := range placer.place(labels[k], contours[k], letters) {
			strokes.Chain(piece.Pts, piece.closed)
		}
		p.Stroke(strokes, s.ContourPen(s.Levels[k], stroke))
	}
	for _, t := range placer.placed {
		t.label.Draw(p, t.at, 0.5, 0.5)
	}
}
