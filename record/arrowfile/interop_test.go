package arrowfile

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
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
	sc := scalars{wallTime: integer(f.Wall)}
	return record.Step{
		Step: integer(f.Step), Substep: int32(integer(f.Substep)), Epoch: int32(integer(f.Epoch)), Examples: int32(integer(f.Examples)),
		Evaluations: integer(f.Evaluations), WallTime: sc.toStep().WallTime,
		BatchLoss: number(f.BatchLoss), BatchAccuracy: number(f.BatchAccuracy), LearningRate: number(f.LearningRate),
		FullLoss: number(f.FullLoss), TestLoss: number(f.TestLoss),
		Theta: vector(f.Theta), Grad: vector(f.Grad), State: vector(f.State),
	}
}

// TestInterop has other implementations of Arrow read a run, where they are
// installed: node with the packages apache-arrow and nodejs-polars on its path
// (NODE_PATH). They must get what was recorded, bit for bit; polars hands NaN to
// JavaScript without its bits.
func TestInterop(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	for library, module := range map[string]string{"arrow": "apache-arrow", "polars": "nodejs-polars"} {
		t.Run(library, func(t *testing.T) {
			if err := exec.Command(node, "-e", "require("+strconv.Quote(module)+")").Run(); err != nil {
				t.Skipf("the node package %s is not installed (looked for in NODE_PATH)", module)
			}
			random := recordtest.Header(1000)
			h, rows := fixtureRun()
			foreignReads(t, node, library, writeRun(t, h, rows, fixtureOptions), rows)
			rows = recordtest.Rows(random, 12, 3)
			foreignReads(t, node, library, writeRun(t, random, rows, Options{SegmentBytes: 50_000}), rows)
		})
	}
}

func foreignReads(t *testing.T, node, library, dir string, rows []record.Step) {
	t.Helper()
	numbers, err := segmentNumbers(dir)
	must(t, err)
	args := []string{filepath.Join("testdata", "interop", "read.cjs"), library}
	for _, n := range numbers {
		args = append(args, filepath.Join(dir, segmentName(n)))
	}
	out, err := exec.Command(node, args...).Output()
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
		if library == "polars" && want.BatchLoss.Valid && math.IsNaN(want.BatchLoss.Value) && math.IsNaN(got.BatchLoss.Value) {
			got.BatchLoss = want.BatchLoss
		}
		if d := recordtest.Diff(&got, &want); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
	}
}
