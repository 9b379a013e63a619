package result_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"sgdwalk/analyze"
	"sgdwalk/analyze/result"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
)

func header() *record.Header {
	return &record.Header{Format: 1, DType: "float32", Layout: record.Pack(record.Tensor{
		Name: "w",
		Kind: record.Weight, Shape: []int{2},
	})}
}

func create(t *testing.T, dir string) *result.Dir {
	d, err := result.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) []string {
	entries, err := os.ReadDir(dir)
	ok(t, err)
	var n []string
	for _, e := range entries {
		n = append(n, e.Name())
	}
	return n
}

type numbers struct {
	Mean record.Optional `json:"mean"`
	N    int             `json:"n"`
}

func table() *record.Table {
	return &record.Table{Columns: []record.Column{
		{Name: "step", Ints: []int64{0, 1}},
		{Name: "loss", Floats: []float64{math.NaN(), 0}, Valid: []bool{true, false}},
	}}
}

func document(t *testing.T) *result.Document {
	p, err := result.NewProvenance(filepath.Join("somewhere", "run1"), header())
	ok(t, err)
	p.Options, p.Method = struct {
		Alphas analyze.Range `json:"alphas"`
	}{analyze.Range{Min: 0, Max: 1, N: 11}}, "a < b"
	return &result.Document{
		Analysis: "walk", Summary: numbers{record.Some(math.Inf(1)), 3},
		Warnings:   []analyze.Warning{{Code: "few", Text: "3 > 2"}},
		Provenance: p,
	}
}

func Example() {
	run, err := os.MkdirTemp("", "run")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(run)
	d, err := result.Create(filepath.Join(run, "analysis", "lengths"))
	if err != nil {
		fmt.Println(err)
		return
	}
	err = errors.Join(
		d.Table("steps", &record.Table{Columns: []record.Column{{Name: "length", Floats: []float64{1, 2.5}}}}),
		d.Finish(&result.Document{Analysis: "lengths", Summary: struct {
			Total float64 `json:"total"`
		}{3.5}}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	var back struct{ Total float64 }
	doc, err := result.Read(d.Path(), &back)
	fmt.Println(doc.Analysis, back.Total, doc.Files, err)
	// Output: lengths 3.5 [steps.arrow steps.csv] <nil>
}

func TestSummaryBytes(t *testing.T) {
	run := t.TempDir()
	var texts []string
	for _, name := range []string{"a", "b"} {
		d := create(t, filepath.Join(run, "analysis", name))
		ok(t, d.Table("segments", table()))
		ok(t, d.Write("note.txt", func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err }))
		ok(t, d.Keep(filepath.Join(d.Path(), "walk.svg")))
		ok(t, d.Finish(document(t)))
		b, err := os.ReadFile(filepath.Join(d.Path(), result.SummaryName))
		ok(t, err)
		texts = append(texts, string(b))
		if diff := cmp.Diff([]string{"note.txt", "segments.arrow", "segments.csv", "summary.json"},
			names(t, d.Path())); diff != "" {
			t.Error(diff)
		}
	}
	sum, err := result.HeaderSHA256(header())
	ok(t, err)
	want := `{
  "analysis": "walk",
  "summary": {
    "mean": "+Inf",
    "n": 3
  },
  "warnings": [
    {
      "code": "few",
      "text": "3 > 2"
    }
  ],
  "files": [
    "note.txt",
    "segments.arrow",
    "segments.csv",
    "walk.svg"
  ],
  "provenance": {
    "run": "run1",
    "header_sha256": "` + sum + `",
    "software": "",
    "options": {
      "alphas": "0:1:11"
    },
    "method": "a < b",
    "citation": "",
    "data_hash": "",
    "kernel": "",
    "policy": ""
  }
}
`
	for _, text := range texts {
		if diff := cmp.Diff(want, text); diff != "" {
			t.Error(diff)
		}
	}
	csv, err := os.ReadFile(filepath.Join(run, "analysis", "a", "segments.csv"))
	ok(t, err)
	if want := "step,loss\n0,NaN\n1,\n"; string(csv) != want {
		t.Errorf("the table is %q, want %q", csv, want)
	}
}

func TestRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	d := create(t, dir)
	if _, err := result.Read(dir, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unfinished result reads as %v", err)
	}
	ok(t, d.Finish(document(t)))
	doc, err := result.Read(dir, nil)
	ok(t, err)
	var n struct{ N int }
	ok(t, json.Unmarshal(doc.Summary.(json.RawMessage), &n))
	if n.N != 3 || doc.Analysis != "walk" || len(doc.Warnings) != 1 {
		t.Errorf("%+v", doc)
	}
}

