package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"sgdwalk/record/printable"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// page is the template. The function heading exists because the level of a heading varies,
// and html/template does not allow a variable in the name of an element.
var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"heading": func(level int, id, text string) template.HTML {
			attribute := ""
			if id != "" {
				attribute = ` id="` + template.HTMLEscapeString(id) + `"`
			}
			return template.HTML(fmt.Sprintf("<h%d%s>%s</h%d>", level, attribute, template.HTMLEscapeString(text), level))
		},
		"sum":   func(a, b int) int { return a + b },
		"class": cellClass,
	}).Parse(pageText))
})

var numberText = regexp.MustCompile(`^[-+]?(\d[\d.,]*(e[-+]?\d+)?|Inf)( %)?( to [-+]?\d[\d.,]* %)?$`)

// cellClass returns the CSS class of a cell. Browsers do not break a number (n), may break
// long words anywhere (long), and break other text between words (t).
func cellClass(cell string) string {
	switch {
	case cell == dash || cell == "NaN" || numberText.MatchString(cell):
		return "n"
	case slices.ContainsFunc(strings.Fields(cell), func(w string) bool { return len(w) > 30 }):
		return "long"
	default:
		return "t"
	}
}

// Write writes the page of at least one run, in the given order. It checks the options and
// makes the whole page before it writes the first byte, so an error of the runs or options
// leaves w empty.
func Write(w io.Writer, runs []Run, opts Options) error {
	if err := opts.Validate(); err != nil {
		return err
	}
	if len(runs) == 0 {
		return errors.New("report: the list of runs is empty; give at least one run")
	}
	v, err := newView(runs, &opts)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	scripts := v.Scripts
	v.Scripts = scriptsHere
	if err := page().Execute(&b, v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	// Names and comments of a run may have characters that reorder or hide text, so
	// printable.Text replaces them. The scripts must not change, because the policy has
	// their hashes; so they are inserted afterwards.
	html := strings.Replace(printable.Text(b.String()), string(scriptsHere), string(scripts), 1)
	if _, err := io.WriteString(w, html); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// scriptsHere marks the place of the scripts in the page. A name of a run cannot contain
// it, because the template escapes names.
const scriptsHere template.HTML = "<!-- scripts -->"

// scripts returns the script elements of the page, and the content security policy that
// allows only these scripts.
func scripts(opts *Options, interactive bool) (markup template.HTML, policy string) {
	var b strings.Builder
	allowed := []string{hash(pageScript)}
	switch {
	case interactive && opts.Plotly != nil:
		// The texts that would end the script element, or hide its end, can occur only in
		// string literals, where the added backslash changes nothing.
		text := strings.NewReplacer("</script", `<\/script`, "</SCRIPT", `<\/SCRIPT`, "<!--",
			`<\!--`).Replace(string(opts.Plotly))
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
		b.WriteString("<script>" + text + "</script>\n")
		allowed = append(allowed, hash(text))
	case interactive:
		fmt.Fprintf(&b, "<script src=\"%s\" integrity=\"%s\" crossorigin=\"anonymous\" "+
			"referrerpolicy=\"no-referrer\"></script>\n",
			template.HTMLEscapeString(opts.PlotlyRelease.URL), template.HTMLEscapeString(opts.PlotlyRelease.Integrity))
		allowed = append(allowed, opts.PlotlyRelease.URL)
	}
	b.WriteString("<script>" + pageScript + "</script>")
	policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action " +
		"'none'; script-src " + strings.Join(allowed, " ")
	return template.HTML(b.String()), policy
}

// hash returns the hash of a script in the form of a content security policy.
func hash(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
