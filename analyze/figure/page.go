package figure

import "image/color"

// page is the sheet that a figure is drawn on: a device, its size in points, the
// base size of the letters and the colours.
type page struct {
	device
	w, h  float64
	font  float64
	theme theme
}

// theme holds the colours that depend on light or dark paper. Series colours are
// Okabe and Ito's, which readers without red-green vision tell apart, in an order
// of different lightness.
type theme struct {
	background, ink, muted, grid, gap color.NRGBA
	series                            []color.NRGBA
	accent                            color.NRGBA // what asks for attention: barriers, the end of a path
}

func themes(t Theme) theme {
	if t == Dark {
		return theme{
			background: color.NRGBA{22, 24, 29, 255}, ink: gray(232), muted: gray(165), grid: gray(62), gap: gray(70),
			series: []color.NRGBA{{86, 180, 233, 255}, {240, 150, 60, 255}, {0, 190, 140, 255}, {230, 160, 200, 255}, {240, 228, 66, 255}, {190, 190, 190, 255}},
			accent: color.NRGBA{255, 120, 50, 255},
		}
	}
	return theme{
		background: gray(255), ink: gray(25), muted: gray(95), grid: gray(225), gap: gray(222),
		series: []color.NRGBA{{0, 90, 160, 255}, {213, 94, 0, 255}, {0, 145, 105, 255}, {170, 75, 130, 255}, {86, 180, 233, 255}, {90, 90, 90, 255}},
		accent: color.NRGBA{213, 94, 0, 255},
	}
}

func (p *page) label(text string, scale float64, c color.NRGBA) label {
	return label{text: text, size: p.font * scale, color: c}
}

// Sizes relative to the base font.
const (
	titleScale = 1.1
	tickScale  = 0.9
	noteScale  = 0.82
)

// heading draws the title at the top left of the box and returns the box below
// it. A title that is too long is wrapped.
func (p *page) heading(text string, box rect) rect {
	if text == "" {
		return box
	}
	size := p.font * titleScale
	for _, line := range wrap(text, size*1.06, box.w()) { // bold letters are wider
		label{text: line, size: size, bold: true, color: p.theme.ink}.draw(p, point{box.X0, box.Y1}, 0, 1)
		box.Y1 -= size * 1.25
	}
	box.Y1 -= p.font * 0.25
	return box
}

// footnotes draws notes at the bottom of the box and returns the box above them.
func (p *page) footnotes(notes []string, box rect) rect {
	size := p.font * noteScale
	var lines []string
	for _, n := range notes {
		lines = append(lines, wrap(n, size, box.w())...)
	}
	if len(lines) == 0 {
		return box
	}
	y := box.Y0 + float64(len(lines)-1)*size*1.25
	for i, line := range lines {
		label{text: line, size: size, color: p.theme.muted}.draw(p, point{box.X0, y - float64(i)*size*1.25}, 0, 0)
	}
	box.Y0 = y + size*1.25 + p.font*0.3
	return box
}
