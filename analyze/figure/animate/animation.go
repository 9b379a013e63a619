// Package animate draws the walk over a landscape of package figure as an animated
// GIF.
package animate

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"math"
	"slices"
	"strings"

	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/figure/internal/canvas"
	"sgdwalk/analyze/figure/internal/plane"
	"sgdwalk/record/safefile"
)

// Animation is the walk over a [figure.Landscape] as an animated GIF: the path grows, a mark
// shows the last iterate, and step, epoch and losses are printed above the frame: the loss of
// the iterate where it is known, and the loss of the plane at its projection. Several paths
// walk together, by their steps, each with one loss: its own where all iterates have it, and
// otherwise that of the plane, which the text says.
//
// Between frames nothing is interpolated: each shows iterates that were recorded.
// The last frame shows the whole path. The animation repeats without end. The same
// animation gives the same bytes.
type Animation struct {
	// Landscape has the data, the paths, whose steps must not decrease, and the
	// style. Style.DPI 0 is 100; a frame may have 4 million pixels.
	Landscape *figure.Landscape

	// Frames is the largest number of frames, 2 to 1000; 0 is 120. There are fewer where there are
	// fewer steps. Of a single path with at least 20 losses, the frames are the iterates that
	// have one.
	Frames int
}

// Durations in hundredths of a second, the unit of a GIF. A frame lasts two of them at
// least, because browsers slow down faster ones.
const (
	walkDuration = 800
	lastDuration = 200 // of the last frame
	leastFrame   = 2
)

func (a *Animation) frames() int {
	if a.Frames == 0 {
		return 120
	}
	return a.Frames
}

// Validate names the first field that cannot be drawn, its value and what is
// allowed. WriteGIF calls it.
func (a *Animation) Validate() error {
	if a.Landscape == nil {
		return fmt.Errorf("%w: Animation.Landscape is nil; it must have the data", figure.ErrInput)
	}
	if n := a.frames(); n < 2 || n > 1000 {
		return fmt.Errorf("%w: Animation.Frames is %d; it must be between 2 and 1000", figure.ErrInput, a.Frames)
	}
	if err := a.Landscape.Style.Validate(); err != nil {
		return err
	}
	if s := a.frameStyle(); s.Width*s.Height*float64(s.DPI)*float64(s.DPI) > 4e6 {
		return fmt.Errorf("%w: a frame of %g x %g inches at %d dpi has more than 4 million pixels; choose a smaller "+
			"Style.DPI",
			figure.ErrInput, s.Width, s.Height, s.DPI)
	}
	if err := a.Landscape.Validate(); err != nil {
		return err
	}
	points := 0
	for _, t := range a.Landscape.Trails() {
		points += len(t.Points)
		for i := 1; i < len(t.Points); i++ {
			if t.Points[i].Step < t.Points[i-1].Step {
				return fmt.Errorf("%w: Animation: iterate %d of the path is of step %d after %d; steps must not decrease",
					figure.ErrInput, i, t.Points[i].Step, t.Points[i-1].Step)
			}
		}
	}
	if points == 0 {
		return fmt.Errorf("%w: Animation.Landscape has no path; there is nothing that moves", figure.ErrInput)
	}
	return nil
}

// Alt describes the animation for readers who do not see it.
func (a *Animation) Alt() string {
	steps := a.steps()
	return fmt.Sprintf("Animation of the walk from step %d to %d in %d frames. %s", steps[0], steps[len(steps)-1],
		len(steps), a.Landscape.Alt())
}

func (a *Animation) frameStyle() figure.Style {
	s, ratio := a.Landscape.Defaults()
	if s.DPI == 0 {
		s.DPI = 100
	}
	low := s.Height == 0
	s = s.WithDefaults(ratio)
	if low {
		s.Height += s.FontSize * statusLine / 72
	}
	return s
}

// statusLine is the height of the line of text over the frame, in letters.
const statusLine = 1.5

// enoughLosses is how many iterates with a loss make an animation.
const enoughLosses = 20

