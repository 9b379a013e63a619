package record_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func TestMatchName(t *testing.T) {
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a.b/c", true},
		{"conv*", "conv1.weight", true},
		{"conv*", "linear.conv", false},
		{"*.bias", "a.b.bias", true},
		{"*a*b", "xaxxbxb", true},
		{"*a*b", "xaxxbxc", false},
		{"?", "", false},
		{"?", "é", true},
		{"a?c", "abc", true},
		{"[a]", "a", false},
		{"[a]", "[a]", true},
	} {
		if got := record.MatchName(test.pattern, test.name); got != test.want {
			t.Errorf("%q on %q: %v, want %v", test.pattern, test.name, got, test.want)
		}
	}
}

// The regular expression of a pattern says the same.
func TestMatchNameProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab*?.")), 0, 8, -1).Draw(t, "pattern")
		name := rapid.StringOfN(rapid.SampledFrom([]rune("ab.")), 0, 10, -1).Draw(t, "name")
		re := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
		if got, want := record.MatchName(pattern, name), regexp.MustCompile("^"+re+"$").MatchString(name); got != want {
			t.Fatalf("%q on %q: %v, want %v", pattern, name, got, want)
		}
	})
}

func TestSelect(t *testing.T) {
	l := recordtest.Header(5).Layout // linear1.weight, linear1.bias
	got, err := l.Select("*bias", "linear1*")
	if err != nil || !slices.Equal(got, []int{0, 1}) {
		t.Errorf("%v, %v; want both in their order", got, err)
	}
	if got, err := l.Select(); err != nil || got != nil {
		t.Errorf("no pattern took %v, %v", got, err)
	}
	const want = `record: pattern "conv*" matches no tensor; the tensors are linear1.weight, linear1.bias`
	if _, err := l.Select("*bias", "conv*"); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
