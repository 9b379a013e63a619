// Package show puts figures, tables and text into a notebook that runs Go.
//
//  1. [Figure] shows a figure of package figure below the cell.
//  2. [Table] shows chosen columns of a result's table.
//  3. [Findings] shows what the numbers of a result say.
//  4. [Text] shows a text with Markdown markup.
//
// The notebook's kernel is GoNB. Outside of it, in an ordinary program or a test,
// the same calls print what a reader without pictures gets: the description of the
// figure, the table, the text. Calls are for one goroutine.
package show

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"

	"sgdwalk/analyze"
	"sgdwalk/analyze/figure"
	"sgdwalk/record"
)

// style is the look of all figures: as wide as a
// notebook's column, with few enough pixels for a file that is kept in a repository.
var style = figure.Style{Width: 6, DPI: 110}

// Figure shows a figure as a PNG. A figure that cannot be drawn is a mistake in the
// cell, which panics with the reason.
func Figure(f figure.Figure) { figureTo(os.Stdout, f) }

func figureTo(w io.Writer, f figure.Figure) {
	var png bytes.Buffer
	if err := figure.Render(&png, figure.Styled(f, style), figure.PNG); err != nil {
		panic(err)
	}
	if !gonbui.IsNotebook {
		fmt.Fprintf(w, "[figure: %s]\n", f.Alt())
		return
	}
	gonbui.DisplayPng(png.Bytes())
	gonbui.Sync() // the cell may end now
}

// Findings shows what the numbers of a result say, one sentence per line.
func Findings(s analyze.Summary) {
	for _, f := range s.Findings() {
		fmt.Println(f.Text)
	}
}

// Text shows Markdown.
func Text(format string, args ...any) { textTo(os.Stdout, fmt.Sprintf(format, args...)) }

func textTo(w io.Writer, text string) {
	if !gonbui.IsNotebook {
		fmt.Fprintln(w, text)
		return
	}
	gonbui.DisplayMarkdown(text)
	gonbui.Sync()
}

// Table shows the named columns of the first rows of a table, all columns when
// none is named; -1 rows shows all. A column that the table does not have is a
// mistake in the cell, which panics with its name. Numbers are rounded to four
// digits; the table itself has all of them.
func Table(t *record.Table, rows int, columns ...string) {
	textTo(os.Stdout, markdown(t, rows, columns))
}

// markdown is the table as Markdown has it.
func markdown(t *record.Table, rows int, names []string) string {
	var columns []*record.Column
	for _, name := range names {
		c := t.Column(name)
		if c == nil {
			panic(fmt.Sprintf("show: the table has no column %q", name))
		}
		columns = append(columns, c)
	}
	if len(names) == 0 {
		for i := range t.Columns {
			columns = append(columns, &t.Columns[i])
		}
	}
	if rows < 0 || rows > t.Len() {
		rows = t.Len()
	}
	var b strings.Builder
	line := func(cell func(c *record.Column) string) {
		b.WriteString("|")
		for _, c := range columns {
			b.WriteString(" " + strings.ReplaceAll(cell(c), "|", `\|`) + " |")
		}
		b.WriteString("\n")
	}
	line(func(c *record.Column) string { return c.Name })
	line(func(c *record.Column) string {
		if c.Strings != nil {
			return "---"
		}
		return "---:"
	})
	for i := range rows {
		line(func(c *record.Column) string { return cell(c, i) })
	}
	if left := t.Len() - rows; left > 0 {
		fmt.Fprintf(&b, "\n... and %d more rows\n", left)
	}
	return b.String()
}

// cell is one value for a reader.
func cell(c *record.Column, i int) string {
	if c.Floats != nil && (c.Valid == nil || c.Valid[i]) {
		return fmt.Sprintf("%.4g", c.Floats[i])
	}
	return c.Text(i)
}
