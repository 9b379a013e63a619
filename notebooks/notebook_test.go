package notebooks

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notebook is what is read of an .ipynb file.
type notebook struct {
	Cells []struct {
		Type      string            `json:"cell_type"`
		Source    []string          `json:"source"`
		Execution *int              `json:"execution_count"`
		Outputs   []json.RawMessage `json:"outputs"`
	} `json:"cells"`
	Format   int `json:"nbformat"`
	Metadata struct {
		Kernel struct {
			Name string `json:"name"`
		} `json:"kernelspec"`
	} `json:"metadata"`
}

func readNotebook(t *testing.T, file string) *notebook {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n := new(notebook)
	if err := json.Unmarshal(text, n); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	kernel := "gonb"
	if filepath.Dir(file) == "python" {
		kernel = "python3"
	}
	if n.Format != 4 || n.Metadata.Kernel.Name != kernel || len(n.Cells) == 0 {
		t.Fatalf("%s: format %d, kernel %q, %d cells; want format 4 and the kernel %s",
			file, n.Format, n.Metadata.Kernel.Name, len(n.Cells), kernel)
	}
	return n
}

func notebooks(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.ipynb")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %d notebooks (%v)", len(files), err)
	}
	return files
}

// cells is a notebook as Go: what GoNB remembers from cell to cell, and the body
// that each cell runs.
type cells struct {
	imports []string // import specs
	decls   []string // functions, types, variables and constants
	bodies  []string // of the cells with %%
	at      []int    // index of the cell of each body
}

// parseCells does with the code cells what GoNB does, for the part of its language
// that the notebooks use: lines that begin with ! or % are for the kernel; what
// follows %% is the body of main; everything else is declarations, which stay for
// the cells below.
func parseCells(n *notebook) (*cells, error) {
	out, known := new(cells), make(map[string]int)
	used := make(map[string]int) // identifiers, and the first cell that has them
	for i, c := range n.Cells {
		if c.Type != "code" {
			continue
		}
		var decls, body []string
		inBody := false
		for _, line := range strings.Split(strings.Join(c.Source, ""), "\n") {
			switch {
			case line == "%%":
				inBody = true
			case strings.HasPrefix(line, "!") || strings.HasPrefix(line, "%"):
			case inBody:
				body = append(body, line)
			default:
				decls = append(decls, line)
			}
		}
		names, err := out.declare(strings.Join(decls, "\n"))
		if err != nil {
			return nil, fmt.Errorf("cell %d: %w", i, err)
		}
		for _, name := range names {
			if first, again := known[name]; again {
				return nil, fmt.Errorf("cell %d declares %s again, as cell %d does", i, name, first)
			}
			known[name] = i
			if first, early := used[name]; early && first < i {
				return nil, fmt.Errorf("cell %d may use %s, which cell %d declares: the kernel does not know it there",
					first, name, i)
			}
		}
		if inBody {
			out.bodies, out.at = append(out.bodies, strings.Join(body, "\n")), append(out.at, i)
		}
		for _, word := range regexp.MustCompile(`\b[a-zA-Z_]\w*\b`).FindAllString(strings.Join(append(decls, body...),
			"\n"), -1) {
			if _, seen := used[word]; !seen {
				used[word] = i
			}
		}
	}
	return out, nil
}

// declare takes the declarations of a cell apart and returns the names of the
// functions and types among them.
func (c *cells) declare(text string) (names []string, err error) {
	src := "package p\n" + text
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "", src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	for _, d := range f.Decls {
		piece := src[files.Position(d.Pos()).Offset:files.Position(d.End()).Offset]
		switch d := d.(type) {
		case *ast.FuncDecl:
			names = append(names, d.Name.Name)
		case *ast.GenDecl:
			if d.Tok == token.IMPORT {
				for _, s := range d.Specs {
					spec := src[files.Position(s.Pos()).Offset:files.Position(s.End()).Offset]
					if !slices.Contains(c.imports, spec) {
						c.imports = append(c.imports, spec)
					}
				}
				continue
			}
			for _, s := range d.Specs {
				if s, ok := s.(*ast.TypeSpec); ok {
					names = append(names, s.Name.Name)
				}
			}
		}
		c.decls = append(c.decls, piece)
	}
	return names, nil
}

// source is the notebook as a package with one function a cell.
func (c *cells) source(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\n\nimport (\n", name)
	for _, s := range c.imports {
		fmt.Fprintf(&b, "\t%s\n", s)
	}
	fmt.Fprintf(&b, ")\n\n%s\n\n// Cells are the cells.\nvar Cells = []func(){", strings.Join(c.decls, "\n\n"))
	for _, body := range c.bodies {
		fmt.Fprintf(&b, "\n\tfunc() {\n%s\n\t},", body)
	}
	b.WriteString("\n}\n")
	return b.String()
}
