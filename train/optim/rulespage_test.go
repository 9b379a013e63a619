package optim

import (
	"os"
	"strings"
	"testing"
)

// TestRulesPage: RULES.md has every optimizer and every schedule.
func TestRulesPage(t *testing.T) {
	text, err := os.ReadFile("RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, name := range Names() {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("RULES.md does not have the optimizer %s", name)
		}
		r, _ := find(name)
		if r.innerRows > 0 || r.innerBatches != nil {
			_, inner, _ := strings.Cut(page, "## What a row has")
			if !strings.Contains(inner, "`"+name+"`") {
				t.Errorf("RULES.md does not say what the inner iterates of %s are", name)
			}
		}
	}
	_, schedules, _ := strings.Cut(page, "## Schedules")
	for _, form := range strings.Split(strings.ReplaceAll(ScheduleForms, " each also after ", " "), ", ") {
		shape, _, _ := strings.Cut(form, ":")
		if !strings.Contains(schedules, "`"+shape) {
			t.Errorf("RULES.md does not have the schedule %s", form)
		}
	}
}
