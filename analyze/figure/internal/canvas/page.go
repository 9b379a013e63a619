package canvas

import "image/color"

// Page is the sheet that a figure is drawn on: a device, its size in points, the
// base size of the letters and the colours.
type Page struct {
	Device
	W, H  float64
	Font  float64
	Theme Theme

	// Letter names the page as a panel of a larger page, such as "a". Corner is how far the
	// letter and the title are to the left of and above their place on a page of its own.
	Letter string
	Corner Point

	frames []Rect // of the axes drawn so far
}

// Frames returns the box around all frames that were drawn, and false when there are none.
func (p *Page) Frames() (r Rect, ok bool) {
	for i, f := range p.frames {
		if i == 0 {
			r = f
			continue
		}
		r = Rect{min(r.X0, f.X0), min(r.Y0, f.Y0), max(r.X1, f.X1), max(r.Y1, f.Y1)}
	}
	return r, len(p.frames) > 0
}

// Theme holds the colours that depend on light or dark paper. The first six
// series colours are Okabe and Ito's, which readers without red-green vision tell apart, in
// an order of different lightness; the further ones keep clear of them.
type Theme struct {
	Background, Ink, Muted, Grid, Gap color.NRGBA
	Series                            []color.NRGBA
	Accent                            color.NRGBA // what asks for attention: barriers, the end of a path
}

// ThemeOf returns the colours for dark or for light paper.
func ThemeOf(dark bool) Theme {
	if dark {
		return Theme{
			Background: color.NRGBA{22, 24, 29, 255}, Ink: Gray(232), Muted: Gray(165), Grid: Gray(62), Gap: Gray(70),
			Series: []color.NRGBA{
				{86, 180, 233, 255},
				{240, 150, 60, 255},
				{0, 190, 140, 255},
				{230, 160, 200, 255},
				{240, 228, 66, 255},
				{190, 190, 190, 255},
				{250, 250, 250, 255},
				{235, 95, 80, 255},
				{160, 135, 255, 255},
				{175, 130, 60, 255},
				{125, 225, 225, 255},
				{255, 105, 185, 255},
			},
			Accent: color.NRGBA{255, 120, 50, 255},
		}
	}
	return Theme{
		Background: Gray(255), Ink: Gray(25), Muted: Gray(95), Grid: Gray(225), Gap: Gray(222),
		Series: []color.NRGBA{
			{0, 90, 160, 255},
			{213, 94, 0, 255},
			{0, 145, 105, 255},
			{170, 75, 130, 255},
			{86, 180, 233, 255},
			{90, 90, 90, 255},
			{15, 15, 15, 255},
			{235, 155, 0, 255},
			{125, 25, 60, 255},
			{125, 125, 30, 255},
			{60, 40, 150, 255},
			{235, 110, 175, 255},
		},
		Accent: color.NRGBA{213, 94, 0, 255},
	}
}

func (p *Page) Label(text string, scale float64, c color.NRGBA) Label {
	return Label{Text: text, Size: p.Font * scale, Color: c}
}

// Sizes relative to the base font.
const (
	titleScale    = 1.1
	subtitleScale = 0.92
	TickScale     = 0.9
	noteScale     = 0.82
)

// Heading draws the title at the top left of the box and the subtitle beneath it, and
// returns the box below both. Lines that are too long are wrapped. An empty text takes no
// room.
func (p *Page) Heading(title, subtitle string, box Rect) Rect {
	if size := p.Font * titleScale; p.Letter != "" {
		letter := Label{Text: p.Letter, Size: size * letterScale, bold: true, Color: p.Theme.Ink}
		at := Point{box.X0, box.Y1}.Add(p.Corner)
		letter.Draw(p, at, 0, 1)
		rest := p.heading(title, subtitle, Rect{at.X + letter.Width() + p.Font*0.8, box.Y0, box.X1, at.Y})
		box.Y1 = min(rest.Y1-p.Corner.Y, box.Y1-size*letterScale*1.25-p.Font*0.25)
		return box
	}
	return p.heading(title, subtitle, box)
}

// letterScale is the size of the letter of a panel in parts of the size of a title.
const letterScale = 1.2

// heading draws the lines of a title and of a subtitle.
func (p *Page) heading(title, subtitle string, box Rect) Rect {
	if title == "" && subtitle == "" {
		return box
	}
	size := p.Font * titleScale
	if title != "" {
		for _, line := range wrap(title, size*1.06, box.W()) { // bold letters are wider
			Label{Text: line, Size: size, bold: true, Color: p.Theme.Ink}.Draw(p, Point{box.X0, box.Y1}, 0, 1)
			box.Y1 -= size * 1.25
		}
	}
	if size = p.Font * subtitleScale; subtitle != "" {
		for _, line := range wrap(subtitle, size, box.W()) {
			Label{Text: line, Size: size, Color: p.Theme.Muted}.Draw(p, Point{box.X0, box.Y1}, 0, 1)
			box.Y1 -= size * 1.3
		}
	}
	box.Y1 -= p.Font * 0.25
	return box
}

// FootnoteRoom is the height that notes take at the bottom of a box of the given width.
func (p *Page) FootnoteRoom(notes []string, width float64) float64 {
	size, lines := p.Font*noteScale, 0
	for _, n := range notes {
		lines += len(wrap(n, size, width))
	}
	if lines == 0 {
		return 0
	}
	return float64(lines)*size*1.25 + p.Font*0.3
}

// Footnotes draws notes at the bottom of the box and returns the box above them.
func (p *Page) Footnotes(notes []string, box Rect) Rect {
	size := p.Font * noteScale
	var lines []string
	for _, n := range notes {
		lines = append(lines, wrap(n, size, box.W())...)
	}
	if len(lines) == 0 {
		return box
	}
	y := box.Y0 + float64(len(lines)-1)*size*1.25
	for i, line := range lines {
		Label{Text: line, Size: size, Color: p.Theme.Muted}.Draw(p, Point{box.X0, y - float64(i)*size*1.25}, 0, 0)
	}
	box.Y0 = y + size*1.25 + p.Font*0.3
	return box
}