// steps returns the step that each frame shows: all, or evenly spaced ones with
// the first and the last.
func (a *Animation) steps() []int {
	var all, known []int
	trails := a.Landscape.Trails()
	for _, t := range trails {
		for i, q := range t.Points {
			all = append(all, q.Step)
			if q.HasLoss() || i == len(t.Points)-1 {
				known = append(known, q.Step)
			}
		}
	}
	if len(trails) == 1 && len(known) > enoughLosses {
		all = known
	}
	slices.Sort(all)
	all = slices.Compact(all)
	n := a.frames()
	if len(all) <= n {
		return all
	}
	out := make([]int, n)
	for i := range out {
		out[i] = all[int(math.Round(float64(i)*float64(len(all)-1)/float64(n-1)))]
	}
	return out
}

// SaveGIF writes the animation to a file, which appears whole or not at all.
func (a *Animation) SaveGIF(path string) error {
	var buf bytes.Buffer
	if err := a.WriteGIF(&buf); err != nil {
		return err
	}
	return safefile.WriteBytes(path, buf.Bytes())
}

// WriteGIF draws the frames and writes them as one GIF file.
func (a *Animation) WriteGIF(w io.Writer) error {
	if err := a.Validate(); err != nil {
		return err
	}
	if _, err := canvas.Fonts(); err != nil {
		return err
	}
	film := newFilm(a)
	steps := a.steps()
	// The palette covers the first frame, the last frame and a few frames between.
	var colors palette
	for k := range 5 {
		colors.count(film.draw(steps[(len(steps)-1)*k/4]))
	}
	keep := []color.NRGBA{film.page.Theme.Background, film.page.Theme.Ink, plane.PathHalo, plane.EndRed}
	for _, t := range film.trails {
		if len(keep) < 20 {
			keep = append(keep, t.Ink)
		}
	}
	colors.choose(keep...)
	delay := max(leastFrame, int(math.Round(walkDuration/float64(len(steps)))))
	out := newGIF(colors, film.canvas.Bounds())
	for i, step := range steps {
		if i == len(steps)-1 {
			delay = max(delay, lastDuration)
		}
		out.add(film.draw(step), delay)
	}
	return out.encode(w)
}

// film draws the frames. It draws what does not move once, and the paths over a copy.
type film struct {
	landscape *figure.Landscape
	page      *canvas.Page
	device    *canvas.Raster
	canvas    *image.RGBA // a copy of the pixels of the device
	still     []uint8     // the pixels without paths
	relief    plane.Relief
	frame     canvas.Frame
	text      canvas.Point // left end of the line of text over the frame
	trails    []plane.Trail
	pens      *plane.Pens
	columns   []float64 // where the parts of the line of text begin
	known     bool      // every iterate has its own loss
	narrow    bool      // no room for the losses of all paths
	short     bool      // room only for a short name of the loss
}

func newFilm(a *Animation) *film {
	l := a.Landscape
	s := a.frameStyle()
	colors := canvas.ThemeOf(s.Theme == figure.Dark)
	device := canvas.NewPNG(s.Width*72, s.Height*72, s.DPI, colors.Background)
	f := &film{
		landscape: l, device: device, relief: l.Relief(), trails: l.Trails(),
		page: &canvas.Page{Device: device, W: s.Width * 72, H: s.Height * 72, Font: s.FontSize, Theme: colors},
	}
	f.canvas = image.NewRGBA(device.Image().Bounds())
	f.known = true
	for i := range f.trails {
		f.trails[i].Whole = f.trails[i].Points
		for _, q := range f.trails[i].Points {
			f.known = f.known && q.HasLoss()
		}
	}
	f.frame, f.pens, f.text = l.DrawStill(f.page, f.trails, s.FontSize*statusLine)
	f.columns = f.layStatus(a.steps())
	draw.Draw(f.canvas, f.canvas.Bounds(), device.Image(), image.Point{}, draw.Src)
	f.still = slices.Clone(f.canvas.Pix)
	return f
}

