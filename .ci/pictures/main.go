// Pictures compares pictures of figures with references, with a tolerance, and makes a page
// to look through. See the script .ci/figures.
package main

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The tolerance: a figure has changed when more than mostChanged of the points of its small
// picture differ by more than the given number of the 255 levels of a colour.
const (
	width       = 200 // of a small picture
	levels      = 40
	mostChanged = 0.003

	// Another program draws PDF files, with other edges of letters: 3 % of the points differ.
	// Without the text, or with the text moved by 4 points, 6 to 10 % do.
	pdfChanged = 0.045
)

// figure is a figure with its reference.
type figure struct {
	Name      string // as a path, without its extension
	Reference string // a data URL; empty without one
	Small     string
	Changed   float64 // share of the points
	Note      string  // what is wrong; empty for nothing
}

func main() {
	update := flag.Bool("update", false, "write the references")
	pdf := flag.Bool("pdf", false, "compare two directories of whole pictures")
	flag.Parse()
	out, reference := flag.Arg(0), flag.Arg(1)
	if *pdf {
		comparePDF(out, reference)
		return
	}
	now, before := pictures(out), pictures(reference)
	if *update {
		check(os.RemoveAll(reference))
		for name, path := range now {
			to := filepath.Join(reference, filepath.FromSlash(name)+".png")
			check(os.MkdirAll(filepath.Dir(to), 0o777))
			check(os.WriteFile(to, encode(small(read(path))), 0o666))
		}
		before = pictures(reference)
	}
	var figures []figure
	for _, name := range slices.Sorted(maps.Keys(now)) {
		s := small(read(now[name]))
		f := figure{Name: name, Small: dataURL(encode(s))}
		if path, ok := before[name]; ok {
			r := read(path)
			f.Reference, f.Changed = dataURL(encode(r)), difference(decodedAgain(s), r)
			if f.Changed > mostChanged {
				f.Note = fmt.Sprintf("%.1f %% of the points have changed", 100*f.Changed)
			}
		} else {
			f.Note = "a new figure without a reference"
		}
		figures = append(figures, f)
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if now[name] == "" {
			figures = append(figures, figure{Name: name, Reference: dataURL(encode(read(before[name]))), Note: "is not drawn any more"})
		}
	}
	writeSheet(filepath.Join(out, "sheet.html"), figures)
	bad := 0
	for _, f := range figures {
		if f.Note != "" {
			bad++
			fmt.Printf("figures: %s: %s\n", f.Name, f.Note)
		}
	}
	// A comparison that finds nothing must be able to find something.
	alike := selfCheck(before)
	fmt.Printf("figures: %d figures, %d references, %d problems; look through %s\n", len(now), len(before), bad,
		filepath.Join(out, "sheet.html"))
	if bad > 0 {
		fmt.Println("figures: if they changed on purpose, look through the page and call .ci/figures --update")
	}
	if bad > 0 || len(now) == 0 || alike > 0 {
		os.Exit(1)
	}
}

// comparePDF compares whole pictures, of PDF files and of PNG files.
func comparePDF(pdf, png string) {
	a, b := pictures(pdf), pictures(png)
	bad := 0
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if d := difference(small(read(a[name])), small(read(b[name]))); d > pdfChanged {
			fmt.Printf("figures: %s: %.1f %% of the points differ between PDF and PNG\n", name, 100*d)
			bad++
		}
	}
	fmt.Printf("figures: %d PDF files look as the PNG files, %d do not\n", len(a)-bad, bad)
	if bad > 0 || len(a) == 0 {
		os.Exit(1)
	}
}

// selfCheck returns how many neighbours among the references the comparison takes for one
// picture, although one was moved by two points or made pale.
func selfCheck(references map[string]string) (alike int) {
	for name, path := range references {
		r := read(path)
		b := r.Bounds()
		moved, pale := image.NewRGBA(b), image.NewRGBA(b)
		for y := range b.Dy() {
			for x := range b.Dx() {
				moved.Set(x, y, r.At(min(x+2, b.Dx()-1), y))
				c := color.RGBAModel.Convert(r.At(x, y)).(color.RGBA)
				pale.Set(x, y, color.RGBA{c.R/2 + 64, c.G/2 + 64, c.B/2 + 64, 255})
			}
		}
		for what, other := range map[string]image.Image{"moved": moved, "pale": pale} {
			if difference(r, other) <= mostChanged {
				fmt.Printf("figures: %s: the comparison does not see that it is %s\n", name, what)
				alike++
			}
		}
	}
	return alike
}

