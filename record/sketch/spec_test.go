package sketch

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseSpec(t *testing.T) {
	for text, want := range map[string]Spec{
		"":                    {},
		"project:256":         {Project: 256},
		"project:256:7":       {Project: 256, Seed: 7},
		"subset:conv*":        {Subset: []string{"conv*"}},
		"subset:a,b?.*":       {Subset: []string{"a", "b?.*"}},
		"float16":             {Precision: Float16},
		"bfloat16":            {Precision: BFloat16},
		"subset:x+project:16": {Subset: []string{"x"}, Project: 16},
		"subset:*+project:20:18446744073709551615+bfloat16": {
			Subset: []string{"*"}, Project: 20, Seed: 1<<64 - 1,
			Precision: BFloat16,
		},
	} {
		got, err := ParseSpec(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", text, d)
		}
		if got.String() != text {
			t.Errorf("%q came back as %q", text, got)
		}
	}
}

func TestParseSpecRefused(t *testing.T) {
	for text, want := range map[string]string{
		"project":              `"project" is not a part of a sketch`,
		"projekt:256":          `"projekt:256" is not a part`,
		"project:x":            `project is "x"; it must be a whole number`,
		"project:10":           "multiple of 4 from 16 to 16384",
		"project:0":            "project is 0",
		"project:16:":          `seed of project is ""`,
		"project:16:-1":        `seed of project is "-1"`,
		"subset:":              `pattern ""`,
		"subset:a,,b":          `pattern ""`,
		"float16+bfloat16":     "wrong place",
		"float16+project:16":   "wrong place",
		"project:16+subset:*":  "wrong place",
		"project:16+project:8": "multiple of 4",
		"float32":              "not a part of a sketch",
		"+":                    `"" is not a part`,
	} {
		if _, err := ParseSpec(text); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.HasPrefix(err.Error(), "sketch: ") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for name, s := range map[string]Spec{
		"seed alone": {Seed: 1}, "workers": {Workers: -1}, "precision": {Precision: 3},
		"empty subset": {Subset: []string{}},
		"plus":         {Subset: []string{"a+b"}}, "project": {Project: 3},
	} {
		if s.Validate() == nil {
			t.Errorf("%s: %+v was accepted", name, s)
		}
	}
}

// Any text is refused or comes back.
func TestParseSpecProperty(t *testing.T) {
	word := rapid.SampledFrom([]string{
		"subset:a*", "subset:", "project:16", "project:32:5", "project:016", "float16",
		"bfloat16", "+", ":", "7", ",",
	})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(word, 0, 5).Draw(t, "words"),
			rapid.SampledFrom([]string{"+", ""}).Draw(t, "glue"))
		s, err := ParseSpec(text)
		if err != nil {
			return
		}
		again, err := ParseSpec(s.String())
		if err != nil || !cmp.Equal(s, again) {
			t.Fatalf("%q became %q became %+v, %v", text, s, again, err)
		}
	})
}
