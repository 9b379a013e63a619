package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/analyze"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/landscape"
	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
	"sgdwalk/analyze/report"
	"sgdwalk/analyze/result"
	"sgdwalk/analyze/walk"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recordtest"
)

var update = flag.Bool("update", false, "write the golden files again")

const hostile = `</title><script>alert(1)</script>&"'<img src=x onerror=alert(2)>`

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func header(comment string) *record.Header {
	return &record.Header{
		Format: record.FormatVersion, Software: "test 1", Kernel: "go", DType: "float32", Model: "mlp:2",
		Comment: comment,
		Data: record.Data{
			Spec: "spirals:/home/somebody/secret", Hash: "sha256:00", TrainExamples: 1000,
			TestExamples: 10,
		},
		Optimizer: record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{"learning_rate": 0.3}},
		Batch:     10, Epochs: 2, Steps: 20, Seed: math.MaxUint64,
		Columns: record.Columns{Theta: true, Grad: true},
		Layout:  record.Pack(record.Tensor{Name: "w", Kind: record.Weight, Shape: []int{2, 3}}),
	}
}

// eigenvalues belong to the quadratic of bowl, a noisy walk. The pages in these tests show
// the results of the real analyses of this walk.
var eigenvalues = []float64{4, 2, 1, 0.5, 0.25, 0.1}

func bowl(_ context.Context, theta []float32) (float64, error) {
	sum := 0.1
	for i, l := range eigenvalues {
		sum += l / 2 * float64(theta[i]) * float64(theta[i])
	}
	return sum, nil
}

func walked(t testing.TB, h *record.Header) *record.Memory {
	t.Helper()
	run, err := record.NewMemory(h)
	ok(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	theta, grad := []float32{3, 3, 3, 3, 3, 3}, make([]float32, 6)
	for k := range 20 {
		for i, l := range eigenvalues {
			grad[i] = float32(l*float64(theta[i]) + 0.3*rng.NormFloat64())
		}
		full, _ := bowl(context.Background(), theta)
		ok(t, run.Append(&record.Step{
			Step: int64(k), Epoch: int32(1 + k/10), Theta: theta, Grad: grad, LearningRate: record.Some(0.3),
			BatchLoss: record.Some(full), FullLoss: record.Some(full), TestLoss: record.Some(full + 0.01*float64(k)),
		}))
		for i := range theta {
			theta[i] -= 0.3 * grad[i]
		}
	}
	ok(t, run.Append(&record.Step{Step: 20, Epoch: 2, Theta: theta}))
	return run
}

// keep writes a result as the commands do, with a figure when there is one.
func keep(t testing.TB, run, name, analysis string, h *record.Header, summary, options any, warn []analyze.Warning,
	citation string, tables map[string]*record.Table, figures map[string]figure.Figure,
) {
	t.Helper()
	d, err := result.Create(filepath.Join(run, "analysis", name))
	ok(t, err)
	for name, x := range tables {
		ok(t, d.Table(name, x))
	}
	for name, f := range figures {
		stage, err := d.Stage()
		ok(t, err)
		paths, err := figure.Save(f, filepath.Join(stage, name), figure.SVG)
		ok(t, err)
		ok(t, d.Keep(paths...))
	}
	p, err := result.NewProvenance(run, h)
	ok(t, err)
	p.Software, p.Options, p.Method, p.Citation, p.DataHash = "test 1", options, "Method of "+analysis+
		".", citation, h.Data.Hash
	ok(t, d.Finish(&result.Document{Analysis: analysis, Summary: summary, Warnings: warn, Provenance: p}))
}

func emptyRun(t testing.TB, name string, h *record.Header) string {
	t.Helper()
	run := filepath.Join(t.TempDir(), name)
	ok(t, os.MkdirAll(run, 0o777))
	b, err := h.Encode()
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(run, "header.json"), b, 0o666))
	return run
}

