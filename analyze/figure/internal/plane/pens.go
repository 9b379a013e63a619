package plane

import (
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// Widths of a line and of its halo in points: of a path without distances from the plane,
// and of one with distances, from the plane to the farthest iterate.
const (
	PathWidth   = 1.15
	widestPath  = 2.5
	thinnestOff = 0.7
	HaloWidth   = 3.0
)

// Pens draw the paths: the farther an iterate is from the plane, the thinner is the line to
// it, in at most four steps with round distances between them.
type Pens struct {
	// Loss returns the colour of a loss at an iterate. nil draws no losses.
	Loss func(v float64) color.NRGBA

	step   float64 // of the distance; 0 when no distance is known
	widths int     // how many
	thin   float64 // the factor by which paths that fill much of the frame are thinner
}

// NewPens returns the pens of all paths of a figure, which share one scale of distances. Fit
// must be called when the frame is known.
func NewPens(trails []Trail) *Pens {
	top := 0.0
	for i := range trails {
		whole := trails[i].whole()
		top = math.Max(top, whole.maxResidual())
	}
	p := &Pens{widths: 1, thin: 1}
	if top > 1e-300 { // a fourth of a smaller number may be 0
		const most = 4
		ten := math.Pow(10, math.Floor(math.Log10(top/most)))
		for _, k := range []float64{1, 2, 2.5, 3, 4, 5, 6, 8, 10} {
			if p.step = k * ten; math.Ceil(top/p.step-1e-9) <= most {
				break
			}
		}
		p.widths = max(1, int(math.Ceil(top/p.step-1e-9)))
	}
	return p
}

// Fit makes the lines of paths that fill much of the frame thinner, so that they stay lines.
func (s *Pens) Fit(f canvas.Frame, trails []Trail) {
	s.thin = 1
	for i := range trails {
		t := trails[i].whole()
		pts := t.onPage(f)
		length := 0.0
		pieces := canvas.ClipPolyline(canvas.Decimate(pts, 0.3), f.Box)
		if len(pts) > denseTrail {
			pieces = nil
			for _, o := range visible(pts, f.Box, 0.4, 1, func(int) int { return 0 })[0] {
				if o.Kind == canvas.OpMove {
					pieces = append(pieces, nil)
				}
				pieces[len(pieces)-1] = append(pieces[len(pieces)-1], o.P)
			}
		}
		for _, piece := range pieces {
			for k := 1; k < len(piece); k++ {
				length += piece[k].Sub(piece[k-1]).Norm()
			}
		}
		s.FitLength(length, f.Box)
	}
}

// FitLength takes a path of some length in the frame into account.
func (s *Pens) FitLength(length float64, frame canvas.Rect) {
	room := 0.03 * math.Max(0, frame.W()) * math.Max(0, frame.H())
	s.thin = math.Min(s.thin, math.Max(0.5, math.Sqrt(room/math.Max(length, 1))))
}

// classes returns how many widths there are.
func (s *Pens) classes() int { return s.widths }

// Class returns which of the widths the line to an iterate has; 0 is the widest.
func (s *Pens) Class(q PathPoint) int {
	if s.step == 0 || math.IsNaN(q.Residual) {
		return 0
	}
	return max(0, min(s.widths-1, int(math.Min(q.Residual/s.step, float64(s.widths)))))
}

// Width returns a width in points.
func (s *Pens) Width(class int) float64 {
	if s.step == 0 {
		return PathWidth * s.thin
	}
	share := 0.0
	if s.widths > 1 {
		share = float64(class) / float64(s.widths-1)
	}
	return (widestPath + (thinnestOff-widestPath)*share) * s.thin
}

// Halo strokes the pale border under a line.
func (s *Pens) Halo(class int) canvas.Pen {
	return canvas.Pen{
		Width: s.Width(class) + (HaloWidth-PathWidth)*s.thin*s.thin,
		Color: canvas.WithAlpha(PathHalo, 0.9*s.thin),
	}
}

// LossMark is a dot in the colour of the loss at an iterate.
func (s *Pens) LossMark(p *canvas.Page, at canvas.Point, loss float64) {
	var c canvas.Path
	c.Circle(at, 2.5)
	p.Stroke(c, canvas.Pen{Width: 2.4, Color: PathHalo})
	p.Fill(c, s.Loss(loss))
	p.Stroke(c, canvas.Pen{Width: 0.7, Color: PathInk})
}

// entries is the legend of the widths and of the losses.
func (s *Pens) entries(trails []Trail) (out []canvas.Entry) {
	if s.step > 0 && len(trails) > 0 {
		ink := PathInk
		if len(trails) == 1 {
			ink = trails[0].Ink
		}
		out = append(out, s.scale(ink))
	}
	if s.Loss != nil {
		for i := range trails {
			for _, q := range trails[i].Points {
				if q.HasLoss() {
					return append(out, canvas.MarkEntry("loss of the iterate itself",
						func(p *canvas.Page, at canvas.Point) { s.LossMark(p, at, q.Loss) }))
				}
			}
		}
	}
	return out
}

// scale is the legend of the widths: a piece of line of each width between the distances
// that it stands for.
func (s *Pens) scale(ink color.NRGBA) canvas.Entry {
	var numbers []string
	for k := range s.widths + 1 {
		numbers = append(numbers, canvas.Short(float64(k)*s.step))
	}
	const (
		size  = 0.85 // of the numbers, in parts of the base font
		piece = 1.3  // of line
		gap   = 0.3
	)
	width := piece * float64(s.widths)
	for _, n := range numbers {
		width += canvas.Label{Text: n, Size: size}.Width() + gap
	}
	return canvas.Entry{
		Text: "distance from the plane", Width: width,
		Swatch: func(p *canvas.Page, left canvas.Point, _ float64) {
			for k, n := range numbers {
				word := p.Label(n, size, p.Theme.Ink)
				word.Draw(p, left, 0, 0.5)
				left.X += word.Width() + gap/2*p.Font
				if k == s.widths {
					return
				}
				var line canvas.Path
				line.Segment(left.Add(canvas.Pt(0.15*p.Font, 0)), left.Add(canvas.Pt((piece-0.15)*p.Font, 0)))
				if dark := p.Theme.Background; ToOklab(dark).L < 0.5 { // the line is dark on every map
					var under canvas.Path
					under.Box(canvas.Box(left.X, left.Y-0.35*p.Font, left.X+piece*p.Font, left.Y+0.35*p.Font))
					p.Fill(under, canvas.Gray(150))
				}
				p.Stroke(line, s.Halo(k))
				p.Stroke(line, canvas.Pen{Width: s.Width(k), Color: ink})
				left.X += (piece + gap/2) * p.Font
			}
		},
	}
}
