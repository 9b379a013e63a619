package plane

import (
	"fmt"
	"image/color"

	"sgdwalk/analyze/figure/internal/canvas"
)

func StartMark(p *canvas.Page, at canvas.Point, ink color.NRGBA) {
	var c canvas.Path
	c.Circle(at, 3.1)
	p.Stroke(c, canvas.Pen{Width: 2.6, Color: PathHalo})
	p.Fill(c, canvas.Gray(255))
	p.Stroke(c, canvas.Pen{Width: 1.2, Color: ink})
}

// EndMark is a red star, or the shape and colour of one of several runs.
func EndMark(p *canvas.Page, at canvas.Point, t *Trail) {
	var c canvas.Path
	if t.Alone {
		t.mark(&c, at, 5.2)
		p.Stroke(c, canvas.Pen{Width: 2.8, Color: PathHalo})
		p.Fill(c, EndRed)
		p.Stroke(c, canvas.Pen{Width: 0.7, Color: PathInk})
		return
	}
	t.mark(&c, at, 4.1)
	p.Stroke(c, canvas.Pen{Width: 2.8, Color: PathHalo})
	p.Fill(c, t.Ink)
	p.Stroke(c, canvas.Pen{Width: 0.7, Color: PathInk})
}

func EpochMark(p *canvas.Page, at canvas.Point, t *Trail) {
	var c canvas.Path
	if t.Alone {
		c.Circle(at, 1.6)
	} else {
		t.mark(&c, at, 1.9)
	}
	p.Fill(c, canvas.Gray(255))
	p.Stroke(c, canvas.Pen{Width: 0.8, Color: t.Ink})
}

// entry names one of several runs and how far it is from the plane.
func (t *Trail) entry() canvas.Entry {
	text := t.Name
	if r := t.maxResidual(); r > 0 {
		text += " (off \u2264 " + canvas.Short(r) + ")"
	}
	return canvas.Entry{Text: text, Width: 3.1, Swatch: func(p *canvas.Page, left canvas.Point, width float64) {
		var c canvas.Path
		c.Segment(left, left.Add(canvas.Pt(width, 0)))
		p.Stroke(c, canvas.Pen{Width: HaloWidth, Color: PathHalo})
		p.Stroke(c, canvas.Pen{Width: PathWidth * 1.1, Color: t.Ink, Dash: t.Dash})
		EndMark(p, left.Add(canvas.Pt(width/2, 0)), t)
	}}
}

// PathEntries is the legend of the paths, drawn with pens; in an animation the mark at the
// end is the iterate of the frame.
func PathEntries(trails []Trail, pens *Pens, moving bool) []canvas.Entry {
	if len(trails) == 0 {
		return nil
	}
	var out []canvas.Entry
	epochs := -1
	for i := range trails {
		t := &trails[i]
		if len(t.Points) == 0 {
			continue
		}
		if len(t.EpochEnds()) > 0 && epochs < 0 {
			epochs = i
		}
		if t.Alone {
			if len(t.Points) > 1 {
				out = append(out, canvas.MarkEntry(fmt.Sprintf("start (step %d)", t.Points[0].Step),
					func(p *canvas.Page, at canvas.Point) { StartMark(p, at, t.Ink) }))
			}
			end := fmt.Sprintf("end (step %d)", t.Points[len(t.Points)-1].Step)
			if moving {
				end = "iterate"
			}
			out = append(out, canvas.MarkEntry(end, func(p *canvas.Page, at canvas.Point) { EndMark(p, at, t) }))
		} else {
			out = append(out, t.entry())
		}
	}
	if !trails[0].Alone && len(out) > 0 {
		out = append(out, canvas.MarkEntry("start",
			func(p *canvas.Page, at canvas.Point) { StartMark(p, at, PathInk) }))
	}
	if epochs >= 0 {
		out = append(out, canvas.MarkEntry("end of an epoch",
			func(p *canvas.Page, at canvas.Point) { EpochMark(p, at, &trails[epochs]) }))
	}
	return append(out, pens.entries(trails)...)
}
