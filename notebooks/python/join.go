package python

import (
	"fmt"
	"regexp"
	"strings"
)

// A Module is one file of a Python package.
type Module struct {
	Name string // without .py
	Text string
}

var (
	relative  = regexp.MustCompile(`^\s*from \.(\w*) import (.*)$`)
	absolute  = regexp.MustCompile(`^(import|from) [\w.]+.*$`)
	defined   = regexp.MustCompile(`^(?:class|def|async def) (\w+)|^(\w+)(?:: [^=]+)? = `)
	docstring = regexp.MustCompile(`(?s)\A"""(.*?)"""\n`)
)

// Join returns the modules of a package as one Python file with the same public
// names. The last module is __init__; its docstring becomes that of the file. Each
// other module follows under a comment that has its name and its docstring. Imports
// from the package are left out, because the names are defined above, and repeated
// imports of other modules too. So a traceback shows the lines of the printed file.
//
// Join returns an error that names the module and the line when the file would not
// mean the same as the package:
//   - two modules define the same name at top level, private names included;
//   - a module imports from a module that is not before it (so there are no cycles),
//     imports a name under another one, or imports from the package inside a function;
//   - a module has no docstring.
func Join(modules []Module) (string, error) {
	var out strings.Builder
	owner := map[string]string{}  // module of every name
	imported := map[string]bool{} // lines of imports
	before := map[string]bool{}
	for i, m := range modules {
		doc := docstring.FindStringSubmatch(m.Text)
		if doc == nil {
			return "", fmt.Errorf("python: module %s has no docstring", m.Name)
		}
		if i == 0 {
			first := docstring.FindStringSubmatch(modules[len(modules)-1].Text)
			if first == nil {
				return "", fmt.Errorf("python: module %s has no docstring", modules[len(modules)-1].Name)
			}
			out.WriteString(first[0] + "\nfrom __future__ import annotations\n")
		}
		if m.Name != "__init__" {
			fmt.Fprintf(&out, "\n\n# %s.py. %s\n", m.Name, strings.ReplaceAll(strings.TrimSpace(doc[1]), "\n", "\n# "))
			out.WriteString("\n")
		}
		body, err := body(m, m.Text[len(doc[0]):], before, owner, imported)
		if err != nil {
			return "", err
		}
		out.WriteString(body)
		before[m.Name] = true
	}
	return blanks.ReplaceAllString(strings.ReplaceAll(out.String(), "# \n", "#\n"), "\n\n\n"), nil
}

var blanks = regexp.MustCompile(`\n{4,}`)

// body returns the lines of a module that the single file has.
func body(m Module, text string, before map[string]bool, owner map[string]string, imported map[string]bool) (string, error) {
	var out strings.Builder
	skipping := false // inside the parentheses of an import that is left out
	for n, line := range strings.SplitAfter(text, "\n") {
		fail := func(format string, args ...any) (string, error) {
			at := strings.Count(m.Text[:len(m.Text)-len(text)], "\n") + n + 1
			return "", fmt.Errorf("python: %s.py, line %d: %s", m.Name, at, fmt.Sprintf(format, args...))
		}
		bare := strings.TrimRight(line, "\n")
		switch from := relative.FindStringSubmatch(bare); {
		case skipping:
			if strings.Contains(bare, " as ") {
				return fail("an import gives a name another one")
			}
			skipping = !strings.HasPrefix(bare, ")")
			continue
		case from != nil && bare[0] == ' ':
			return fail("an import from the package inside a function")
		case from != nil && !before[from[1]]:
			return fail("it imports from %q, which is not before it", from[1])
		case from != nil && strings.Contains(from[2], " as "):
			return fail("an import gives a name another one")
		case from != nil:
			skipping = from[2] == "("
			continue
		case strings.HasPrefix(bare, "from __future__"):
			continue
		case absolute.MatchString(bare):
			if imported[bare] {
				continue
			}
			imported[bare] = true
		default:
			if d := defined.FindStringSubmatch(bare); d != nil {
				name := d[1] + d[2]
				if was := owner[name]; was != "" && was != m.Name {
					return fail("the name %s is that of %s.py too", name, was)
				}
				owner[name] = m.Name
			}
		}
		out.WriteString(line)
	}
	return out.String(), nil
}