// fullRun is a run with all four results, made by the analyses themselves.
func fullRun(t testing.TB, comment string) string {
	t.Helper()
	h := header(comment)
	run := emptyRun(t, "run one", h)
	m, ctx, loss := walked(t, h), context.Background(), analyze.LossFunc(bowl)
	title := "bowl " + comment
	steps := make([]float64, m.Len())
	for i := range steps {
		steps[i] = float64(i)
	}
	curves := func() figure.Figure {
		return &figure.Curves{Title: title, Series: []figure.Series{{Name: comment, X: steps, Y: steps}}}
	}

	p, err := path.Compute(ctx, m, path.Options{})
	ok(t, err)
	keep(t, run, "path", "path", h, p.Summary, path.Options{}, p.Warnings, path.Citation,
		map[string]*record.Table{"path": &p.Table}, map[string]figure.Figure{"loss": curves(), "cosine": curves()})
	w, err := walk.Run(ctx, m, loss, walk.Options{})
	ok(t, err)
	keep(t, run, "walk", "walk", h, w.Summary, walk.Options{}.Effective(), w.Warnings, walk.Citation,
		map[string]*record.Table{
			"losses":   &w.Losses,
			"segments": &w.Segments,
		}, map[string]figure.Figure{"walk": curves()})
	f, err := pca.Fit(ctx, m, pca.Options{Components: 3})
	ok(t, err)
	keep(t, run, "pca", "pca", h, f.Summary, pca.Options{}.Effective(), f.Warnings, pca.Citation, nil,
		map[string]figure.Figure{"pca": &figure.Spectrum{Title: title, Ratios: f.ExplainedVarianceRatio}})
	plane, err := f.Plane(1, 2, nil)
	ok(t, err)
	l, err := landscape.Compute(ctx, plane, loss, landscape.Options{
		X: analyze.Range{N: 9}, Y: analyze.Range{N: 7},
		Path: m,
	})
	ok(t, err)
	summary := struct {
		landscape.Summary
		Directions pca.Summary `json:"directions"`
	}{l.Summary, f.Summary}
	keep(t, run, "landscape", "landscape", h, summary, nil, append(l.Warnings, analyze.Warning{
		Code: "x",
		Text: "careful: " + comment,
	}), landscape.Citation+walk.Citation, map[string]*record.Table{"grid": &l.Table, "path": &l.Path},
		map[string]figure.Figure{"landscape": curves()})
	return run
}

func open(t testing.TB, dir string) report.Run {
	t.Helper()
	r, err := report.Open(dir)
	ok(t, err)
	return r
}

func write(t testing.TB, o report.Options, runs ...report.Run) string {
	t.Helper()
	var b bytes.Buffer
	ok(t, report.Write(&b, runs, o))
	return b.String()
}

var fakePlotly = []byte("/**\n* plotly.js v9.9.9\n*/\nwindow.Plotly = {a: '</script><!--'};\r\n")

// Without results of the analysis path, the page has the losses at the ends of the recording.
func TestLossesWithoutPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	h := recordtest.Header(3)
	rows := recordtest.Rows(h, 2, 1)
	w, err := arrowfile.Create(dir, h, arrowfile.Options{})
	ok(t, err)
	for i := range rows {
		ok(t, w.Append(&rows[i]))
	}
	ok(t, w.Close())
	var losses []float64
	for _, s := range rows {
		if s.BatchLoss.Valid {
			losses = append(losses, s.BatchLoss.Value)
		}
	}
	want := fmt.Sprintf("first batch loss %.6g, last batch loss %.6g", losses[0], losses[len(losses)-1])
	if html := write(t, report.Options{}, open(t, dir)); !strings.Contains(html, want) {
		t.Errorf("the page does not say %q", want)
	}
}

