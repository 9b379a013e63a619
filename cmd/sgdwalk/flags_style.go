package main

import (
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/figure"
)

// figureFlags choose the style of figures. Every command that draws has them; they
// change no number. The zero value is the default.
type figureFlags struct {
	Theme    string  `group:"Figures" default:"light" enum:"light,dark" help:"Colours of figures: light or dark (default ${default})."`
	Width    string  `group:"Figures" placeholder:"W" help:"Width of figures: single (3.4 inches, one of two columns), double (7 inches) or a number of inches (default double)."`
	Height   float64 `group:"Figures" placeholder:"INCHES" help:"Height of figures (default: follows from the width)."`
	FontSize float64 `group:"Figures" placeholder:"POINTS" help:"Font size (default 8.5, or 7.5 in a narrow figure)."`
	DPI      int     `group:"Figures" name:"dpi" placeholder:"N" help:"Dots per inch of PNG files (default 200)."`
	Formats  string  `group:"Figures" placeholder:"LIST" help:"Files of each figure, with commas between them (default svg,png,pdf; with the data as CSV in any case)."`
	labelFlags
	Scale string `group:"Figures" default:"auto" enum:"auto,linear,log" help:"Scale of losses and contour levels: auto (from the data), linear or log (default ${default})."`
}

// figureStyle is what the flags choose, checked.
type figureStyle struct {
	style   figure.Style
	formats []figure.Format // nil is all
	labels  labelRules
	scale   figure.Scale
}

// check returns the style that the flags choose.
func (f *figureFlags) check() (figureStyle, error) {
	l := figureStyle{
		style: figure.Style{
			Height: f.Height, FontSize: f.FontSize, DPI: f.DPI,
			Theme: figure.Theme(f.Theme),
		},
		labels: f.rules(),
	}
	if f.Scale != "auto" {
		l.scale = figure.Scale(f.Scale)
	}
	switch f.Width {
	case "", "double":
		// The default width of a figure is two columns.
	case "single":
		l.style.Width = figure.SingleColumn
	default:
		w, err := strconv.ParseFloat(f.Width, 64)
		if err != nil || math.IsNaN(w) || w == 0 {
			return l, usagef("--width is %q; it must be single, double or a number of inches from 2 to 20", f.Width)
		}
		l.style.Width = w
	}
	for _, flag := range []struct {
		name      string
		v, lo, hi float64
	}{{"--width", l.style.Width, 2, 20}, {"--height", f.Height, 1.5, 30}, {"--font-size", f.FontSize, 4, 24}, {
		"--dpi",
		float64(f.DPI), 50, 1200,
	}} {
		if flag.v != 0 && !(flag.v >= flag.lo && flag.v <= flag.hi) {
			return l, usagef("%s is %v; it must be between %v and %v", flag.name, flag.v, flag.lo, flag.hi)
		}
	}
	if f.Formats == "" {
		return l, nil
	}
	for name := range strings.SplitSeq(f.Formats, ",") {
		format := figure.Format(strings.TrimSpace(name))
		if !slices.Contains(figure.Formats, format) {
			return l, usagef("--formats has %q; allowed are svg, png and pdf, with commas between them", name)
		}
		if !slices.Contains(l.formats, format) {
			l.formats = append(l.formats, format)
		}
	}
	return l, nil
}

// apply returns the figure of the given name in this style and with these labels.
func (l figureStyle) apply(name string, f figure.Figure) figure.Figure {
	return figure.Scaled(figure.Styled(f, l.style), l.scale).WithLabels(l.labels.of(filepath.Base(name)))
}

// save saves figures in this style, several at a time, with their data, and returns the paths.
func (l figureStyle) save(list []draw.Named, dir string) ([]string, error) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	paths := make([][]string, len(list))
	for i, f := range list {
		g.Go(func() (err error) {
			paths[i], err = draw.Save(l.apply(f.Name, f.Figure), filepath.Join(dir, f.Name), l.formats...)
			return err
		})
	}
	err := g.Wait()
	return slices.Concat(paths...), err
}

// levelFlags choose the contour levels of landscapes.
type levelFlags struct {
	Levels string `group:"Figures" placeholder:"N|LIST" help:"About how many contour levels, or the levels themselves with commas between them (default: about 11)."`
}

// choose sets the levels in the options of figures.
func (f *levelFlags) choose(o *draw.Options, scale string) error {
	if f.Levels == "" {
		return nil
	}
	if n, err := strconv.Atoi(f.Levels); err == nil {
		if n < 2 || n > 100 {
			return usagef("--levels is %d; it must be between 2 and 100, or a list such as 0.1,0.3,1", n)
		}
		o.LevelCount = n
		return nil
	}
	o.Levels = nil
	for text := range strings.SplitSeq(f.Levels, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		switch n := len(o.Levels); {
		case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
			return usagef("--levels has %q; it must be a number of levels or finite values with commas between them",
				text)
		case n > 0 && v <= o.Levels[n-1]:
			return usagef("--levels has %v after %v; levels must increase", v, o.Levels[n-1])
		case scale == "log" && v <= 0:
			return usagef("--levels has %v; levels of a logarithmic scale must be positive", v)
		case n == 200:
			return usagef("--levels has more than 200 values")
		}
		o.Levels = append(o.Levels, v)
	}
	return nil
}

// mapFlags choose how landscapes are drawn.
type mapFlags struct {
	levelFlags
	Equal    *bool `group:"Figures" name:"equal-aspect" negatable:"" help:"Draw one unit of a landscape as long on both axes, as far as the map stays readable (default: yes; --no-equal-aspect fills the width with each axis on its own scale)."`
	PathLoss bool  `group:"Figures" name:"path-loss" help:"Mark the iterates of a landscape whose own loss was evaluated with the colour of that loss."`
	Surface  bool  `group:"Figures" help:"Also draw the landscape as a shaded surface with the path on it."`
	GIF      bool  `group:"Figures" name:"gif" help:"Also draw the walk over the landscape as an animation."`
	VTK      bool  `group:"Figures" name:"vtk" help:"Also write the landscape and the path for ParaView (.vts, .vtp)."`
}

// given reports whether a flag is set.
func (f *mapFlags) given() bool {
	return f.Levels != "" || f.Equal != nil || f.PathLoss || f.Surface || f.GIF || f.VTK
}

// drawing returns the options of figures that the flags choose; scale is the value of --scale.
func (f *mapFlags) drawing(scale string) (o draw.Options, err error) {
	o = draw.Options{
		FreeAxes: f.Equal != nil && !*f.Equal, PathLoss: f.PathLoss, Surface: f.Surface, Animation: f.GIF, VTK: f.VTK,
	}
	return o, f.choose(&o, scale)
}
