package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// listed is what the arrows are read from: one package as `go list` sees it.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "sgdwalk/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath == "sgdwalk" || strings.HasPrefix(p.ImportPath, "sgdwalk/") {
			packages = append(packages, p)
		}
	}
	if len(packages) < 8 {
		t.Fatalf("go list shows %d packages of the module: the arrows cannot be held against so few", len(packages))
	}
	return packages
}

func area(path string) string {
	switch path {
	case "sgdwalk/notebooks/python": // a file for other programs, which the command prints
		return "python"
	case "sgdwalk/cmd/runloss": // opens runs for the command and for notebooks
		return "runloss"
	}
	parts := strings.Split(path, "/")
	if parts[0] != "sgdwalk" || len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// TestArrows holds the imports to one direction: cmd and notebooks see all,
// train and analyze see record and never each other, record sees nothing above
// itself. Dependencies count, not only direct imports.
func TestArrows(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{
		"record":    {"record"},
		"train":     {"train", "record"},
		"analyze":   {"analyze", "record"},
		"cmd":       {"cmd", "runloss", "train", "analyze", "record", "python"},
		"runloss":   {"runloss", "train", "analyze", "record"},
		"python":    {"python"},
		"notebooks": {"notebooks", "runloss", "train", "analyze", "record"},
	}
	for _, p := range listPackages(t) {
		may, known := allowed[area(p.ImportPath)]
		if !known {
			t.Errorf("%s lies in no known area", p.ImportPath)
		}
		for _, d := range p.Deps {
			if a := area(d); a != "" && !slices.Contains(may, a) {
				t.Errorf("%s depends on %s; allowed areas are %v", p.ImportPath, d, may)
			}
		}
	}
}

// TestVocabularyIsStandardLibraryOnly keeps package record free of dependencies.
func TestVocabularyIsStandardLibraryOnly(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.ImportPath != "sgdwalk/record" {
			continue
		}
		for _, d := range p.Deps {
			if first, _, _ := strings.Cut(d, "/"); strings.Contains(first, ".") {
				t.Errorf("package record depends on %s; it may import the standard library only", d)
			}
		}
	}
}

// TestOneImporter keeps every heavy dependency behind one package: Gorgonia
// behind train/nn (and its ops), Arrow behind record/arrowfile, gonum/plot
// behind the canvas of analyze/figure. The rooms beneath figure are used by
// analyze/draw alone, which turns results into figures. Tests may use the
// dependencies as independent judges.
func TestOneImporter(t *testing.T) {
	importers := map[string][]string{
		"gorgonia.org/":            {"sgdwalk/train/nn", "sgdwalk/train/nn/op"},
		"github.com/apache/arrow/": {"sgdwalk/record/arrowfile"},
		"gonum.org/v1/plot":        {"sgdwalk/analyze/figure/internal/canvas"},

		"sgdwalk/analyze/figure/surface": {"sgdwalk/analyze/draw"},
		"sgdwalk/analyze/figure/animate": {"sgdwalk/analyze/draw"},
		"sgdwalk/analyze/figure/vtk":     {"sgdwalk/analyze/draw"},

		"github.com/alecthomas/":    {"sgdwalk/cmd/sgdwalk", "sgdwalk/cmd/internal/completion"},
		"github.com/vbauerster/mpb": {"sgdwalk/cmd/internal/terminal"},
		"github.com/janpfeifer/":    {"sgdwalk/notebooks/show"},
	}
	for _, p := range listPackages(t) {
		for _, i := range p.Imports {
			for prefix, may := range importers {
				if strings.HasPrefix(i, prefix) && !slices.Contains(may, p.ImportPath) {
					t.Errorf("%s imports %s; only %v may", p.ImportPath, i, may)
				}
			}
		}
	}
}

// TestGarbageCollectorPin holds the one pin without which every program that
// imports Gorgonia panics at start on this Go release.
func TestGarbageCollectorPin(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	pin := regexp.MustCompile(`(?m)^\s*go4\.org/unsafe/assume-no-moving-gc v0\.0\.0-20231121144256-b99613f794b6\b`)
	if !pin.Match(mod) {
		t.Error("go.mod does not pin go4.org/unsafe/assume-no-moving-gc v0.0.0-20231121144256-b99613f794b6")
	}
}