// The outline of a page of one run: what stands where.
func TestOutline(t *testing.T) {
	html := write(t, report.Options{Software: "sgdwalk 1"}, open(t, fullRun(t, "a comment")))
	var outline []string
	for _, m := range regexp.MustCompile(`<(h[1-6])[^>]*>([^<]*)</h|<(caption|summary)>([^<]*)<|<(figcaption)>([^<]*)<`).FindAllStringSubmatch(html, -1) {
		outline = append(outline, strings.TrimSpace(m[1]+m[3]+m[5]+" "+m[2]+m[4]+m[6]))
	}
	golden := filepath.Join("testdata", "outline.txt")
	got := strings.Join(outline, "\n") + "\n"
	if *update {
		ok(t, os.MkdirAll("testdata", 0o777))
		ok(t, os.WriteFile(golden, []byte(got), 0o666))
	}
	want, err := os.ReadFile(golden)
	ok(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the outline changed (-update accepts it):\n%s", diff)
	}
	for _, landmark := range []string{
		`<html lang="en">`, `<a class="skip" href="#main">`, `<header id="top">`,
		`<nav id="contents" aria-label="Contents">`, `<main id="main" tabindex="-1">`, "<footer>",
	} {
		if strings.Count(html, landmark) != 1 {
			t.Errorf("%s is there %d times", landmark, strings.Count(html, landmark))
		}
	}
}

// The page has the same numbers as the summaries.
func TestNumbers(t *testing.T) {
	run := fullRun(t, "c")
	html := write(t, report.Options{}, open(t, run))
	b, err := os.ReadFile(filepath.Join(run, "analysis", "walk", "summary.json"))
	ok(t, err)
	var doc struct {
		Summary struct {
			Floor float64 `json:"floor_interior_ratio"`
			Null  struct {
				Rises float64 `json:"rises_ratio"`
			}
		}
	}
	ok(t, json.Unmarshal(b, &doc))
	percent := func(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*x), ".0") + " %" }
	for _, want := range []string{
		`<th scope="row">floor strictly inside the step</th><td class="n">` + percent(doc.Summary.Floor) + "</td>",
		percent(doc.Summary.Null.Rises) + " of the steps rise",
		`<td class="n">18446744073709551615</td>`, // a seed keeps all its digits
		"1,000 examples, 10 held out",
		"Held-out loss went from",
		"Recorded iterates: 21, steps 0 to 20; missing steps between them: 0.",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, row := range []string{
		"PC3", "step length", "mean height of the iterates above the floor",
		"true loss of the last iterate", "loss on the plane under it", "participation ratio of a random walk",
		"displacement / path length (1 is straight)",
	} {
		if !strings.Contains(html, `<th scope="row">`+row+`</th>`) {
			t.Errorf("the page lacks the row %q", row)
		}
	}
}

func TestReferencesOnce(t *testing.T) {
	html := write(t, report.Options{}, open(t, fullRun(t, "c")))
	bib := html[strings.Index(html, "<pre"):]
	bib = bib[:strings.Index(bib, "</pre>")]
	keys := regexp.MustCompile(`(?m)@\w+\{([^,]+),`).FindAllStringSubmatch(bib, -1)
	var seen []string
	for _, k := range keys {
		seen = append(seen, k[1])
	}
	if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) ||
		!slices.Contains(seen, "li2018visualizing") || !slices.Contains(seen, "xing2018walk") {
		t.Errorf("the entries are %q", seen)
	}
	if !strings.Contains(html, "<li>Xing, Arpit, Tsirigotis and Bengio. A Walk with SGD.") {
		t.Error("no line for a reader")
	}
}

func TestDeterministic(t *testing.T) {
	run := fullRun(t, "c")
	for _, o := range []report.Options{{}, {Plotly: fakePlotly}, {PlotlyRelease: report.DefaultPlotly}} {
		first, second := write(t, o, open(t, run)), write(t, o, open(t, run))
		if first != second {
			t.Error("two pages of one run differ")
		}
	}
}

// What a run or a figure says never becomes markup, and nothing says where the
// run or its data were.
func TestHostile(t *testing.T) {
	run := fullRun(t, hostile)
	renamed := filepath.Join(filepath.Dir(run), `x" onload=alert(3) <b>'`)
	ok(t, os.Rename(run, renamed))
	one := open(t, renamed)
	for _, o := range []report.Options{
		{Title: hostile, Software: hostile},
		{Plotly: fakePlotly},
		{PlotlyRelease: report.DefaultPlotly},
	} {
		html := write(t, o, one, one)
		for _, bad := range []string{
			"<script>alert", "<img src=x", "<b>", `" onload`, "<title></title>",
			"/home/somebody", "secret", filepath.Dir(run),
		} {
			if strings.Contains(html, bad) {
				t.Errorf("the page has %q", bad)
			}
		}
		if !strings.Contains(html, "&lt;script&gt;alert(1)&lt;/script&gt;") {
			t.Error("the comment is not on the page")
		}
	}
}

