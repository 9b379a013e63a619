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

	"sgdwalk/record/printable"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// page is the template. Headings have a level that depends on where they stand,
// which html/template has no word for.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
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

var numberText = regexp.MustCompile(`^[-+]?(\d[\d.,]*(e[-+]?\d+)?|Inf)( %)?( to [-+]?\d[\d.,]* %)?$`)

// cellClass is the class of a cell: a number is not broken, a long word anywhere.
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

// Write writes the page of the runs, at least one, in their order. Options are
// checked and everything is made before the first byte is written.
func Write(w io.Writer, runs []Run, opts Options) error {
	if err := opts.Validate(); err != nil {
		return err
	}
	if len(runs) == 0 {
		return errors.New("report: there is no run to report on; at least one is needed")
	}
	v, err := newView(runs, &opts)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	scripts := v.Scripts
	v.Scripts = scriptsHere
	if err := page.Execute(&b, v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	// Names and notes of a run may have what reorders or hides text. The scripts, which
	// have none of these, are named by their hashes and stay as they are.
	html := strings.Replace(printable.Text(b.String()), string(scriptsHere), string(scripts), 1)
	if _, err := io.WriteString(w, html); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// scriptsHere stands in the page where the scripts go. A name in a run cannot have it:
// it is escaped there.
const scriptsHere template.HTML = "<!-- scripts -->"

// scripts puts the scripts of the page together with the policy that allows
// these and nothing else.
func scripts(opts *Options, interactive bool) (markup template.HTML, policy string) {
	var b strings.Builder
	allowed := []string{hash(pageScript)}
	switch {
	case interactive && opts.Plotly != nil:
		// What would end the element, or hide its end, can stand in a literal only,
		// where a backslash changes nothing.
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

// hash names a script in a policy.
func hash(script string) string {
	sum := sha256.Sum256([]byte(script))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
