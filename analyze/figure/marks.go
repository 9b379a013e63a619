package figure

import (
	"fmt"
	"image/color"
)

func startMark(p *page, at point, ink color.NRGBA) {
	var c path
	c.circle(at, 3.1)
	p.stroke(c, pen{width: 2.6, color: pathHalo})
	p.fill(c, gray(255))
	p.stroke(c, pen{width: 1.2, color: ink})
}

// endMark is a red star, or the shape and colour of one of several runs.
func endMark(p *page, at point, t *trail) {
	var c path
	if t.alone {
		t.mark(&c, at, 5.2)
		p.stroke(c, pen{width: 2.8, color: pathHalo})
		p.fill(c, endRed)
		p.stroke(c, pen{width: 0.7, color: pathInk})
		return
	}
	t.mark(&c, at, 4.1)
	p.stroke(c, pen{width: 2.8, color: pathHalo})
	p.fill(c, t.ink)
	p.stroke(c, pen{width: 0.7, color: pathInk})
}

func epochMark(p *page, at point, t *trail) {
	var c path
	if t.alone {
		c.circle(at, 1.6)
	} else {
		t.mark(&c, at, 1.9)
	}
	p.fill(c, gray(255))
	p.stroke(c, pen{width: 0.8, color: t.ink})
}

// entry names one of several runs and how far it is from the plane.
func (t *trail) entry() entry {
	text := t.name
	if r := t.maxResidual(); r > 0 {
		text += " (off \u2264 " + short(r) + ")"
	}
	return entry{text, 3.1, func(p *page, left point, width float64) {
		var c path
		c.segment(left, left.add(point{width, 0}))
		p.stroke(c, pen{width: haloWidth, color: pathHalo})
		p.stroke(c, pen{width: pathWidth * 1.1, color: t.ink, dash: t.dash})
		endMark(p, left.add(point{width / 2, 0}), t)
	}}
}

func shadeEntry(t *trail, top float64) entry {
	return entry{"off the plane, 0 to " + short(top), 3, func(p *page, left point, width float64) {
		var under path
		under.segment(left, left.add(point{width, 0}))
		p.stroke(under, pen{width: haloWidth, color: pathHalo})
		for k := range pathShades {
			var s path
			a, b := left.add(point{width * float64(k) / pathShades, 0}), left.add(point{width * float64(k+1) / pathShades, 0})
			s.segment(a, b)
			p.stroke(s, pen{width: pathWidth * 1.3, color: t.shade(k)})
		}
	}}
}

// pathEntries is the legend of the paths; in an animation the mark at the end is
// that of the iterate of the frame.
func pathEntries(trails []trail, moving bool) []entry {
	if len(trails) == 0 {
		return nil
	}
	var out []entry
	epochs := -1
	for i := range trails {
		t := &trails[i]
		if len(t.points) == 0 {
			continue
		}
		if len(t.epochStarts()) > 0 && epochs < 0 {
			epochs = i
		}
		if t.alone {
			if len(t.points) > 1 {
				out = append(out, markEntry(fmt.Sprintf("start (step %d)", t.points[0].Step), func(p *page, at point) { startMark(p, at, t.ink) }))
			}
			end := fmt.Sprintf("end (step %d)", t.points[len(t.points)-1].Step)
			if moving {
				end = "iterate"
			}
			out = append(out, markEntry(end, func(p *page, at point) { endMark(p, at, t) }))
		} else {
			out = append(out, t.entry())
		}
	}
	if !trails[0].alone && len(out) > 0 {
		out = append(out, markEntry("start", func(p *page, at point) { startMark(p, at, pathInk) }))
	}
	if epochs >= 0 {
		out = append(out, markEntry("epoch", func(p *page, at point) { epochMark(p, at, &trails[epochs]) }))
	}
	if top := maxResidual(trails); top > 0 {
		out = append(out, shadeEntry(&trails[0], top))
	}
	return out
}
