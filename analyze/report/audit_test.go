package report_test

import (
	"fmt"
	"strings"
	"testing"

	"sgdwalk/analyze/audit"
	"sgdwalk/analyze/draw"
	"sgdwalk/analyze/figure"
	"sgdwalk/analyze/report"
	"sgdwalk/record"
)

// auditedRun is a run with an audit of two checkpoints that has the given findings.
func auditedRun(t testing.TB, findings []audit.Finding) string {
	t.Helper()
	h := header("c")
	run := emptyRun(t, "series", h)
	r := &audit.Result{
		Summary: audit.Summary{Checkpoints: 2, LastStep: 10, Tensors: 3, Parameters: 6, List: findings, Sketch: &audit.Sketched{}},
		Distances: audit.Distances{
			Steps: []int64{0, 10}, Values: [][]float64{{0, 1}, {1, 0}},
		},
	}
	for _, f := range findings {
		switch f.Severity {
		case audit.Fault:
			r.Faults++
		case audit.Warning:
			r.Warnings++
		}
	}
	figures := map[string]figure.Figure{}
	for _, n := range draw.Audit("series", r) {
		figures[n.Name] = n.Figure
	}
	table := r.Table()
	keep(t, run, "audit", "audit", h, r.Summary, audit.Options{}, nil, "", map[string]*record.Table{"findings": &table},
		figures)
	return run
}

// TestAudit: the section has the verdict, the figure, and each finding with its number, the
// expected number, its tensor and its file; the events are folded.
func TestAudit(t *testing.T) {
	html := write(t, report.Options{}, open(t, auditedRun(t, []audit.Finding{
		{
			Check: audit.OtherStep, Severity: audit.Fault, Step: 10, Tensors: []string{"w" + hostile, "b\x1b[1m\u202e"},
			File: "/home/somebody/secret/step10/model.bin", Value: record.Some(2.5), Expected: record.Some(1),
			Text: "step 10: " + hostile + " fits step 0 better",
		},
		{Check: audit.Frozen, Severity: audit.Warning, Step: -1, Text: "tensor c never changes"},
		{Check: audit.Faster, Severity: audit.Event, Step: 0, Text: "from step 0 on, the walk is faster"},
	})))
	for _, want := range []string{
		"<h3>Is every checkpoint what its step says?</h3>\n<p>1 error and 1 warning in 2 checkpoints, steps 0 to 10, 3 tensors.</p>",
		"<caption>Errors (1)</caption>", "<caption>Warnings (1)</caption>",
		"<summary>Events, which are no faults (1)</summary>",
		`<td class="n">2.5</td><td class="n">1</td>`, ">step10/model.bin</td>",
		`<tr><th scope="row">all</th><td class="t">Tensor c never changes.</td></tr>`,
		"Distances between the checkpoints, with marks", `b\x1b[1m\u202e`,
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"<script>alert", "<img src=x", "\x1b", "\u202e", "/home/somebody/secret/step10"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	_, events, _ := strings.Cut(html, "<summary>Events")
	if events, _, _ = strings.Cut(events, "</details>"); !strings.Contains(events, ">From step 0 on, the walk is faster.</td>") {
		t.Error("the events are not folded")
	}
}

// TestAuditWithManyFindings: the section has a few sentences, and says where the rest is.
func TestAuditWithManyFindings(t *testing.T) {
	var findings []audit.Finding
	for i := range 86 {
		findings = append(findings, audit.Finding{
			Check: audit.SameCheckpoint, Severity: audit.Fault, Step: int64(i), Text: fmt.Sprintf("step %d is another", i),
		})
	}
	html := write(t, report.Options{}, open(t, auditedRun(t, findings)))
	for _, want := range []string{
		"<li>Error: step 4 is another.</li>\n<li>The tables below have 81 more findings.</li>", "<caption>Errors (86)</caption>",
		"These are the first 50 of 86 rows; findings.csv has all of them.",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(html, "step 5 is another.</li>") || strings.Contains(html, "Warnings (0)") {
		t.Error("the page has a sixth sentence or an empty table")
	}
}