var (
	idText   = regexp.MustCompile(` id="([^"]*)"`)
	labelled = regexp.MustCompile(` (?:aria-labelledby|for)="([^"]*)"`)
	linked   = regexp.MustCompile(` href="#([^"]*)"`)
)

// Ids are there once, also with one run twice, and everything that is referred to
// is there. Every figure has a title and a description.
func TestIDsAndText(t *testing.T) {
	one := open(t, fullRun(t, "c"))
	html := write(t, report.Options{Plotly: fakePlotly}, one, one)
	seen := make(map[string]bool)
	for _, m := range idText.FindAllStringSubmatch(html, -1) {
		if m[1] == "" || seen[m[1]] {
			t.Errorf("id %q is there twice", m[1])
		}
		seen[m[1]] = true
	}
	for _, m := range slices.Concat(labelled.FindAllStringSubmatch(html, -1), linked.FindAllStringSubmatch(html, -1)) {
		for id := range strings.FieldsSeq(m[1]) {
			if !seen[id] {
				t.Errorf("%q refers to nothing", id)
			}
		}
	}
	svgs := strings.Count(html, "<svg ")
	described := regexp.MustCompile(`<svg [^>]*role="img"[^>]*><title id="[^"]+">[^<]+</title><desc `+
		`id="[^"]+">[^<]+</desc>`).FindAllString(html, -1)
	if svgs != 10 || len(described) != svgs {
		t.Errorf("%d figures, %d with title and description; want 10", svgs, len(described))
	}
	if n := strings.Count(html, "<img "); n != strings.Count(html, ` alt="`) {
		t.Errorf("%d images and %d alt texts", n, strings.Count(html, ` alt="`))
	}
	for _, tag := range []string{"<table>", "<caption>"} {
		if strings.Count(html, tag) != strings.Count(html, "<table>") {
			t.Errorf("%d %s for %d tables", strings.Count(html, tag), tag, strings.Count(html, "<table>"))
		}
	}
	if regexp.MustCompile(`<th(>| [^s])`).MatchString(html) {
		t.Error("a heading of a table has no scope")
	}
}

// Nothing in the page is fetched, except for the release when one is named.
func TestRequests(t *testing.T) {
	one := open(t, fullRun(t, "c"))
	fetched := regexp.MustCompile(`(?i)(?:src|href|srcset|data|action|poster)="(?:[a-z]+:)?//[^"]*"|url\(\s*['"]?(?:[a-z]+:)?//|@import`)
	for _, o := range []report.Options{{}, {Plotly: fakePlotly}} {
		html := write(t, o, one)
		if m := fetched.FindAllString(html, -1); m != nil {
			t.Errorf("the page fetches %q", m)
		}
		if strings.Contains(html, "https://") || !strings.Contains(html, `content="default-src &#39;none&#39;;`) {
			t.Error("the policy of the page allows requests")
		}
	}
	html := write(t, report.Options{PlotlyRelease: report.DefaultPlotly}, one)
	if m := fetched.FindAllString(html, -1); len(m) != 1 || m[0] != `src="`+report.DefaultPlotly.URL+`"` {
		t.Errorf("the page fetches %q", m)
	}
	if !strings.Contains(html, ` integrity="`+report.DefaultPlotly.Integrity+`" crossorigin="anonymous"`) {
		t.Error("the release is loaded without its hash")
	}
}

