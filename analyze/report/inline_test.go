package report

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestInline(t *testing.T) {
	d, err := inline([]byte(`<?xml version="1.0"?><!DOCTYPE svg>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="20pt" height="10pt" onload="alert(1)">
<title>A &lt; B</title><desc>Two &amp; two.</desc><!-- a comment -->
<style>*{background:url(http://example.org)}</style><script>alert(1)</script>
<defs><clipPath id="c"><rect width="1" height="1"/></clipPath></defs>
<foreignObject><p>text</p></foreignObject>
<a href="http://example.org"><path d="M0 0"/></a>
<rect width="20" height="10" fill="#ffffff"/>
<g clip-path="url(#c)" style="fill:url(http://example.org)" fill="url(http://example.org/#c)"><use xlink:href="#c"/><use href="http://example.org/x.svg#c"/>
<image href="http://example.org/x.png"/><image href="data:image/png;base64,AAAA"/><image href="data:image/svg+xml;base64,AAAA"/></g>
<text x="1" xml:space="preserve">1 &lt; 2</text></svg>`), "r1-f", "name", "alt")
	if err != nil {
		t.Fatal(err)
	}
	want := `<svg viewBox="0 0 20 10" role="img" aria-labelledby="r1-f-title r1-f-desc"><title id="r1-f-title">A &lt; B</title><desc id="r1-f-desc">Two &amp; two.</desc>


<defs><clipPath id="r1-f-c"><rect width="1" height="1"/></clipPath></defs>


<rect width="20" height="10" fill="#ffffff" class="ground"/>
<g clip-path="url(#r1-f-c)"><use href="#r1-f-c"/><use/>
<image/><image href="data:image/png;base64,AAAA"/><image/></g>
<text x="1" xml:space="preserve">1 &lt; 2</text></svg>`
	if diff := cmp.Diff(want, d.markup); diff != "" {
		t.Error(diff)
	}
	if d.title != "A < B" || d.desc != "Two & two." {
		t.Errorf("title %q, description %q", d.title, d.desc)
	}
	d, err = inline([]byte(`<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>`), "p", "a name", "an alt")
	if want := `<svg viewBox="0 0 1 1" role="img" aria-labelledby="p-title p-desc">` +
		`<title id="p-title">a name</title><desc id="p-desc">an alt</desc><path d="M0 0"/></svg>`; err != nil ||
		d.markup != want {
		t.Errorf("a figure without title and description: %s, %v", d.markup, err)
	}
	for _, bad := range []string{"", "x", "<svg>", "<svg></svg><svg></svg>", "<html></html>", "<svg>&nosuch;</svg>"} {
		if d, err := inline([]byte(bad), "p", "", ""); err == nil {
			t.Errorf("%q is taken for %q", bad, d.markup)
		}
	}
}

// No element of any figure runs a script or loads a file.
func TestInlineHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg">`)
		names := rapid.SliceOfN(rapid.SampledFrom([]string{
			"g", "script", "SCRIPT", "a", "style", "iframe", "path",
			"text", "animate", "set", "foreignObject", "image", "use", "title", "svg",
		}), 0, 8).Draw(t, "elements")
		for _, n := range names {
			a := rapid.SampledFrom([]string{
				"onclick", "href", "style", "fill", "src", "id", "class", "mask",
				"clip-path",
			}).Draw(t, "attribute")
			v := rapid.SampledFrom([]string{
				"javascript:alert(1)", "http://a.b/c", "//a.b", "url(http://a.b)",
				"url(#x) url(//a.b)", `URL(//a.b)`, `u\72l(//a.b)`, "url(&quot;#x&quot;)", "#x", "data:text/html,x",
				"$1", "&quot;&gt;&lt;script&gt;",
			}).Draw(t, "value")
			b.WriteString("<" + n + " " + a + `="` + v + `">` + "x&lt;script&gt;")
		}
		for i := len(names) - 1; i >= 0; i-- {
			b.WriteString("</" + names[i] + ">")
		}
		b.WriteString("</svg>")
		d, err := inline([]byte(b.String()), "r1-f", "n", "a")
		if err != nil {
			t.Fatalf("%s: %v", b.String(), err)
		}
		low := strings.ToLower(d.markup)
		for _, bad := range []string{
			"<script", "<a ", "<style", "<iframe", "<animate", "<set", "<foreignobject",
			"onclick", "style=", " src=", `href="j`, `href="h`, `href="/`, `href="d`, `href="$`, "url(h", "url(/",
		} {
			if strings.Contains(low, bad) {
				t.Fatalf("%s became %s", b.String(), d.markup)
			}
		}
	})
}

