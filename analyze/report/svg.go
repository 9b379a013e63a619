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

// The elements and attributes that a figure in the page may have. They only draw: none runs
// a script, loads a file or links to another page.
var (
	svgElements = []string{
		"svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan",
		"title", "desc", "defs", "clipPath", "mask", "linearGradient", "radialGradient", "stop", "pattern", "marker",
		"symbol", "use", "image",
	}
	svgAttributes = []string{
		"id", "x", "y", "x1", "y1", "x2", "y2", "dx", "dy", "cx", "cy", "r", "rx", "ry", "fx", "fy", "width", "height",
		"d", "points",
		"transform", "viewBox", "preserveAspectRatio", "offset", "orient", "refX", "refY",
		"markerWidth", "markerHeight", "markerUnits", "gradientUnits", "gradientTransform", "spreadMethod",
		"patternUnits", "patternContentUnits", "patternTransform", "clipPathUnits", "maskUnits", "maskContentUnits",
		"fill", "fill-opacity", "fill-rule", "clip-path", "clip-rule", "mask", "opacity", "color", "display",
		"visibility", "overflow",
		"stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap",
		"stroke-linejoin", "stroke-miterlimit",
		"stop-color", "stop-opacity", "marker-start", "marker-mid", "marker-end", "paint-order", "vector-effect",
		"shape-rendering", "image-rendering",
		"font-family", "font-size", "font-style", "font-weight", "font-variant", "text-anchor", "dominant-baseline",
		"baseline-shift",
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
	open     bool   // the last start tag is not closed yet
	depth    int
	grounded bool    // the background, the first rectangle, is marked
	into     *string // receives the text of the title or description while inside of it
	drawing
}

// inline returns the markup of an SVG figure for use inside a page. Ids and references to
// them get the prefix. Title and description become the first children and get ids, because
// the root element refers to them as its labels; a figure without them gets the given ones.
// An element that is not on the list is dropped with its content.
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
			return drawing{}, fmt.Errorf("it is not an SVG figure: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch {
			case in.depth == 0 && skip == 0 && (t.Name.Local != "svg" || in.out.Len() > 0):
				return drawing{}, fmt.Errorf("it is not an SVG figure: its root is <%s>", t.Name.Local)
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
		return drawing{}, errors.New("it is not an SVG figure: it is empty")
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

// labelHere marks the place of title and description. Escaped text cannot contain it.
const labelHere = "<label-here>"

// close ends the last start tag, if it is still open. Tags stay open as long as possible,
// because an element without content is written as one tag.
func (in *inliner) close() {
	if in.open {
		in.out.WriteByte('>')
		in.open = false
	}
}

// start writes the start tag of an element on the list. The text of a title or description of
// the root is collected instead; the same elements further inside are copied.
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

// root writes the attributes of the outermost element. The page sets the size of a figure,
// so width and height are dropped, and used only to make a missing view box.
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

// attribute writes an attribute that is on the list and refers to nothing outside of the
// figure. It drops every other attribute.
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
		// The value without its references to ids must not refer to anything else.
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

// name returns the id in the page for an id of the figure.
func (in *inliner) name(id string) string {
	return in.prefix + "-" + strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-' {
			return c
		}
		return '-'
	}, id)
}

// end writes the end of an element.
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

// text writes escaped text, or adds it to the title or description.
func (in *inliner) text(s string) {
	if in.into != nil {
		*in.into += s
		return
	}
	in.close()
	in.out.WriteString(html.EscapeString(s))
}