// An inlined script ends where it should, and its element holds what the policy
// allows.
func TestInlinedPlotly(t *testing.T) {
	one := open(t, fullRun(t, "c"))
	html := write(t, report.Options{Plotly: fakePlotly}, one)
	if !strings.Contains(html, `window.Plotly = {a: '<\/script><\!--'};`) {
		t.Error("the script is not in the page, or can end its element")
	}
	if open, shut := strings.Count(html, "<script"), strings.Count(html, "</script>"); open != 3 || shut != 3 {
		t.Errorf("%d script elements open and %d close; want data, Plotly and the page's own", open, shut)
	}
	if strings.Contains(html, "\r") {
		t.Error("a browser reads a carriage return as a line feed, and the hash would not fit")
	}
	if !strings.Contains(html, "Plotly.js 9.9.9, inlined, sha256:") {
		t.Error("the page does not say which Plotly.js it has")
	}
	var data struct {
		Steps     []float64
		Loss      struct{ Step, Batch, Full, Test []*float64 }
		Walk      struct{ X, Loss, Step, Start, Floor []*float64 }
		Landscape struct {
			A, B                        []float64
			Z                           [][]float64
			Step, Under, True, Residual []*float64
		}
	}
	block := html[strings.Index(html, `<script type="application/json"`):]
	block = block[strings.Index(block, ">")+1 : strings.Index(block, "</script>")]
	ok(t, json.Unmarshal([]byte(block), &data))
	l := data.Landscape
	if len(data.Steps) != 21 || len(data.Loss.Batch) != 21 || len(data.Walk.Step) != 20 || len(data.Walk.X) != 220 ||
		len(l.A) != 9 || len(l.B) != 7 || len(l.Z) != 7 || len(l.Z[0]) != 9 || len(l.Step) != 21 {
		t.Errorf("%d steps, %d losses, %d segments of %d points, grid %dx%d, %d iterates on it", len(data.Steps),
			len(data.Loss.Batch), len(data.Walk.Step), len(data.Walk.X), len(l.A), len(l.B), len(l.Step))
	}
	if data.Loss.Batch[20] != nil || data.Loss.Batch[0] == nil {
		t.Error("the last iterate has no batch loss, the first one has")
	}
	// The walk and the path agree about the loss of an iterate.
	for k := range 20 {
		if d := *data.Walk.Start[k] - *data.Loss.Full[k]; math.Abs(d) > 1e-5*(*data.Loss.Full[k]) {
			t.Errorf("at step %d the walk starts at %v, the run recorded %v", k, *data.Walk.Start[k],
				*data.Loss.Full[k])
		}
	}
	if still := write(t, report.Options{}, one); strings.Contains(still, "application/json") ||
		strings.Contains(still, "data-panel") && strings.Contains(still, "<input") {
		t.Error("a still page has the data or the controls of an interactive one")
	}
}

func TestMissing(t *testing.T) {
	run := emptyRun(t, "it's", header(""))
	ok(t, os.MkdirAll(filepath.Join(run, "analysis", "walk"), 0o777)) // unfinished
	html := write(t, report.Options{Plotly: fakePlotly}, open(t, run))
	for _, name := range []string{"path", "walk", "pca", "landscape"} {
		if !strings.Contains(html, `<code>sgdwalk `+name+` &#39;it&#39;\&#39;&#39;s&#39;</code>`) {
			t.Errorf("nothing says how to make %s", name)
		}
	}
	if strings.Contains(html, "window.Plotly = ") || strings.Contains(html, "NaN") {
		t.Error("a run without results has an interactive view, or numbers")
	}
}