// A new result replaces an earlier one as a whole. Until Finish the earlier result does not
// change; then its files disappear, and the user's files stay.
func TestReplace(t *testing.T) {
	replaced(t, func(dir string) {})
	// A directory with more than files is not exchanged.
	replaced(t, func(dir string) { ok(t, os.Mkdir(filepath.Join(dir, "sub"), 0o777)) })
	// Nor is the working directory.
	replaced(t, func(dir string) { t.Chdir(dir) })
}

func replaced(t *testing.T, prepare func(dir string)) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "x")
	d := create(t, dir)
	ok(t, d.Table("old", table()))
	ok(t, d.Table("both", table()))
	ok(t, d.Finish(document(t)))
	ok(t, os.WriteFile(filepath.Join(dir, "mine.txt"), []byte("mine"), 0o666))
	prepare(dir)
	sub := slices.Contains(names(t, dir), "sub")
	expect := func(want ...string) {
		t.Helper()
		if sub {
			want = append(want, "sub")
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, names(t, dir)); diff != "" {
			t.Error(diff)
		}
	}
	old := []string{"both.arrow", "both.csv", "mine.txt", "old.arrow", "old.csv", "summary.json"}

	d = create(t, dir)
	ok(t, d.Table("both", table()))
	ok(t, d.Close()) // without Finish: an analysis that failed
	expect(old...)

	d = create(t, dir)
	ok(t, d.Table("both", table()))
	ok(t, d.Table("new", table()))
	stage, err := d.Stage()
	ok(t, err)
	expect(append([]string{".lock", filepath.Base(stage)}, old...)...)
	ok(t, d.Finish(document(t)))
	expect("both.arrow", "both.csv", "mine.txt", "new.arrow", "new.csv", "summary.json")
	if left := names(t, filepath.Dir(dir)); len(left) != 1 {
		t.Errorf("next to the result is %v", left)
	}
}

// The leftovers of a killed process do not change the next result.
func TestLeftovers(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "x")
	d := create(t, dir)
	ok(t, d.Table("old", table()))
	ok(t, d.Finish(document(t)))
	for _, left := range []string{filepath.Join(dir, ".new-123"), filepath.Join(root, ".x.ABC.tmp")} {
		ok(t, os.Mkdir(left, 0o777))
		ok(t, os.WriteFile(filepath.Join(left, "half.csv"), nil, 0o666))
	}
	ok(t, os.WriteFile(filepath.Join(dir, ".lock"), nil, 0o666)) // of a dead process
	// Killed while files were moved one by one.
	ok(t, os.Remove(filepath.Join(dir, result.SummaryName)))
	ok(t, os.WriteFile(filepath.Join(dir, "moved.csv"), nil, 0o666))
	ok(t, os.WriteFile(filepath.Join(dir, "unfinished.json"),
		[]byte(`{"files": ["moved.csv", "old.csv", "old.arrow"]}`), 0o666))
	d = create(t, dir)
	ok(t, d.Table("new", table()))
	ok(t, d.Finish(document(t)))
	if diff := cmp.Diff([]string{"new.arrow", "new.csv", "summary.json"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"x"}, names(t, root)); diff != "" {
		t.Error(diff)
	}
}

func TestOneAnalysisAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	d := create(t, dir)
	if _, err := result.Create(dir); !errors.Is(err, safefile.ErrBusy) {
		t.Errorf("a second one gets %v", err)
	}
	ok(t, d.Close())
	if left := names(t, filepath.Dir(dir)); len(left) > 0 {
		t.Errorf("nothing was written, and there is %v", left)
	}
	d = create(t, dir)
	ok(t, d.Finish(document(t)))
	release, err := safefile.Lock(dir)
	ok(t, err)
	if _, err := result.Create(dir); !errors.Is(err, safefile.ErrBusy) {
		t.Errorf("in a locked directory: %v", err)
	}
	ok(t, release())
	ok(t, create(t, dir).Close())
}

