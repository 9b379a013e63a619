package arrowfile

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// foreignRow is a row as another implementation of Arrow has read it.
type foreignRow struct {
	Step, Substep, Epoch, Examples, Evaluations string
	Wall                                        string  `json:"wall_time_ns"`
	BatchLoss                                   *string `json:"batch_loss"`
	BatchAccuracy                               *string `json:"batch_accuracy"`
	LearningRate                                *string `json:"learning_rate"`
	FullLoss                                    *string `json:"full_loss"`
	TestLoss                                    *string `json:"test_loss"`
	Theta, Grad, State                          *string
}

func (f *foreignRow) toStep(t *testing.T) record.Step {
	t.Helper()
	integer := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		must(t, err)
		return n
	}
	decode := func(s *string, to any) {
		b, err := hex.DecodeString(*s)
		must(t, err)
		must(t, binary.Read(bytes.NewReader(b), binary.LittleEndian, to))
	}
	number := func(s *string) (o record.Optional) {
		if s == nil {
			return o
		}
		o.Valid = true
		decode(s, &o.Value)
		return o
	}
	vector := func(s *string) []float32 {
		if s == nil {
			return nil
		}
		v := make([]float32, len(*s)/8)
		decode(s, v)
		return v
	}
	var wall record.Step
	wall.SetUnixNano(integer(f.Wall))
	return record.Step{
		Step: integer(f.Step), Substep: int32(integer(f.Substep)), Epoch: int32(integer(f.Epoch)),
		Examples:    int32(integer(f.Examples)),
		Evaluations: integer(f.Evaluations), WallTime: wall.WallTime,
		BatchLoss: number(f.BatchLoss), BatchAccuracy: number(f.BatchAccuracy), LearningRate: number(f.LearningRate),
		FullLoss: number(f.FullLoss), TestLoss: number(f.TestLoss),
		Theta: vector(f.Theta), Grad: vector(f.Grad), State: vector(f.State),
	}
}

// interopRuns are the runs that other implementations read: the fixture, with
// its absent values and NaN, and one of random rows in several segments.
func interopRuns(t *testing.T, read func(h *record.Header, rows []record.Step, opts Options)) {
	t.Helper()
	for _, f := range fixtures {
		h, rows := f.run()
		read(h, rows, f.options())
	}
	plain := recordtest.Header(9)
	plain.Columns = record.Columns{Theta: true}
	read(plain, recordtest.Rows(plain, 4, 4), Options{})
	random := recordtest.Header(1000)
	read(random, recordtest.Rows(random, 12, 3), Options{SegmentBytes: 50_000})
}

// nodeVariable names the folder of node packages in which the test looks, before
// those of NODE_PATH.
const nodeVariable = "SGDWALK_NODE_MODULES"

// nodeWith returns a command maker for node scripts that need a package; the
// test is skipped where node or the package is absent.
func nodeWith(t *testing.T, module string) func(args ...string) *exec.Cmd {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	search := filepath.SplitList(os.Getenv("NODE_PATH"))
	if dir := os.Getenv(nodeVariable); dir != "" {
		search = append([]string{dir}, search...)
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(node, args...)
		cmd.Env = append(os.Environ(), "NODE_PATH="+strings.Join(search, string(filepath.ListSeparator)))
		return cmd
	}
	if err := command("-e", "require("+strconv.Quote(module)+")").Run(); err != nil {
		t.Skipf("the node package %s is not installed (looked for in %s and NODE_PATH)", module, nodeVariable)
	}
	return command
}

// TestInterop has other implementations of Arrow read a run, where they are
// installed: the node packages apache-arrow and nodejs-polars. They must get what
// was recorded, bit for bit; polars hands NaN to JavaScript without its bits.
func TestInterop(t *testing.T) {
	for library, module := range map[string]string{"arrow": "apache-arrow", "polars": "nodejs-polars"} {
		t.Run(library, func(t *testing.T) {
			node := nodeWith(t, module)
			interopRuns(t, func(h *record.Header, rows []record.Step, opts Options) {
				dir := writeRun(t, h, rows, opts)
				numbers, err := segmentNumbers(dir)
				must(t, err)
				var segments []string
				for _, n := range numbers {
					segments = append(segments, filepath.Join(dir, segmentName(n)))
				}
				foreignReads(t, node, library, segments, rows)
			})
		})
	}
}

// TestInteropStream: apache-arrow reads the segment at which a writer is still at
// work as a stream from byte 8. Of one that ends in a torn row it gets the whole
// rows.
func TestInteropStream(t *testing.T) {
	node := nodeWith(t, "apache-arrow")
	interopRuns(t, func(h *record.Header, rows []record.Step, _ Options) {
		dir := filepath.Join(t.TempDir(), "run")
		w, err := Create(dir, h, Options{})
		must(t, err)
		defer w.Close()
		appendRows(t, w, rows)
		open := filepath.Join(dir, segmentName(0))
		foreignReads(t, node, "stream", []string{open}, rows)

		segment := mustOpen(t, dir).state.Load().segments[0]
		begin, end := segment.offsets[len(rows)-1], segment.offsets[len(rows)]
		torn := filepath.Join(t.TempDir(), "torn")
		for _, cut := range []int64{begin + 1, begin + 8, begin + 500, (begin + end) / 2, end - 1} {
			mustWrite(t, torn, mustRead(t, open)[:cut])
			foreignReads(t, node, "stream", []string{torn}, rows[:len(rows)-1])
		}
	})
}

// foreignReads compares what a library reads from segments with what was
// recorded in them.
func foreignReads(t *testing.T, node func(...string) *exec.Cmd, library string, segments []string, rows []record.Step) {
	t.Helper()
	script := filepath.Join("testdata", "interop", "read.cjs")
	out, err := node(append([]string{script, library}, segments...)...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Log(string(exit.Stderr))
		}
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(rows) {
		t.Fatalf("%d rows were read, want %d", len(lines), len(rows))
	}
	for i, line := range lines {
		var f foreignRow
		must(t, json.Unmarshal([]byte(line), &f))
		got, want := f.toStep(t), rows[i]
		if library == "polars" && want.BatchLoss.Valid && math.IsNaN(want.BatchLoss.Value) &&
			math.IsNaN(got.BatchLoss.Value) {
			got.BatchLoss = want.BatchLoss
		}
		if d := recordtest.Diff(&got, &want); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
	}
}
