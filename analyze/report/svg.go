package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
)

// What may be in a figure: what draws, and nothing that runs, loads or leads
// elsewhere.
var (
	svgElements = []string{
		"svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan",
		"title", "desc", "defs", "clipPath", "mask", "linearGradient", "radialGradient", "stop", "pattern", "marker", "symbol", "use", "image",
	}
	svgAttributes = []string{
		"id", "x", "y", "x1", "y1", "x2", "y2", "dx", "dy", "cx", "cy", "r", "rx", "ry", "fx", "fy", "width", "height", "d", "points",
		"transform", "viewBox", "preserveAspectRatio", "offset", "orient", "refX", "refY",
		"markerWidth", "markerHeight", "markerUnits", "gradientUnits", "gradientTransform", "spreadMethod",
		"patternUnits", "patternContentUnits", "patternTransform", "clipPathUnits", "maskUnits", "maskContentUnits",
		"fill", "fill-opacity", "fill-rule", "clip-path", "clip-rule", "mask", "opacity", "color", "display", "visibility", "overflow",
		"stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit",
		"stop-color", "stop-opacity", "marker-start", "marker-mid", "marker-end", "paint-order", "vector-effect", "shape-rendering", "image-rendering",
		"font-family", "font-size", "font-style", "font-weight", "font-variant", "text-anchor", "dominant-baseline", "baseline-shift",
		"letter-spacing", "textLength", "lengthAdjust", "href",
	}
	reference = regexp.MustCompile(`url\(\s*['"]?#([^'")\s]*)['"]?\s*\)`)
	embedded  = regexp.MustCompile(`^data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*$`)
)

// drawing is a figure ready for the page.
type drawing struct {
	markup      string
	title, desc string
}

// inliner copies a figure token by token.
type inliner struct {
	out      bytes.Buffer
	prefix   string // in front of every id
	open     bool   // the last start tag still lacks its end
	depth    int
	grounded bool // the ground, a first rectangle in white, is marked
	into     *string
	drawing
}

// inline returns the markup of an SVG figure for use inside a page. Ids get the
// prefix; references to them follow. Title and description are taken out and put
// back as the first children, with ids, so that the figure is labelled by them;
// where there are none the given ones stand in. An element that is not on the
// list is left out with all that is in it.
func inline(svg []byte, prefix, title, desc string) (drawing, error) {
	in := inliner{prefix: prefix}
	d := xml.NewDecoder(bytes.NewReader(svg))
	skip := 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return drawing{}, fmt.Errorf("it is no SVG: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch {
			case in.depth == 0 && skip == 0 && (t.Name.Local != "svg" || in.out.Len() > 0):
				return drawing{}, fmt.Errorf("it is no SVG: its root is <%s>", t.Name.Local)
			case skip > 0 || !slices.Contains(svgElements, t.Name.Local):
				skip++
			default:
				in.start(t)
			}
		case xml.EndElement:
			if skip > 0 {
				skip--
				continue
			}
			in.end(t.Name.Local)
		case xml.CharData:
			if skip == 0 && in.depth > 0 {
				in.text(string(t))
			}
		}
	}
	if in.out.Len() == 0 {
		return drawing{}, errors.New("it is no SVG: it is empty")
	}
	if in.title == "" {
		in.title = title
	}
	if in.desc == "" {
		in.desc = desc
	}
	label := fmt.Sprintf("<title id=%q>%s</title><desc id=%q>%s</desc>", prefix+"-title", html.EscapeString(in.title),
		prefix+"-desc", html.EscapeString(in.desc))
	in.markup = strings.Replace(in.out.String(), labelHere, label, 1)
	return in.drawing, nil
}

// labelHere cannot come out of escaped text.
const labelHere = "<label-here>"

func (in *inliner) close() {
	if in.open {
		in.out.WriteByte('>')
		in.open = false
	}
}

func (in *inliner) start(t xml.StartElement) {
	in.depth++
	name := t.Name.Local
	if in.depth == 2 && (name == "title" || name == "desc") {
		in.into = &in.title
		if name == "desc" {
			in.into = &in.desc
		}
		return
	}
	in.close()
	in.out.WriteString("<" + name)
	if in.depth == 1 {
		in.root(t)
		return
	}
	for _, a := range t.Attr {
		in.attribute(a)
	}
	if name == "rect" && in.depth == 2 && !in.grounded {
		in.out.WriteString(` class="ground"`)
		in.grounded = true
	}
	in.open = true
}

// root writes the attributes of the outermost element: its size is the page's
// business, so a missing view box is made of it.
func (in *inliner) root(t xml.StartElement) {
	get := func(name string) string {
		for _, a := range t.Attr {
			if a.Name.Local == name && a.Name.Space == "" {
				return a.Value
			}
		}
		return ""
	}
	box := get("viewBox")
	if box == "" {
		size := func(s string) string { return strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz%") }
		if w, h := size(get("width")), size(get("height")); w != "" && h != "" {
			box = "0 0 " + w + " " + h
		}
	}
	if box != "" {
		fmt.Fprintf(&in.out, ` viewBox="%s"`, html.EscapeString(box))
	}
	fmt.Fprintf(&in.out, ` role="img" aria-labelledby="%s-title %s-desc">%s`, in.prefix, in.prefix, labelHere)
}

func (in *inliner) attribute(a xml.Attr) {
	name, v := a.Name.Local, a.Value
	if a.Name.Space == "xmlns" || name == "xmlns" {
		return
	}
	if name == "space" {
		if v == "preserve" {
			in.out.WriteString(` xml:space="preserve"`)
		}
		return
	}
	if !slices.Contains(svgAttributes, name) {
		return
	}
	switch {
	case name == "id":
		v = in.name(v)
	case name == "href":
		if inner, ok := strings.CutPrefix(v, "#"); ok {
			v = "#" + in.name(inner)
		} else if !embedded.MatchString(v) {
			return
		}
	case strings.Contains(v, "("):
		// What is left of it after the references must not refer to anything.
		if rest := strings.ToLower(reference.ReplaceAllString(v, "")); strings.Contains(rest, "url") ||
			strings.Contains(rest, `\`) {
			return
		}
		v = reference.ReplaceAllStringFunc(v, func(r string) string {
			return "url(#" + in.name(reference.FindStringSubmatch(r)[1]) + ")"
		})
	}
	in.out.WriteString(" " + name + `="` + html.EscapeString(v) + `"`)
}

// name is an id of the figure as it is in the page.
func (in *inliner) name(id string) string {
	return in.prefix + "-" + strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' {
			return c
		}
		return '-'
	}, id)
}

func (in *inliner) end(name string) {
	if in.into != nil {
		if in.depth == 2 {
			in.into = nil
		}
		in.depth--
		return
	}
	in.depth--
	if in.open {
		in.out.WriteString("/>")
		in.open = false
		return
	}
	in.out.WriteString("</" + name + ">")
}

func (in *inliner) text(s string) {
	if in.into != nil {
		*in.into += s
		return
	}
	in.close()
	in.out.WriteString(html.EscapeString(s))
}
