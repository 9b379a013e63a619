package plane

import (
	"image/color"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
)

// divergingColors is the map from blue over a pale grey to red. Both halves have
// the same lightness at the same distance from the middle, and no hue that a
// reader without red-green vision confounds with one of the other half.
func divergingColors() colormap {
	const n = 257 // odd: the middle is a colour of its own
	type arm struct{ L, chroma, hue float64 }
	arms := [2]arm{{0.36, 0.115, 262}, {0.36, 0.115, 25}}
	out := make(colormap, n)
	for i := range out {
		t := 2*float64(i)/(n-1) - 1
		a := arms[0]
		if t > 0 {
			a = arms[1]
		}
		d := math.Abs(t)
		// Chroma rises first and falls again where the colour gets dark.
		chroma := a.chroma * math.Min(1, 1.9*d) * (1 + 0.35*math.Sin(math.Pi*d))
		lab := oklab{0.965 - (0.965-a.L)*d, chroma * math.Cos(a.hue*math.Pi/180), chroma * math.Sin(a.hue*math.Pi/180)}
		for !lab.Shown() {
			lab.A *= 0.98
			lab.B *= 0.98
		}
		out[i] = lab.Nrgba()
	}
	return out
}

// BandColors returns one colour per band: below the first level, between two
// levels, above the last.
func (s *Relief) BandColors() []color.NRGBA {
	n := len(s.Levels) + 1
	out := make([]color.NRGBA, n)
	if s.Diverging {
		m := divergingColors()
		far := 0.0
		for i := range out {
			far = math.Max(far, math.Abs(s.bandMiddle(i)))
		}
		for i := range out {
			t := 0.5
			if far > 0 {
				t += 0.5 * s.bandMiddle(i) / far
			}
			out[i] = m.at(t)
		}
		return out
	}
	m := sequential()
	for i := range out {
		t := 0.5
		if n > 1 {
			t = float64(i) / float64(n-1)
		}
		if s.Reversed {
			t = 1 - t
		}
		out[i] = m.at(t)
	}
	return out
}

// ColorOf returns the function from a value to the colour of its band.
func (s *Relief) ColorOf() func(v float64) color.NRGBA {
	colors := s.BandColors()
	return func(v float64) color.NRGBA {
		k := 0
		for k < len(s.Levels) && v >= s.Levels[k] {
			k++
		}
		return colors[k]
	}
}

// bandMiddle is the value in the middle of band i, and 0 in a band that has zero
// in it, for zero has no side.
func (s *Relief) bandMiddle(i int) float64 {
	lo, hi := s.Lo, s.Hi
	if i > 0 {
		lo = s.Levels[i-1]
	}
	if i < len(s.Levels) {
		hi = s.Levels[i]
	}
	if math.IsNaN(lo) || lo < 0 && hi > 0 {
		return 0
	}
	return lo/2 + hi/2
}

// ContourPen strokes the contour of one level, between bands of the given colours.
func (s *Relief) ContourPen(level float64, stroke color.NRGBA) canvas.Pen {
	out := canvas.Pen{Width: 0.55, Color: stroke}
	if s.Diverging {
		switch {
		case level < 0:
			out.Dash = []float64{2.6, 1.6}
		case level == 0:
			out.Width = 1
		}
	}
	return out
}

// SignEntry explains the dashed contours, where there are any.
func (s *Relief) SignEntry(p *canvas.Page) []canvas.Entry {
	if !s.Diverging || len(s.Levels) == 0 || s.Levels[0] >= 0 {
		return nil
	}
	return []canvas.Entry{canvas.LineEntry("contour below zero", s.ContourPen(-1, p.Theme.Ink))}
}