// An interrupted analysis leaves files to inspect, but never replaces a finished result.
func TestLeave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	leave := func(name string, want bool) {
		t.Helper()
		d := create(t, dir)
		ok(t, d.Table(name, table()))
		left, err := d.Leave()
		ok(t, err)
		if left != want {
			t.Errorf("left is %v", left)
		}
		ok(t, d.Close())
	}
	leave("part", true)
	leave("more", true)
	if diff := cmp.Diff([]string{"more.arrow", "more.csv", "unfinished.json"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	d := create(t, dir)
	ok(t, d.Table("whole", table()))
	ok(t, d.Finish(document(t)))
	leave("part", false)
	if diff := cmp.Diff([]string{"summary.json", "whole.arrow", "whole.csv"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// Links at every name that is written are neither followed nor in the way, and what
// the directory of the result may be a link to is the caller's decision.
func TestLinks(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	ok(t, os.WriteFile(victim, []byte("precious"), 0o666))
	root := t.TempDir()
	dir := filepath.Join(root, "x")
	ok(t, os.Mkdir(dir, 0o777))
	for _, name := range []string{
		"summary.json", "unfinished.json", "t.csv", "t.arrow", ".new-t.csv",
		".new-summary.json", "../.x.A.tmp",
	} {
		if err := os.Symlink(victim, filepath.Join(dir, name)); err != nil {
			t.Skipf("no symbolic link can be made here: %v", err)
		}
	}
	d := create(t, dir)
	ok(t, d.Table("t", table()))
	ok(t, d.Finish(document(t)))
	for _, name := range []string{"summary.json", "t.csv", "t.arrow"} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s is %v, %v", name, info.Mode(), err)
		}
	}
	d = create(t, dir)
	j, err := d.Journal("walk", header(), nil)
	ok(t, err)
	ok(t, j.Save("u", nil))
	name := journalName(t, dir)
	ok(t, d.Close())
	ok(t, errors.Join(os.Remove(name), os.Symlink(victim, name)))
	d = create(t, dir)
	if _, err := d.Journal("walk", header(), nil); !errors.Is(err, safefile.ErrNotPlain) {
		t.Errorf("a journal that is a link: %v", err)
	}
	ok(t, errors.Join(d.Close(), os.Remove(name), os.Mkdir(name, 0o777)))
	d = create(t, dir)
	if _, err := d.Journal("walk", header(), nil); !errors.Is(err, safefile.ErrNotPlain) {
		t.Errorf("a journal that is a directory: %v", err)
	}
	ok(t, errors.Join(d.Close(), os.Symlink(victim, filepath.Join(dir, ".lock"))))
	if _, err := result.Create(dir); !errors.Is(err, safefile.ErrNotPlain) {
		t.Errorf("a lock that is a link: %v", err)
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
		t.Errorf("the file behind the links is %q, %v", b, err)
	}
	other := filepath.Join(root, "link")
	ok(t, errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o777), os.Symlink(dir, other)))
	d = create(t, other)
	ok(t, d.Finish(document(t)))
	if info, err := os.Lstat(other); err != nil || info.Mode().IsRegular() ||
		!slices.Contains(names(t, dir), "summary.json") {
		t.Errorf("the caller's link is %v, %v", info.Mode(), err)
	}
}

// A forged summary does not make Finish reach outside the directory.
func TestForgedSummaryRemovesNothingOutside(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "x")
	d := create(t, dir)
	ok(t, os.WriteFile(filepath.Join(root, "victim"), nil, 0o666))
	ok(t, os.WriteFile(filepath.Join(dir, result.SummaryName), []byte(`{"files": ["../victim", "summary.json", "."]}`),
		0o666))
	ok(t, d.Finish(document(t)))
	if diff := cmp.Diff([]string{"victim", "x"}, names(t, root)); diff != "" {
		t.Error(diff)
	}
}

func TestHalfWrittenFilesNeverAppear(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	d := create(t, dir)
	broken := errors.New("out of ink")
	err := d.Write("a.txt", func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) || err.Error() != "result: a.txt: out of ink" {
		t.Errorf("got %v", err)
	}
	ok(t, d.Table("t", table()))
	bad := table()
	bad.Columns[1].Name = "step"
	if err := d.Table("bad", bad); err == nil {
		t.Error("a table with two columns of one name is written")
	}
	if err := d.Finish(&result.Document{Analysis: "x", Summary: math.NaN()}); err == nil ||
		slices.Contains(names(t, dir), result.SummaryName) {
		t.Errorf("a summary that JSON cannot hold: %v", err)
	}
}

