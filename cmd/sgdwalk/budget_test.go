package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"sgdwalk/record"
)

var suggestion = regexp.MustCompile(`; (--record \S+) fits with`)

// TestSuggestionFits: what a refusal suggests can be put behind the command, which
// then takes no more than it may: rows with gradients and statistics, inner
// iterates, reduced rows.
func TestSuggestionFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args, limits []string
	}{
		{[]string{"--model", "mlp:32", "--batch", "10", "--epochs", "2"}, []string{"1MB", "300kB", "60kB"}},
		{
			[]string{"--model", "mlp:8", "--batch", "50", "--epochs", "10", "--optimizer", "entropy-sgd", "--grad"},
			[]string{"1MB", "300kB", "150kB"},
		},
		{
			[]string{"--model", "mlp:8", "--batch", "20", "--epochs", "2", "--optimizer", "schedule-free-sgd", "--grad"},
			[]string{"1MB", "300kB", "100kB"},
		},
		{[]string{
			"--model", "mlp:32", "--batch", "20", "--epochs", "2", "--sketch", "float16", "--record-grad",
			"every:7",
		}, []string{"1MB", "150kB"}},
	} {
		args := append([]string{"train", "--data", "digits", "--quiet"}, c.args...)
		for _, limit := range c.limits {
			dir := filepath.Join(t.TempDir(), "run")
			more := append(args[:len(args):len(args)], "--max-bytes", limit, "--out", dir)
			_, stderr := wantStatus(t, exitUsage, more...)
			m := suggestion.FindStringSubmatch(stderr)
			if m == nil {
				t.Fatalf("%q: %q suggests nothing", more, stderr)
			}
			schedule := m[1][len("--record "):]
			wantStatus(t, exitOK, append(more, "--record", schedule)...)
			paths, err := filepath.Glob(filepath.Join(dir, "steps-*.arrow"))
			if err != nil || len(paths) == 0 {
				t.Fatalf("%q, %v", paths, err)
			}
			size := int64(0)
			for _, path := range paths {
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				size += info.Size()
			}
			most, err := record.ParseBytes(limit)
			if err != nil {
				t.Fatal(err)
			}
			if size > int64(most) || size < int64(most)/4 {
				t.Errorf("%q: %s takes %d bytes of %d", more, schedule, size, most)
			}
		}
	}
}
