package python

import (
	"slices"
	"strings"
	"testing"
)

// TestSource: the single file has every module, in its order, and nothing of the
// package's own imports.
func TestSource(t *testing.T) {
	entries, err := files.ReadDir("sgdwalk")
	if err != nil {
		t.Fatal(err)
	}
	source := Source()
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".py")
		if !slices.Contains(modules, name) {
			t.Errorf("module %s is not part of the single file", name)
		}
		if name != "__init__" && strings.Count(source, "\n# "+e.Name()+". ") != 1 {
			t.Errorf("the single file does not have %s once", e.Name())
		}
	}
	if len(entries) != len(modules) {
		t.Errorf("%d modules in the folder, %d in the single file", len(entries), len(modules))
	}
	for _, line := range strings.Split(source, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "from .") {
			t.Errorf("the single file imports from the package: %s", line)
		}
	}
}

// TestJoin: what would not mean the same in one file is refused by name and line.
func TestJoin(t *testing.T) {
	const a = "\"\"\"A.\n\nMore.\n\"\"\"\nfrom __future__ import annotations\n\nimport os\n\nX = 1\n"
	join := func(text string) (string, error) {
		return Join([]Module{{"a", a}, {"b", text}, {"__init__", "\"\"\"All.\"\"\"\nfrom .a import X\n\n__all__ = [\"X\"]\n"}})
	}
	got, err := join("\"\"\"B.\"\"\"\nimport os\nfrom .a import (\n    X,\n)\n\ndef f():\n    return X\n")
	want := "\"\"\"All.\"\"\"\n\nfrom __future__ import annotations\n\n\n# a.py. A.\n#\n# More.\n\n\nimport os\n\nX = 1\n" +
		"\n\n# b.py. B.\n\n\ndef f():\n    return X\n\n__all__ = [\"X\"]\n"
	if err != nil || got != want {
		t.Errorf("%v\n%q\nwant\n%q", err, got, want)
	}
	for text, want := range map[string]string{
		"X = 2\n":                                            "b has no docstring",
		"\"\"\"B.\"\"\"\nX = 2\n":                            "b.py, line 2: the name X is that of a.py too",
		"\"\"\"B.\"\"\"\nX: int = 2\n":                       "the name X is that of a.py too",
		"\"\"\"B.\"\"\"\n\ndef X():\n":                       "b.py, line 3: the name X is that of a.py too",
		"\"\"\"B.\"\"\"\nfrom .c import Y\n":                 `it imports from "c", which is not before it`,
		"\"\"\"B.\"\"\"\nfrom . import a\n":                  `it imports from "", which is not before it`,
		"\"\"\"B.\"\"\"\nfrom .a import X as Y\n":            "another one",
		"\"\"\"B.\"\"\"\nfrom .a import (\n    X as Y,\n)\n": "another one",
		"\"\"\"B.\"\"\"\ndef f():\n    from .a import X\n":   "line 3: an import from the package inside a function",
	} {
		if _, err := join(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}