// draw draws the walk up to a step. The image is valid until the next call.
func (f *film) draw(step int) *image.RGBA {
	still := image.RGBA{Pix: f.still, Stride: f.canvas.Stride, Rect: f.canvas.Rect}
	draw.Draw(f.device.Image(), still.Rect, &still, image.Point{}, draw.Src)
	trails := slices.Clone(f.trails)
	for i := range trails {
		t := &trails[i]
		n, _ := slices.BinarySearchFunc(t.Whole, step+1, func(q figure.PathPoint, s int) int { return q.Step - s })
		t.Points = t.Whole[:n]
	}
	plane.DrawPaths(f.page, f.frame, trails, f.pens)
	var border canvas.Path // the halo of a path reaches over the frame
	border.Box(f.frame.Box)
	f.page.Stroke(border, canvas.Pen{Width: 0.7, Color: f.page.Theme.Ink})
	x := f.text.X
	for i, text := range f.status(step, trails) {
		f.page.Label(text, 1, f.page.Theme.Ink).Draw(f.page, canvas.Pt(x+f.columns[i], f.text.Y), 0, 0.5)
	}
	draw.Draw(f.canvas, f.canvas.Bounds(), f.device.Image(), image.Point{}, draw.Src)
	return f.canvas
}

// status is the line of text above the frame, one part per column.
func (f *film) status(step int, trails []plane.Trail) []string {
	out := []string{fmt.Sprintf("step %d", step)}
	if f.narrow {
		return out
	}
	if len(trails) == 1 && trails[0].Alone {
		return f.losses(step, &trails[0])
	}
	for i := range trails {
		t := &trails[i]
		if len(t.Points) == 0 {
			out = append(out, "")
			continue
		}
		q := t.Points[len(t.Points)-1]
		v := q.Loss
		if !f.known {
			v = f.relief.At(q.A, q.B)
		}
		out = append(out, t.Name+" "+number(v))
	}
	if !f.known && len(trails) > 0 {
		out[0] += ", on the plane:"
	}
	return out
}

// losses is the line of text of a single path: the step with its epoch, the loss of the
// iterate if any iterate has one, and the loss of the plane.
func (f *film) losses(step int, t *plane.Trail) []string {
	out := []string{fmt.Sprintf("step %d", step)}
	own := slices.ContainsFunc(t.Whole, figure.PathPoint.HasLoss)
	if len(t.Points) == 0 {
		return append(out, make([]string, 2)...)
	}
	q := t.Points[len(t.Points)-1]
	if first, last := t.Whole[0], t.Whole[len(t.Whole)-1]; first.Epoch != last.Epoch {
		out[0] += fmt.Sprintf(", epoch %d", q.Epoch)
	}
	name, v := cmp.Or(f.landscape.ZLabel, "loss"), q.PlaneLoss
	if f.short {
		name = "loss"
	}
	if v == 0 || math.IsNaN(v) {
		v = f.relief.At(q.A, q.B)
	}
	if !own {
		return append(out, name+" on the plane "+number(v))
	}
	loss := math.NaN()
	if q.HasLoss() {
		loss = q.Loss
	}
	return append(out, name+" "+number(loss), "on the plane "+number(v))
}

// number writes a loss; one that is not known, for example outside the grid, is a dash.
func number(v float64) string {
	if math.IsNaN(v) {
		return "\u2013"
	}
	return canvas.Short(v)
}

// layStatus returns where the columns of the text begin: wide enough for every frame,
// so that the text does not move. Without room for all columns, the losses of several
// paths are left out.
func (f *film) layStatus(steps []int) []float64 {
	width := make([]float64, max(3, 1+len(f.trails)))
	for _, step := range steps {
		trails := slices.Clone(f.trails)
		for i := range trails {
			n, _ := slices.BinarySearchFunc(trails[i].Whole, step+1,
				func(q figure.PathPoint, s int) int { return q.Step - s })
			trails[i].Points = trails[i].Whole[:n]
		}
		for i, text := range f.status(step, trails) {
			width[i] = math.Max(width[i], f.page.Label(strings.TrimSpace(text), 1, f.page.Theme.Ink).Width())
		}
	}
	out := make([]float64, len(width))
	for i := 1; i < len(out); i++ {
		out[i] = out[i-1] + width[i-1] + f.page.Font*1.2
	}
	n := len(out) - 1
	if f.text.X+out[n]+width[n] <= f.page.W {
		return out
	}
	if len(f.trails) == 1 && !f.short {
		f.short = true
		return f.layStatus(steps)
	}
	f.narrow = len(f.trails) > 1
	return out
}