// The Arrow file has what the CSV has: NaN is NaN, absent is null.
func TestArrowHoldsTheTable(t *testing.T) {
	d := create(t, filepath.Join(t.TempDir(), "x"))
	ok(t, d.Table("t", table()))
	ok(t, d.Finish(document(t)))
	got, err := arrowfile.LoadTable(filepath.Join(d.Path(), "t.arrow"))
	ok(t, err)
	var a, b strings.Builder
	ok(t, table().WriteCSV(&a))
	ok(t, got.WriteCSV(&b))
	if diff := cmp.Diff(a.String(), b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestNames(t *testing.T) {
	d := create(t, filepath.Join(t.TempDir(), "x"))
	for _, name := range []string{
		"", ".", "..", "../a", "a/b", ".hidden", "summary.json", "unfinished.json", `a\b`,
		"c:d",
	} {
		if err := d.Write(name, func(io.Writer) error { return nil }); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	if _, err := result.Create(""); err == nil {
		t.Error("a directory without a name is accepted")
	}
}

// --- journal ---

// opened is a journal that closes its directory with it.
type opened struct {
	*result.Journal
	dir *result.Dir
}

func (o opened) Close() error  { return errors.Join(o.Journal.Close(), o.dir.Close()) }
func (o opened) Remove() error { return errors.Join(o.Journal.Remove(), o.dir.Close()) }

func journal(t *testing.T, dir string, options any) opened {
	t.Helper()
	d := create(t, dir)
	j, err := d.Journal("walk", header(), options)
	ok(t, err)
	return opened{j, d}
}

func TestJournalKeepsBits(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		units := rapid.MapOfN(rapid.StringMatching(`[a-z]+( [0-9-]+)*`), rapid.SliceOfN(rapid.Map(rapid.Uint64(),
			math.Float64frombits), 0, 4), 0, 6).Draw(rt, "units")
		j := journal(t, dir, units2key(units))
		for unit, values := range units {
			ok(t, j.Save(unit, values))
		}
		ok(t, j.Close())
		j = journal(t, dir, units2key(units))
		if j.Len() != len(units) || j.Damaged() != 0 {
			rt.Fatalf("%d units of %d, %d damaged", j.Len(), len(units), j.Damaged())
		}
		for unit, values := range units {
			got, found := j.Lookup(unit)
			if !found || !slices.EqualFunc(got, values,
				func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) {
				rt.Fatalf("%s is %v, want %v", unit, got, values)
			}
		}
		ok(t, j.Remove())
		if n := names(t, dir); len(n) != 0 {
			rt.Fatalf("left behind: %v", n)
		}
	})
}

func units2key(units map[string][]float64) string { return fmt.Sprint(len(units)) }

// Other options, another header, other data: another journal.
func TestJournalIsForItsPlanOnly(t *testing.T) {
	dir := t.TempDir()
	d := create(t, dir)
	other := header()
	other.Seed = 7
	open := func(analysis string, h *record.Header, options any, also ...string) *result.Journal {
		j, err := d.Journal(analysis, h, options, also...)
		ok(t, err)
		return j
	}
	first := open("walk", header(), 1)
	ok(t, first.Save("iterate 1", []float64{1}))
	ok(t, first.Close())
	for _, j := range []*result.Journal{
		open("line", header(), 1),
		open("walk", other, 1),
		open("walk", header(), 2),
		open("walk", header(), 1, "sha256:other data"),
	} {
		if _, found := j.Lookup("iterate 1"); found || j.Len() != 0 {
			t.Error("a journal of another plan is resumed from")
		}
		ok(t, j.Remove())
	}
	again := open("walk", header(), 1)
	if again.Len() != 1 {
		t.Error("the journal of the same plan is lost")
	}
	ok(t, again.Remove())
	defer d.Close()

	// Even renamed, its lines do not fit another plan.
	first = open("walk", header(), 1)
	ok(t, first.Save("iterate 1", []float64{1}))
	b := contents(t, dir)
	ok(t, first.Remove())
	second := open("walk", header(), 2)
	ok(t, second.Save("x", nil))
	name := journalName(t, dir)
	ok(t, second.Close())
	ok(t, os.WriteFile(name, b, 0o666))
	second = open("walk", header(), 2)
	if second.Len() != 0 || second.Damaged() != 1 {
		t.Errorf("%d units, %d damaged", second.Len(), second.Damaged())
	}
	ok(t, second.Close())
}

func journalName(t *testing.T, dir string) string {
	for _, n := range names(t, dir) {
		if strings.HasPrefix(n, "journal-") && !strings.HasSuffix(n, ".lock") {
			return filepath.Join(dir, n)
		}
	}
	t.Fatal("the journal is missing")
	return ""
}

func contents(t *testing.T, dir string) []byte {
	b, err := os.ReadFile(journalName(t, dir))
	ok(t, err)
	return b
}

// Cut off at every byte: every complete line survives, the torn one does not, and
// what is saved afterwards is read back.
func TestJournalTruncatedAnywhere(t *testing.T) {
	dir := t.TempDir()
	j := journal(t, dir, nil)
	for i := range 4 {
		ok(t, j.Save(fmt.Sprintf("unit %d", i), []float64{float64(i), math.NaN()}))
	}
	b := contents(t, dir)
	name := journalName(t, dir)
	ok(t, j.Close())
	for cut := range len(b) + 1 {
		ok(t, os.WriteFile(name, b[:cut], 0o666))
		want := strings.Count(string(b[:cut]), "\n")
		j := journal(t, dir, nil)
		if j.Len() != want || j.Damaged() != 0 {
			t.Fatalf("cut at %d: %d units and %d damaged, want %d", cut, j.Len(), j.Damaged(), want)
		}
		ok(t, j.Save("new", []float64{5}))
		ok(t, j.Close())
		j = journal(t, dir, nil)
		if v, found := j.Lookup("new"); !found || v[0] != 5 || j.Len() != want+1 || j.Damaged() != 0 {
			t.Fatalf("cut at %d: what was saved afterwards is lost", cut)
		}
		ok(t, j.Close())
	}
}

// Any flipped bit costs the units of its line, and no value is believed.
func TestJournalFlippedBits(t *testing.T) {
	dir := t.TempDir()
	j := journal(t, dir, nil)
	for i := range 3 {
		ok(t, j.Save(fmt.Sprintf("unit %d", i), []float64{float64(i)}))
	}
	b := contents(t, dir)
	name := journalName(t, dir)
	ok(t, j.Close())
	for i := range 8 * len(b) {
		c := slices.Clone(b)
		c[i/8] ^= 1 << (i % 8)
		ok(t, os.WriteFile(name, c, 0o666))
		j := journal(t, dir, nil)
		if j.Len() >= 3 {
			t.Fatalf("bit %d: %d units survive", i, j.Len())
		}
		for k := range 3 {
			if v, found := j.Lookup(fmt.Sprintf("unit %d", k)); found && v[0] != float64(k) {
				t.Fatalf("bit %d: unit %d is %v", i, k, v)
			}
		}
		ok(t, j.Close())
	}
}

func TestJournalThatIsClosed(t *testing.T) {
	dir := t.TempDir()
	j := journal(t, dir, nil)
	ok(t, j.Close())
	ok(t, j.Close())
	j = journal(t, dir, nil)
	ok(t, j.Remove())
	if err := j.Save("late", nil); err == nil {
		t.Error("a unit is saved after the end")
	}
	for _, unit := range []string{"", "a\nb"} {
		if err := j.Save(unit, nil); err == nil {
			t.Errorf("unit %q is accepted", unit)
		}
	}
	if n := names(t, dir); len(n) != 0 {
		t.Errorf("left behind: %v", n)
	}
}

// Finish ends the journal: nothing is left but the result.
func TestFinishRemovesTheJournal(t *testing.T) {
	d := create(t, filepath.Join(t.TempDir(), "x"))
	j, err := d.Journal("walk", header(), nil)
	ok(t, err)
	ok(t, j.Save("iterate 0", []float64{1}))
	ok(t, d.Table("t", table()))
	ok(t, d.Finish(document(t)))
	if diff := cmp.Diff([]string{"summary.json", "t.arrow", "t.csv"}, names(t, d.Path())); diff != "" {
		t.Error(diff)
	}
}