func TestBibliography(t *testing.T) {
	got := bibliography([]string{
		"@article{b, title = {A {Deep} B}, author = \"Last, First and First M. Other\", year={2001}}\n@book{ a ,\n " +
			"title={x \\} y}}",
		"@ARTICLE{B, title={again}} text @misc{open, title={",
		"no entry",
		"@misc{c}",
	})
	var lines []string
	for _, e := range got {
		lines = append(lines, e.key+": "+e.line())
	}
	if diff := cmp.Diff([]string{"a: x } y.", "b: Last and Other. A Deep B. 2001.", "c: c."}, lines); diff != "" {
		t.Error(diff)
	}
}

func TestBibliographyOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, e := range bibliography(rapid.SliceOf(rapid.StringMatching(`[@{}a-c,="\\ ]{0,20}`)).Draw(t,
			"citations")) {
			e.line() // must not panic for any text
		}
	})
}

func TestFormat(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 1438: "1,438", -1234567: "-1,234,567", -123: "-123",
		0.123456: "0.1235", 1e-9: "1e-09", 2.5: "2.5",
	} {
		if got := short(x); got != want {
			t.Errorf("short(%v) is %q, want %q", x, got, want)
		}
	}
	for name, want := range map[string]string{
		"run": "run", "a b": "'a b'", "it's": `'it'\''s'`, "-x": "'./-x'",
		"": "''", "lr=0.1": "lr=0.1", "$(x)": "'$(x)'",
	} {
		if got := quoted(name); got != want {
			t.Errorf("quoted(%q) is %s, want %s", name, got, want)
		}
	}
	for text, want := range map[string]string{"": "", "a b": "A b.", "\u03b7 is": "\u03b7 is.", "Done.": "Done."} {
		if got := sentence(text); got != want {
			t.Errorf("sentence(%q) is %q, want %q", text, got, want)
		}
	}
}

// Thinned steps keep the first and the last; a walk with a gap is not joined.
func TestThin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5*maxSteps).Draw(t, "n")
		v := make(numbers, n)
		for i := range v {
			v[i] = float64(i)
		}
		out := thin(v)
		if len(out) > maxSteps+1 || out[0] != 0 || out[len(out)-1] != float64(n-1) {
			t.Fatalf("%d of %d, %v to %v", len(out), n, out[0], out[len(out)-1])
		}
		for i := 1; i < len(out); i++ {
			if out[i] <= out[i-1] {
				t.Fatalf("%v after %v", out[i], out[i-1])
			}
		}
	})
	w, _ := walkData(&Result{tables: map[string]*series{"losses": {columns: map[string][]float64{
		"step": {3, 3, 3, 4, 4, 9, 9}, "alpha": {-0.5, 0, 1, 0, 1, 0, 1}, "loss": {9, 1, 2, 2, 3, 4, 5},
	}}}})
	b, err := w.X.MarshalJSON()
	if want := "[3,4,4,5,null,9,10]"; err != nil || string(b) != want {
		t.Errorf("the walk is at %s, want %s", b, want)
	}
}

// Of a long run every k-th row is drawn, and no measured full loss is lost.
func TestSparse(t *testing.T) {
	n := 5*maxDrawn + 3
	step, full := make([]float64, n), make([]float64, n)
	for i := range step {
		step[i], full[i] = float64(i), nan
	}
	full[1], full[77777] = 3, 4
	keep := sparse(n, full, nil)
	s, f := keep(step), keep(full)
	if len(s) > maxDrawn+3 || len(f) != len(s) || s[len(s)-1] != float64(n-1) {
		t.Errorf("%d and %d rows up to %v", len(s), len(f), s[len(s)-1])
	}
	var found []float64
	for i, x := range f {
		if x == x {
			found = append(found, s[i], x)
		}
	}
	if diff := cmp.Diff([]float64{1, 3, 77777, 4}, found); diff != "" {
		t.Error(diff)
	}
	if keep([]float64{1}) != nil {
		t.Error("a column of another length is drawn")
	}
}

// The marker lies on the surface: a bilinear function is met exactly.
func TestUnder(t *testing.T) {
	f := func(a, b float64) float64 { return 1 + 2*a - 3*b + a*b }
	m := mapPanel{A: numbers{0, 1, 3}, B: numbers{-1, 2}}
	for _, b := range m.B {
		var row numbers
		for _, a := range m.A {
			row = append(row, f(a, b))
		}
		m.Z = append(m.Z, row)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64Range(0, 3).Draw(t, "a"), rapid.Float64Range(-1, 2).Draw(t, "b")
		if d := m.under(a, b) - f(a, b); d > 1e-12 || d < -1e-12 {
			t.Fatalf("off by %v at %v, %v", d, a, b)
		}
	})
	if x := m.under(3.1, 0); x == x {
		t.Errorf("beyond the grid there is %v", x)
	}
}