// pictures returns the paths of the PNG files below a directory by their names.
func pictures(dir string) map[string]string {
	out := make(map[string]string)
	for _, pattern := range []string{"*.png", "*/*.png"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		check(err)
		for _, p := range paths {
			name, err := filepath.Rel(dir, p)
			check(err)
			out[filepath.ToSlash(strings.TrimSuffix(name, ".png"))] = p
		}
	}
	return out
}

func read(path string) image.Image {
	b, err := os.ReadFile(path)
	check(err)
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		check(fmt.Errorf("%s: %w", path, err))
	}
	return m
}

// small returns a picture of the given width: a point is the mean of the points that it covers.
func small(m image.Image) *image.RGBA {
	b := m.Bounds()
	height := max(1, (b.Dy()*width+b.Dx()/2)/b.Dx())
	out := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			var sum [3]uint64
			n := uint64(0)
			for v := y * b.Dy() / height; v < max(y*b.Dy()/height+1, (y+1)*b.Dy()/height); v++ {
				for u := x * b.Dx() / width; u < max(x*b.Dx()/width+1, (x+1)*b.Dx()/width); u++ {
					r, g, bl, _ := m.At(b.Min.X+u, b.Min.Y+v).RGBA()
					sum[0], sum[1], sum[2], n = sum[0]+uint64(r>>8), sum[1]+uint64(g>>8), sum[2]+uint64(bl>>8), n+1
				}
			}
			// Few values make small files.
			at := func(i int) uint8 { return uint8(min(255, (sum[i]/n+8)/16*16)) }
			out.SetRGBA(x, y, color.RGBA{at(0), at(1), at(2), 255})
		}
	}
	return out
}

// difference returns the share of the points that differ; 1 for other sizes.
func difference(a, b image.Image) float64 {
	r, s := a.Bounds(), b.Bounds()
	if r.Dx() != s.Dx() || max(r.Dy(), s.Dy())-min(r.Dy(), s.Dy()) > 1 {
		return 1
	}
	changed, h := 0, min(r.Dy(), s.Dy())
	for y := range h {
		for x := range r.Dx() {
			c1, g1, b1, _ := a.At(r.Min.X+x, r.Min.Y+y).RGBA()
			c2, g2, b2, _ := b.At(s.Min.X+x, s.Min.Y+y).RGBA()
			if far(c1, c2) || far(g1, g2) || far(b1, b2) {
				changed++
			}
		}
	}
	return float64(changed) / float64(r.Dx()*h)
}

func far(a, b uint32) bool { return max(a, b)>>8-min(a, b)>>8 > levels }

func encode(m image.Image) []byte {
	var b bytes.Buffer
	check((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, m))
	return b.Bytes()
}

// decodedAgain returns the picture as a reader of its file sees it.
func decodedAgain(m image.Image) image.Image {
	out, err := png.Decode(bytes.NewReader(encode(m)))
	check(err)
	return out
}

func dataURL(b []byte) string { return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b) }

// writeSheet writes a page with all figures, the changed ones first.
func writeSheet(path string, figures []figure) {
	sorted := slices.Clone(figures)
	slices.SortStableFunc(sorted, func(a, b figure) int { return min(1, len(b.Note)) - min(1, len(a.Note)) })
	var b bytes.Buffer
	check(sheet.Execute(&b, sorted))
	check(os.WriteFile(path, b.Bytes(), 0o666))
}

var sheet = template.Must(template.New("").Parse(`<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>All figures</title>
<style>
body { font: 14px/1.4 sans-serif; margin: 1em; background: #f4f4f4; color: #222 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 12px }
figure { margin: 0; padding: 8px; background: #fff; border: 1px solid #ccc }
figure.bad { border: 3px solid #c30 }
figcaption { font-weight: bold; margin-bottom: 4px; overflow-wrap: anywhere }
img { max-width: 100% }
.small { display: flex; gap: 8px }
</style>
<h1>All figures</h1>
<p>{{len .}} figures. Those that differ from their references come first, with a red border: the reference on the left, the
new picture on the right.</p>
<main>
{{range .}}<figure{{if .Note}} class="bad"{{end}}>
<figcaption>{{.Name}}{{if .Note}}: {{.Note}}{{end}}</figcaption>
{{if .Note}}<div class="small">{{if .Reference}}<img src="{{.URL .Reference}}" alt="reference">{{end}}{{if .Small}}<img src="{{.URL .Small}}" alt="now">{{end}}</div>{{end}}
{{if .Small}}<a href="{{.Name}}.png"><img src="{{.Name}}.png" alt="{{.Name}}" loading="lazy"></a>{{end}}
</figure>
{{end}}</main>
`))

// URL marks a data URL as one that this program made.
func (figure) URL(s string) template.URL { return template.URL(s) }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}
