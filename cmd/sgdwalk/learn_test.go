package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sgdwalk/record/recordtest"
	"sgdwalk/train/nn/kernel"
)

// updateDocs writes what the program prints now into the pages, and figures into
// testdata/learn.
var updateDocs = flag.Bool("update", false, "write the outputs and figures of notebooks/LEARN.md and other pages, and REFERENCE.md")

// learnPages are the pages whose commands are run.
var learnPages = []string{"../../notebooks/LEARN.md", "../../train/LOOP.md", "../../train/dataset/ADDING.md"}

const (
	learnFigures = "../testdata/learn/" // as the pages link them
	elided       = "..."
)

// A page is divided into sessions by its headings of the second level. Each session has its own empty directory.
//
//   - A block "```LANGUAGE FILE" is a file of the session.
//   - In a block "```console" a line "$ COMMAND" is a command, and the lines behind it are its standard output. A line
//     "..." stands for any number of lines. The output of a command without such lines is not compared.
//   - A picture ![...](../testdata/learn/PATH) is the file PATH in the directory of the session.
type lesson struct {
	title string
	lines []string      // the lines of the page, with the heading
	spent time.Duration // processor time of the commands that were run
}

// lessons divides a page. The text before the first heading is the first session.
func lessons(page string) []lesson {
	var out []lesson
	inside := false
	for i, line := range strings.Split(page, "\n") {
		if strings.HasPrefix(line, "```") {
			inside = !inside
		}
		if title, ok := strings.CutPrefix(line, "## "); i == 0 || ok && !inside {
			out = append(out, lesson{title: title})
		}
		s := &out[len(out)-1]
		s.lines = append(s.lines, line)
	}
	return out
}

