package animate

import (
	"image"
	"image/color"
	"image/gif"
	"io"
	"math"
	"slices"
)

// gifFile collects frames with one palette for all. A frame holds only the box in
// which it differs from the previous frame. Pixels that do not differ have the
// transparent colour, index 0, which also compresses well.
type gifFile struct {
	file   gif.GIF
	colors palette
	bounds image.Rectangle
	last   []uint8
}

func newGIF(colors palette, bounds image.Rectangle) *gifFile {
	return &gifFile{
		file: gif.GIF{Config: image.Config{
			ColorModel: colors.model, Width: bounds.Dx(), Height: bounds.Dy(),
		}},
		colors: colors, bounds: bounds,
	}
}

// add appends a frame that is shown for some hundredths of a second.
func (g *gifFile) add(img *image.RGBA, delay int) {
	w, h := g.bounds.Dx(), g.bounds.Dy()
	now := make([]uint8, w*h)
	changed := image.Rectangle{}
	var color [3]uint8
	index := g.colors.index(color)
	for y := range h {
		for x := range w {
			p := img.Pix[y*img.Stride+4*x:]
			k := y*w + x
			if c := [3]uint8{p[0], p[1], p[2]}; c != color { // most pixels are as the one before
				color, index = c, g.colors.index(c)
			}
			now[k] = index
			if g.last == nil || now[k] != g.last[k] {
				changed = changed.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if changed.Empty() {
		changed = image.Rect(0, 0, 1, 1) // a frame must have a pixel
	}
	frame := image.NewPaletted(changed, g.colors.model)
	for y := changed.Min.Y; y < changed.Max.Y; y++ {
		for x := changed.Min.X; x < changed.Max.X; x++ {
			k := y*w + x
			if g.last == nil || now[k] != g.last[k] {
				frame.SetColorIndex(x, y, now[k])
			}
		}
	}
	g.last = now
	g.file.Image = append(g.file.Image, frame)
	g.file.Delay = append(g.file.Delay, delay)
	g.file.Disposal = append(g.file.Disposal, gif.DisposalNone)
}

func (g *gifFile) encode(w io.Writer) error { return gif.EncodeAll(w, &g.file) }

// palette chooses 255 colours for counted pixels. It has no random choice and
// depends on no order.
type palette struct {
	counts map[[3]uint8]int
	model  color.Palette // index 0 is transparent
	cache  map[[3]uint8]uint8
}

// count takes every pixel of an image into account.
func (p *palette) count(img *image.RGBA) {
	if p.counts == nil {
		p.counts = make(map[[3]uint8]int)
	}
	for i := 0; i+3 < len(img.Pix); i += 4 {
		p.counts[[3]uint8{img.Pix[i], img.Pix[i+1], img.Pix[i+2]}]++
	}
}

// tally is a colour and how much it counts.
type tally struct {
	c [3]uint8
	n float64
}

// choose takes the given colours, which no small mark may lose, and splits the box
// of colours with the largest squared error at its mean, along the channel that
// has most of it, until there are 255.
func (p *palette) choose(keep ...color.NRGBA) {
	all := make([]tally, 0, len(p.counts))
	for c, n := range p.counts {
		// The root keeps the many pixels of the bands from taking all colours.
		all = append(all, tally{c, math.Sqrt(float64(n))})
	}
	slices.SortFunc(all, func(a, b tally) int { return slices.Compare(a.c[:], b.c[:]) })
	boxes := [][]tally{all}
	for len(boxes) < 255-len(keep) {
		worst, most, channel := -1, 0.0, 0
		for i, b := range boxes {
			if e, c := spreadOf(b); e > most {
				worst, most, channel = i, e, c
			}
		}
		if worst < 0 {
			break // every colour has a box of its own
		}
		low, high := halves(boxes[worst], channel)
		boxes[worst] = low
		boxes = append(boxes, high)
	}
	p.model = color.Palette{color.RGBA{}}
	for _, c := range keep {
		p.model = append(p.model, color.RGBA{c.R, c.G, c.B, 255})
	}
	for _, b := range boxes {
		if len(b) > 0 {
			c := center(b)
			p.model = append(p.model, color.RGBA{c[0], c[1], c[2], 255})
		}
	}
	p.cache = make(map[[3]uint8]uint8)
}

// spreadOf returns the squared error of a box and the channel that has most of it.
func spreadOf(b []tally) (float64, int) {
	total, worst, channel := 0.0, -1.0, 0
	for c := range 3 {
		var n, sum, square float64
		for _, t := range b {
			v := float64(t.c[c])
			n, sum, square = n+t.n, sum+t.n*v, square+t.n*v*v
		}
		e := square - sum*sum/n
		total += math.Max(e, 0)
		if e > worst {
			worst, channel = e, c
		}
	}
	if len(b) < 2 {
		return 0, channel
	}
	return total, channel
}

// halves splits a box at the mean of a channel; both halves have colours.
func halves(b []tally, channel int) (low, high []tally) {
	var n, sum float64
	for _, t := range b {
		n, sum = n+t.n, sum+t.n*float64(t.c[channel])
	}
	for _, t := range b {
		if float64(t.c[channel]) <= sum/n {
			low = append(low, t)
		} else {
			high = append(high, t)
		}
	}
	if len(high) == 0 { // rounding of the mean
		return b[:1], b[1:]
	}
	return low, high
}

// center is the colour of a box: the commonest when most have it, so that areas
// keep their exact colour, and otherwise the mean.
func center(b []tally) [3]uint8 {
	var n float64
	var sum [3]float64
	best := b[0]
	for _, t := range b {
		n += t.n
		for c := range 3 {
			sum[c] += t.n * float64(t.c[c])
		}
		if t.n > best.n {
			best = t
		}
	}
	if best.n > 0.4*n {
		return best.c
	}
	var out [3]uint8
	for c := range 3 {
		out[c] = uint8(sum[c]/n + 0.5)
	}
	return out
}

// index returns the entry nearest to a colour, the first of equals.
func (p *palette) index(key [3]uint8) uint8 {
	if i, ok := p.cache[key]; ok {
		return i
	}
	best, where := math.MaxInt, 1
	for i, c := range p.model[1:] {
		q, _ := c.(color.RGBA) // all are
		dr, dg, db := int(q.R)-int(key[0]), int(q.G)-int(key[1]), int(q.B)-int(key[2])
		if d := dr*dr + dg*dg + db*db; d < best {
			best, where = d, i+1
		}
	}
	p.cache[key] = uint8(where)
	return uint8(where)
}
