package main

import (
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

// TestVersion: --version prints the version and, of a build that knows it, the commit.
func TestVersion(t *testing.T) {
	if out, _ := wantStatus(t, exitOK, "--version"); strings.TrimSpace(out) != build() {
		t.Errorf("--version prints %q, not %q", out, build())
	}
	for _, c := range []struct {
		settings string
		want     string
	}{
		{"", ""},
		{"vcs=git vcs.modified=true", ""},
		{"vcs=git vcs.revision=0123456789abcdef0123 vcs.modified=false", "0123456789ab"},
		{"vcs=git vcs.revision=0123456789abcdef0123 vcs.modified=true", "0123456789ab-modified"},
		{"vcs.revision=12", "12"},
	} {
		var settings []debug.BuildSetting
		for _, s := range strings.Fields(c.settings) {
			key, value, _ := strings.Cut(s, "=")
			settings = append(settings, debug.BuildSetting{Key: key, Value: value})
		}
		if got := commitOf(settings); got != c.want {
			t.Errorf("%s: commit %q, want %q", c.settings, got, c.want)
		}
	}
	commit = "0123456789ab"
	defer func() { commit = "" }()
	if got, want := build(), software+" (commit 0123456789ab)"; got != want {
		t.Errorf("a release prints %q, want %q", got, want)
	}
}

// TestChangelog: the first section of the changelog is about this version.
func TestChangelog(t *testing.T) {
	text, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n## ")
	if title, _, _ := strings.Cut(rest, "\n"); !strings.HasPrefix(title, version) {
		t.Errorf("CHANGELOG.md begins with %q; this is version %s", title, version)
	}
}