// needs returns the programs that the commands of a session start.
func (s *lesson) needs() []string {
	var names []string
	for _, line := range s.lines {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			names = append(names, strings.Fields(command)[0])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var pictureOf = regexp.MustCompile(`\]\(` + regexp.QuoteMeta(learnFigures) + `([^)]*)\)`)

// play runs a session in dir and returns its lines with the outputs that the commands printed.
func (s *lesson) play(t *testing.T, dir string, env []string, areNumbersSame bool) []string {
	t.Helper()
	var out []string
	for i := 0; i < len(s.lines); i++ {
		line := s.lines[i]
		out = append(out, line)
		for _, m := range pictureOf.FindAllStringSubmatch(line, -1) {
			s.picture(t, dir, m[1])
		}
		opened, isBlock := strings.CutPrefix(line, "```")
		if !isBlock {
			continue
		}
		end := i + 1 + slices.Index(s.lines[i+1:], "```")
		block := s.lines[i+1 : end]
		if fields := strings.Fields(opened); len(fields) == 2 {
			if err := os.WriteFile(filepath.Join(dir, fields[1]), []byte(strings.Join(block, "\n")+"\n"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if opened == "console" {
			block = s.console(t, dir, block, env, areNumbersSame)
		}
		out = append(append(out, block...), "```")
		i = end
	}
	return out
}

// picture checks that the session made a figure, or copies it for the page.
func (s *lesson) picture(t *testing.T, dir, name string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Errorf("%s: no command makes the figure %s: %v", s.title, name, err)
		return
	}
	kept := filepath.Join("../../notebooks", filepath.FromSlash(learnFigures+name))
	if *updateDocs {
		if err := os.MkdirAll(filepath.Dir(kept), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(kept, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if d := must(os.Stat(kept)); d.Size() > 300e3 {
		t.Errorf("%s has %d bytes; a figure of a page has at most 300 kB", name, d.Size())
	}
}

// console runs the commands of a block and returns the block with the printed outputs.
func (s *lesson) console(t *testing.T, dir string, block, env []string, areNumbersSame bool) []string {
	t.Helper()
	var out []string
	for i := 0; i < len(block); {
		command, ok := strings.CutPrefix(block[i], "$ ")
		if !ok {
			t.Fatalf("%s: %q follows no command", s.title, block[i])
		}
		next := i + 1
		for next < len(block) && !strings.HasPrefix(block[next], "$ ") {
			next++
		}
		shown := block[i+1 : next]
		out = append(out, block[i])
		printed := s.run(t, dir, command, env)
		compared := func(line string) string { return line }
		if !areNumbersSame {
			compared = wordsOf
		}
		switch {
		case len(shown) == 0:
		case matches(shown, printed, compared):
			out = append(out, shown...)
		case *updateDocs && !slices.Contains(shown, elided):
			out = append(out, printed...)
		default:
			renewed := renew(shown, printed)
			if !*updateDocs || !matches(renewed, printed, compared) {
				t.Errorf("%s: %q prints\n  %s\nthe page shows\n  %s\nThis writes the outputs to the page, except lines with "+
					"other words next to a line \"...\":\n  go test ./cmd/sgdwalk -run TestLearn -update", s.title, command,
					strings.Join(printed, "\n  "), strings.Join(shown, "\n  "))
			}
			out = append(out, renewed...)
		}
		i = next
	}
	return out
}

// run runs a command as a shell does that knows $NAME only, and returns the lines of its standard output.
func (s *lesson) run(t *testing.T, dir, command string, env []string) []string {
	t.Helper()
	fields := strings.Fields(command)
	for i, f := range fields {
		fields[i] = os.Expand(strings.Trim(f, "'"), func(name string) string {
			for _, e := range slices.Backward(env) {
				if value, ok := strings.CutPrefix(e, name+"="); ok {
					return value
				}
			}
			t.Fatalf("%s: %q needs $%s", s.title, command, name)
			return ""
		})
	}
	c := exec.Command(fields[0], fields[1:]...)
	c.Dir, c.Env = dir, env
	var stderr strings.Builder
	c.Stderr = &stderr
	stdout, err := c.Output()
	if c.ProcessState != nil {
		s.spent += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	if err != nil {
		t.Fatalf("%s: %q: %v\n%s%s", s.title, command, err, stdout, stderr.String())
	}
	if len(stdout) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(stdout), "\n"), "\n")
}

var digits = regexp.MustCompile(`[-+]?[0-9][0-9.e+-]*`)

// wordsOf replaces the numbers of a line.
func wordsOf(line string) string { return digits.ReplaceAllString(line, "#") }

// matches reports whether the printed lines are the shown ones; a line "..." is any number of lines.
func matches(shown, printed []string, compared func(string) string) bool {
	if len(shown) == 0 {
		return len(printed) == 0
	}
	if shown[0] == elided {
		for i := range len(printed) + 1 {
			if matches(shown[1:], printed[i:], compared) {
				return true
			}
		}
		return false
	}
	return len(printed) > 0 && compared(shown[0]) == compared(printed[0]) && matches(shown[1:], printed[1:], compared)
}

// renew replaces every shown line by the first printed one behind the place so far that has the same words.
func renew(shown, printed []string) []string {
	out := slices.Clone(shown)
	for i, line := range shown {
		if line == elided {
			continue
		}
		if k := slices.IndexFunc(printed, func(p string) bool { return wordsOf(p) == wordsOf(line) }); k >= 0 {
			out[i], printed = printed[k], printed[k+1:]
		}
	}
	return out
}

// TestLearn plays the sessions of the tutorial and of the pages for own loops and data: every command ends with status 0, prints what the page shows and
// makes the figures of the page. Processors without an instruction set of the kernels have
// other bits: there the words must be the same.
func TestLearn(t *testing.T) {
	t.Parallel()
	learn(t, func(s *lesson) bool { return !slices.Contains(s.needs(), "python3") })
}

// TestPythonLearn plays the session with PyTorch. Another version of PyTorch has other numbers.
func TestPythonLearn(t *testing.T) {
	interpreter := recordtest.Python(t, "torch")
	t.Setenv("PATH", filepath.Dir(interpreter)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	t.Setenv("PYTHONPATH", must(filepath.Abs("../../notebooks/python")))
	learn(t, func(s *lesson) bool { return slices.Contains(s.needs(), "python3") })
}

func learn(t *testing.T, isPlayed func(*lesson) bool) {
	env := append(os.Environ(), "CLONE="+must(filepath.Abs("../..")), "CGO_ENABLED=0", "GOFLAGS=",
		"GOPROXY=off", "GOSUMDB=off", "PYTHONDONTWRITEBYTECODE=1", formatsKey+"=")
	hasSameBits := kernel.Name() != "go" // all other instruction sets give the same bits
	played := 0
	var spent time.Duration
	for _, name := range learnPages {
		var page []string
		for _, s := range lessons(string(must(os.ReadFile(name)))) {
			lines := s.lines
			if needs := s.needs(); len(needs) > 0 && isPlayed(&s) {
				t.Run(filepath.Base(name)+" "+s.title, func(t *testing.T) {
					lines = s.play(t, t.TempDir(), env, hasSameBits && !slices.Contains(needs, "python3"))
					spent += s.spent
					t.Logf("%v of processor time", s.spent.Round(time.Millisecond))
				})
				played++
			}
			page = append(page, lines...)
		}
		if *updateDocs && !t.Failed() {
			if err := os.WriteFile(name, []byte(strings.Join(page, "\n")), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	if played == 0 {
		t.Fatal("the pages have no session to play")
	}
	if limit := 4 * time.Minute; spent > limit { // two minutes on two cores
		t.Errorf("the sessions take %v of processor time; at most %v are allowed", spent, limit)
	}
}

const referencePage = "REFERENCE.md"

// TestReference: REFERENCE.md is what --help prints.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Command line\n\nWhat `--help` prints, of the program and of every verb. This page is generated: " +
		"`go test ./cmd/sgdwalk -run TestReference -update` writes it.\n\n")
	help := func(args ...string) string {
		out, _ := wantStatus(t, exitOK, append(args, "--help")...)
		return "```text\n" + strings.TrimRight(out, "\n") + "\n```\n"
	}
	parser := must(newParser(new(cli), new(common), &b, &b, func(int) {}))
	var verbs []string
	for _, v := range parser.Model.Children {
		if !v.Hidden {
			verbs = append(verbs, v.Name)
		}
	}
	for i, v := range verbs {
		if i > 0 {
			b.WriteString(" · ")
		}
		fmt.Fprintf(&b, "[%s](#%s)", v, v)
	}
	b.WriteString("\n\n## sgdwalk\n\n" + help())
	for _, v := range verbs {
		fmt.Fprintf(&b, "\n## %s\n\n%s", v, help(v))
	}
	if *updateDocs {
		if err := os.WriteFile(referencePage, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text := string(must(os.ReadFile(referencePage)))
	if text == b.String() {
		return
	}
	got, want := strings.Split(text, "\n"), strings.Split(b.String(), "\n")
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("REFERENCE.md line %d is %q; --help prints %q", i+1, got[i], want[i])
			break
		}
	}
	t.Error("REFERENCE.md is not what --help prints; this writes it: go test ./cmd/sgdwalk -run TestReference -update")
}
