package report_test

import (
	"html"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sgdwalk/analyze"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/report"
	"sgdwalk/record"
	"sgdwalk/record/recorder"
)

// TestWarningsOnce: a warning is on the page once, also when two results of a run have it, and the top of the page
// leads to every warning.
func TestWarningsOnce(t *testing.T) {
	run := fullRun(t, "c")
	h := header("c")
	shared := []analyze.Warning{{Code: "x", Text: "careful: c"}, {Code: "y", Text: "only here"}, {Code: "y", Text: "only here"}}
	keep(t, run, "second", "path", h, path.Summary{}, path.Options{}, shared, "", nil, nil)
	r := open(t, run)
	page := write(t, report.Options{}, r)
	for _, x := range r.Results {
		for _, w := range x.Document.Warnings {
			text := html.EscapeString(strings.ToUpper(w.Text[:1]) + w.Text[1:])
			if n := strings.Count(page, text); n != 1 {
				t.Errorf("%q is on the page %d times", text, n)
			}
		}
	}
	if !strings.Contains(page, `Also warnings under <a href="#r1-`) {
		t.Error("the second result with a warning does not lead to it")
	}
	counted := 0
	top := page[strings.Index(page, `id="r1-warnings"`):]
	top = top[:strings.Index(top, "</p>")]
	for _, m := range regexp.MustCompile(`<a href="#([^"]+)">[^<]+</a> \((\d+)\)`).FindAllStringSubmatch(top, -1) {
		if !strings.Contains(page, `<section id="`+m[1]+`"`) {
			t.Errorf("no section %s", m[1])
		}
		counted += int(m[2][0] - '0')
	}
	if listed := strings.Count(page, "<p><strong>Before you believe it</strong></p>"); listed == 0 || counted < listed {
		t.Errorf("%d warnings are counted at the top, %d sections have some", counted, listed)
	}
}

// TestPicture: the landscape is at the top, once, and its section leads there.
func TestPicture(t *testing.T) {
	page := write(t, report.Options{}, open(t, fullRun(t, "c")))
	first, rest, _ := strings.Cut(page, "</section>")
	if strings.Count(first, "<svg ") != 1 || !strings.Contains(first, "The loss on the plane") {
		t.Error("the landscape is not at the top")
	}
	if strings.Contains(rest, "The loss on the plane of the principal directions PC1 and PC2, with the path") ||
		!strings.Contains(rest, `<a href="#r1-short">at the top</a>`) {
		t.Error("the landscape is there twice, or its section does not lead to it")
	}
}

// TestCommands: suggested commands have the path of the run, the data and the program that evaluates the loss, each
// quoted for a shell.
func TestCommands(t *testing.T) {
	run := open(t, emptyRun(t, "run", header("")))
	foreign := open(t, emptyRun(t, "run", &record.Header{
		Format: record.FormatVersion, DType: "float32", Columns: record.Columns{Theta: true}, Layout: header("").Layout,
	}))
	known := foreign
	known.Objective = "python3 'my loss.py'"
	series := foreign
	series.IsSeries, series.Flags, series.Place = true, []string{"--steps=order", "--exclude=a b*"}, "some dir/checkpoints"
	moved := run
	moved.Data, moved.Place = "mnist:/new place", "../runs/it's"
	for _, c := range []struct {
		run  report.Run
		want []string
	}{
		{run, []string{"sgdwalk path run", "sgdwalk walk run"}},
		{moved, []string{`sgdwalk path '../runs/it'\''s'`, `sgdwalk walk --data='mnist:/new place' '../runs/it'\''s'`}},
		{foreign, []string{"sgdwalk path run", "sgdwalk walk --objective=COMMAND run"}},
		{known, []string{"sgdwalk pca run", `sgdwalk walk --objective='python3 '\''my loss.py'\''' run`}},
		{series, []string{"sgdwalk path --steps=order --exclude='a b*' 'some dir/checkpoints'"}},
	} {
		page := html.UnescapeString(write(t, report.Options{}, c.run))
		for _, want := range c.want {
			if !strings.Contains(page, "<code>"+want+"</code>") {
				t.Errorf("the page lacks %s", want)
			}
		}
		if strings.Contains(page, "COMMAND is the program") != strings.Contains(page, "--objective=COMMAND") {
			t.Error("the page does not say what COMMAND is, or says it without need")
		}
	}
}

// TestNotesOnPage: notes are on the page as text.
func TestNotesOnPage(t *testing.T) {
	dir := emptyRun(t, "run", header(""))
	ok(t, recorder.AddNote(dir, recorder.Note{Text: hostile + "\x1b[31m", Tags: []string{"<b>tag</b>"}}))
	page := write(t, report.Options{}, open(t, dir))
	if strings.Contains(page, "<b>tag") || strings.Contains(page, "<script>alert") || strings.Contains(page, "\x1b") ||
		!strings.Contains(page, "&lt;b&gt;tag") || !strings.Contains(page, `\x1b[31m`) {
		t.Error("notes are missing or not escaped")
	}
	if strings.Contains(page, filepath.Dir(dir)) {
		t.Error("the page says where the run is")
	}
}

// TestSideBySide: the table of several runs has the settings in which they differ, and only these.
func TestSideBySide(t *testing.T) {
	one, h := header(""), header("")
	h.Seed, h.Optimizer.Hyperparameters["learning_rate"] = 7, 0.7
	page := write(t, report.Options{}, open(t, emptyRun(t, "a", one)), open(t, emptyRun(t, "b", h)))
	head := page[strings.Index(page, `id="overview"`):]
	head = head[:strings.Index(head, "</thead>")]
	for name, want := range map[string]bool{"learning rate": true, "seed": true, "mini-batch": false, "model": false} {
		if strings.Contains(head, `<th scope="col">`+name+`</th>`) != want {
			t.Errorf("column %s: %v, want %v", name, !want, want)
		}
	}
}
