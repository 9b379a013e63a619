package report

import (
	"strings"
	"testing"

	"sgdwalk/analyze/result"
)

// A summary of an older version may lack any key: every analysis decodes it, and the page describes it.
func TestEmptySummaries(t *testing.T) {
	for _, a := range analyses {
		for _, text := range []string{
			`{}`, `{"rows": 3}`, `{"matrix": "empirical-fisher"}`,
			`{"plane": {}, "curve": {}, "path": null}`,
		} {
			s, err := decode(a.name, []byte(text), nil)
			if err != nil {
				if a.name != "compare" || !strings.Contains(err.Error(), "JSON object") {
					t.Errorf("%s: %s: %v", a.name, text, err)
				}
				continue
			}
			r := Result{Name: a.name, Document: &result.Document{Analysis: a.name}, Summary: s}
			if got := r.section(); !strings.HasPrefix(a.title, strings.Split(got.Title, ",")[0]) ||
				len(got.Reading) == 0 {
				t.Errorf("%s: %s: %+v", a.name, text, got)
			}
			r.caption("curvature")
		}
	}
	if s, err := decode("novelty", []byte(`{}`), nil); s != nil || err != nil {
		t.Errorf("an analysis that is not known: %v, %v", s, err)
	}
}