// The page shows results of unknown analyses as tables.
func TestGeneric(t *testing.T) {
	h := header("")
	run := emptyRun(t, "run", h)
	summary := struct {
		Trace record.Optional      `json:"trace_of_hessian"`
		Top   []float64            `json:"top"`
		Lost  record.Optional      `json:"lost"`
		Width analyze.Distribution `json:"width"`
		Rows  []struct {
			Step int `json:"step"`
		} `json:"rows"`
		Inner struct {
			Center string `json:"center"`
		} `json:"inner"`
	}{Trace: record.Some(math.Inf(1)), Top: make([]float64, 20), Width: analyze.Distribution{
		Count: 3,
		Mean:  record.Some(1.5),
	}}
	summary.Rows = append(summary.Rows, struct {
		Step int `json:"step"`
	}{7})
	summary.Inner.Center = "<mean>"
	keep(t, run, "zoom", "novelty", h, summary, nil, nil, "", nil, nil)
	html := write(t, report.Options{}, open(t, run))
	for _, want := range []string{
		">Novelty (zoom)</h2>", `<th scope="row">trace of hessian</th><td class="n">&#43;Inf</td>`, "(20 in all)",
		`<th scope="row">lost</th><td class="n">–</td>`, `<th scope="row">width</th><td class="n">1.5</td>`,
		"&lt;mean&gt;", "<caption>Numbers, rows</caption>",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// A figure without SVG is a picture with a text; one that has both is there once.
// The page shows a result over several runs before the runs.
func TestSharedAndImages(t *testing.T) {
	h := header("")
	run := emptyRun(t, "run", h)
	d, err := result.Create(filepath.Join(t.TempDir(), "both"))
	ok(t, err)
	for _, name := range []string{"turn.gif", "surface.png", "plain.png", "plain.svg"} {
		ok(t, d.Write(name, func(w io.Writer) error {
			_, err := io.WriteString(w,
				`<svg viewBox="0 0 1 1"/>`)
			return err
		}))
	}
	ok(t, d.Finish(&result.Document{
		Analysis: "compare", Summary: struct {
			Runs int `json:"runs"`
		}{2},
		Warnings: []analyze.Warning{{
			Code: "w",
			Text: "one basis",
		}}, Provenance: result.Provenance{Method: "Side by side.", Citation: "@misc{shared}"},
	}))
	shared, err := report.OpenResult(d.Path())
	ok(t, err)
	one := open(t, run)
	html := write(t, report.Options{Shared: []report.Result{shared}}, one, one)
	for _, want := range []string{
		`<h2 id="all-both-h">Comparison of runs (both)</h2>`, `<li>One basis.</li>`, "Side by side.",
		"<li>shared.</li>", `<a href="#all-both">`,
		`<img src="data:image/gif;base64,`, `alt="Figure surface of the analysis both."`,
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Count(html, "<img ") != 2 || strings.Count(html, "<svg ") != 1 {
		t.Errorf("%d images and %d drawings; want 2 and 1", strings.Count(html, "<img "), strings.Count(html, "<svg "))
	}
	if _, err := report.OpenResult(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory without a result: %v", err)
	}
}

func TestOtherRecording(t *testing.T) {
	run := fullRun(t, "c")
	h := header("another one")
	h.Data.Hash = "sha256:11"
	b, err := h.Encode()
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(run, "header.json"), b, 0o666))
	html := write(t, report.Options{}, open(t, run))
	for _, want := range []string{
		"These numbers come from another recording",
		"The loss was not evaluated on the data of the run",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestDamaged(t *testing.T) {
	for _, c := range []struct {
		file, content, want string
	}{
		{"analysis/walk/summary.json", `{"analysis": "walk", `, "analysis/walk/summary.json: unexpected end of JSON " +
			"input"},
		{
			"analysis/walk/summary.json", `{"analysis": "walk", "summary": 3}`,
			"analysis/walk/summary.json: its summary is missing or not a JSON object",
		},
		{
			"analysis/walk/summary.json", `{"summary": {}}`,
			"analysis/walk/summary.json: the name of the analysis is missing",
		},
		{
			"analysis/walk/summary.json", `{"analysis": "walk", "summary": {"segments": "many"}}`,
			"analysis/walk/summary.json: summary.segments is a JSON string; it must be of type int",
		},
		{
			"analysis/pca/summary.json", `{"analysis": "pca", "summary": {"explained_variance_ratio": [[]]}}`,
			"analysis/pca/summary.json: summary.explained_variance_ratio is a JSON array; it must be of type float64",
		},
		{"analysis/walk/walk.svg", "<svg><g></svg>", "analysis/walk/walk.svg: it is not an SVG figure"},
		{"analysis/walk/walk.svg", "<html/>", "analysis/walk/walk.svg: it is not an SVG figure: its root is <html>"},
		{"analysis/walk/walk.svg", "", "analysis/walk/walk.svg: it is not an SVG figure: it is empty"},
		{
			"analysis/path/path.csv", "step,batch_loss\n0,a lot\n",
			`analysis/path/path.csv: row 1: batch_loss is "a lot"; it must be a number`,
		},
		{"header.json", "{}", "header.json: record: header: format is 0"},
	} {
		run := fullRun(t, "c")
		ok(t, os.WriteFile(filepath.Join(run, c.file), []byte(c.content), 0o666))
		whole := open(t, fullRun(t, "c"))
		r, err := report.Open(run)
		if err == nil && len(r.Unreadable) == 1 {
			// One result is lost and the others are there, and the page says which.
			err = r.Unreadable[0].Err
			if len(r.Results) != len(whole.Results)-1 {
				t.Errorf("%s: %d results are left of %d", c.file, len(r.Results), len(whole.Results))
			}
			if html := write(t, report.Options{}, r); !strings.Contains(html, "The result "+r.Unreadable[0].Name+
				" cannot be read and is not shown") {
				t.Errorf("%s: the page does not name the unreadable result", c.file)
			}
		}
		if err == nil || !strings.Contains(filepath.ToSlash(err.Error()), c.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s with %.30q: %v; want %q in it", c.file, c.content, err, c.want)
		}
	}
	run := fullRun(t, "c")
	ok(t, os.Remove(filepath.Join(run, "analysis", "walk", "walk.svg")))
	if r, err := report.Open(run); err != nil || len(r.Unreadable) != 1 ||
		!strings.Contains(r.Unreadable[0].Err.Error(), "walk.svg") {
		t.Errorf("a figure that is gone: %v, %v", err, r.Unreadable)
	}
	if _, err := report.Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not a run") {
		t.Errorf("a directory without a header: %v", err)
	}
}

// Along a run the shares are distributions, at one iterate they are numbers.
func TestCurvatureAlongARun(t *testing.T) {
	run := fullRun(t, "c")
	dir := filepath.Join(run, "analysis", "curvature")
	ok(t, os.MkdirAll(dir, 0o777))
	summary := `{"analysis": "curvature", "summary": {"rows": 3, "first_step": 0, "last_step": 10, "top": 2,
		"lambda_max": {"count": 3, "mean": 2, "min": 1, "max": 3}, "loss_change": {"count": 3, "mean": -0.1},
		"grad_dominant_share": {"count": 3, "mean": 0.25}, "random_dominant_share": 0.01}}`
	ok(t, os.WriteFile(filepath.Join(dir, "summary.json"), []byte(summary), 0o666))
	r := open(t, run)
	if len(r.Unreadable) > 0 {
		t.Fatal(r.Unreadable)
	}
	if html := write(t, report.Options{}, r); !strings.Contains(html, "25\u00a0%") && !strings.Contains(html, "25 %") {
		t.Error("the page lacks the mean share")
	}
}

func TestOptions(t *testing.T) {
	r := report.DefaultPlotly
	for _, o := range []report.Options{
		{Plotly: []byte("hello")},
		{Plotly: []byte{}},
		{Plotly: []byte("Plotly \xff")},
		{Plotly: fakePlotly, PlotlyRelease: r},
		{PlotlyRelease: report.Release{URL: r.URL}},
		{PlotlyRelease: report.Release{Integrity: r.Integrity}},
		{PlotlyRelease: report.Release{URL: strings.Replace(r.URL, "https", "http", 1), Integrity: r.Integrity}},
		{PlotlyRelease: report.Release{URL: "https://cdn.example/plotly-latest.min.js", Integrity: r.Integrity}},
		{PlotlyRelease: report.Release{URL: r.URL + "; script-src *", Integrity: r.Integrity}},
		{PlotlyRelease: report.Release{URL: r.URL, Integrity: "sha384-AAAA"}},
		{PlotlyRelease: report.Release{URL: r.URL, Integrity: "md5-AAAA"}},
	} {
		if err := report.Write(io.Discard, nil, o); !errors.Is(err, report.ErrOptions) {
			t.Errorf("%.40q %v: %v", o.Plotly, o.PlotlyRelease, err)
		}
	}
	if err := report.Write(io.Discard, nil, report.Options{}); err == nil {
		t.Error("no runs give a report")
	}
	one := open(t, emptyRun(t, "run", header("")))
	if err := report.Write(full{}, []report.Run{one}, report.Options{}); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
	if err := report.Write(io.Discard, []report.Run{{Name: "x"}}, report.Options{}); err == nil {
		t.Error("a run without a header gives a report")
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
