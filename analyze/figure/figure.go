package figure

import (
	"errors"
	"fmt"
	"io"
	"math"

	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/record"
)

// ErrInput is wrapped by every error about what a figure was given: lengths that
// do not fit, an axis that does not increase, a size out of range.
var ErrInput = errors.New("figure: wrong input")

// Figure is a picture and the data in it: [*Walk], [*Landscape], [*Surface],
// [*Trajectory], [*Curves], [*Panels], [*Spectrum] or [*Distances], or several of them in a
// [*Composite]. Drawing changes nothing in it, and two drawings of the same figure are the same bytes.
type Figure interface {
	// Validate names the first field that cannot be drawn, its value and what is
	// allowed. Render and Save call it.
	Validate() error
	// Table returns what is drawn, in full precision.
	Table() record.Table
	// Alt describes the picture in a sentence or two, for readers who do not see it. It
	// is the description inside the SVG file.
	Alt() string

	Defaults() (Style, float64) // with the default ratio of height to width
	WithStyle(s Style) Figure   // a copy, see Styled
	WithScale(s Scale) Figure   // a copy, see Scaled
	WithLabels(l Labels) Figure // a copy with these words instead of its own
	Heading() string
	Draw(p *canvas.Page)
}

// Format is a file format; its value is the extension.
type Format string

// The formats. SVG and PDF keep text as text; PDF embeds the letters that it uses.
const (
	SVG Format = "svg"
	PDF Format = "pdf"
	PNG Format = "png"
)

// Formats are all formats, in the order in which Save writes them.
var Formats = []Format{SVG, PNG, PDF}

// Widths of a figure in a paper of two columns, in inches.
const (
	SingleColumn = 3.4
	DoubleColumn = 7.0
)

// Theme is the set of colours.
type Theme string

// The themes. The zero value is Light.
const (
	Light Theme = "light"
	Dark  Theme = "dark"
)

// Style is the size and the colours of a figure. The zero value is the default.
type Style struct {
	Width    float64 // inches, 2..20; 0 is DoubleColumn
	Height   float64 // inches, 1.5..30; 0 follows from the width and the figure
	FontSize float64 // points, 4..24; 0 is 7.5 below 5 inches of width and 8.5 above
	DPI      int     // of PNG, 50..1200; 0 is 200
	Theme    Theme   // "" is Light
}

func (s Style) WithDefaults(ratio float64) Style {
	if s.Width == 0 {
		s.Width = DoubleColumn
	}
	if s.Height == 0 {
		s.Height = s.Width * ratio
	}
	if s.FontSize == 0 {
		s.FontSize = 8.5
		if s.Width < 5 {
			s.FontSize = 7.5
		}
	}
	if s.DPI == 0 {
		s.DPI = 200
	}
	if s.Theme == "" {
		s.Theme = Light
	}
	return s
}

// Validate checks a style; zero fields are defaults and in order.
func (s Style) Validate() error {
	s = s.WithDefaults(1)
	for _, f := range []struct {
		name      string
		v, lo, hi float64
	}{
		{"Width", s.Width, 2, 20},
		{"Height", s.Height, 1.5, 30},
		{"FontSize", s.FontSize, 4, 24},
		{"DPI", float64(s.DPI), 50, 1200},
	} {
		if !(f.v >= f.lo && f.v <= f.hi) {
			return fmt.Errorf("%w: Style.%s is %v; it must be between %v and %v", ErrInput, f.name, f.v, f.lo, f.hi)
		}
	}
	if s.Theme != Light && s.Theme != Dark {
		return fmt.Errorf("%w: Style.Theme is %q; it must be %q or %q", ErrInput, s.Theme, Light, Dark)
	}
	return nil
}

// Render draws fig and writes one file of the given format to w. The same figure
// gives the same bytes on every machine.
func Render(w io.Writer, fig Figure, format Format) error {
	data, err := render(fig, format)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func render(fig Figure, format Format) ([]byte, error) {
	s, ratio := fig.Defaults()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if err := fig.Validate(); err != nil {
		return nil, err
	}
	if _, err := canvas.Fonts(); err != nil {
		return nil, err
	}
	s = s.WithDefaults(ratio)
	colors := canvas.ThemeOf(s.Theme == Dark)
	w, h := s.Width*72, s.Height*72
	var d canvas.Device
	switch format {
	case SVG:
		d = canvas.NewSVG(w, h, colors.Background, fig.Heading(), fig.Alt())
	case PDF:
		d = canvas.NewPDF(w, h, colors.Background, fig.Heading())
	case PNG:
		if pixels := w * h / 72 / 72 * float64(s.DPI) * float64(s.DPI); pixels > 2e8 {
			return nil, fmt.Errorf("%w: a PNG of %g x %g inches at %d dpi has %.0f million pixels; at most 200 "+
				"million are "+
				"allowed",
				ErrInput, s.Width, s.Height, s.DPI, math.Round(pixels/1e6))
		}
		d = canvas.NewPNG(w, h, s.DPI, colors.Background)
	default:
		return nil, fmt.Errorf("%w: format %q; it must be %q, %q or %q", ErrInput, format, SVG, PDF, PNG)
	}
	fig.Draw(&canvas.Page{Device: d, W: w, H: h, Font: s.FontSize, Theme: colors})
	return d.Bytes()
}

// Scale is the choice of a linear or logarithmic scale.
type Scale string

// The scales. The zero value is Auto: chosen from the data.
const (
	Auto   Scale = ""
	Linear Scale = "linear"
	Log    Scale = "log"
)
