package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/train"
	"sgdwalk/train/replay"
	"sgdwalk/train/session"
)

// faults returns how often a fault is tried: many times in the fault lane, whose
// script sets SGDWALK_FAULTS, and a few times otherwise.
func faults(few, many int) int {
	if os.Getenv("SGDWALK_FAULTS") != "" {
		return many
	}
	return few
}

// faultRun is a training run that faults happen to.
type faultRun struct {
	Model, Optimizer string
	Batch, Epochs    int
	Seed             uint64
	Grad             bool
	GradAt           string // schedule of the gradients
	SegmentBytes     int64
}

// faultRuns have large rows and small ones, gradients in every row and in some,
// running statistics and inner iterates, and segments that end often.
func faultRuns() []faultRun {
	return []faultRun{
		{Model: "mlp:128", Optimizer: "sgd", Batch: 100, Epochs: 30, Seed: 1, Grad: true, SegmentBytes: 4e6},
		{Model: "mlp:32", Optimizer: "adam", Batch: 100, Epochs: 40, Seed: 2, SegmentBytes: 1e6},
		{Model: "mlp:32", Optimizer: "entropy-sgd", Batch: 50, Epochs: 20, Seed: 3, SegmentBytes: 1e6},
		{
			Model: "resnet:8", Optimizer: "momentum", Batch: 100, Epochs: 2, Seed: 4, GradAt: "every:3",
			SegmentBytes: 4e6,
		},
	}
}

// args is the command line of the run.
func (f faultRun) args(dir string, more ...string) []string {
	a := []string{
		"train", "--out", dir, "--data", "digits", "--model", f.Model, "--optimizer", f.Optimizer,
		"--batch", strconv.Itoa(f.Batch), "--epochs", strconv.Itoa(f.Epochs), "--seed", fmt.Sprint(f.Seed),
	}
	if f.Grad {
		a = append(a, "--grad")
	}
	if f.GradAt != "" {
		a = append(a, "--record-grad", f.GradAt)
	}
	if f.SegmentBytes > 0 {
		a = append(a, "--segment-bytes", fmt.Sprint(f.SegmentBytes))
	}
	return append(a, more...)
}

// call runs the program within the test.
func call(args ...string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	status = run(context.Background(), drawSVG(args), &out, &errs)
	return status, out.String(), errs.String()
}

// wantStatus runs the program and stops the test when it leaves with another
// status.
func wantStatus(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	status, stdout, stderr := call(args...)
	if status != want {
		t.Fatalf("sgdwalk %s leaves with %d, want %d: %s%s", strings.Join(args, " "), status, want, stdout, stderr)
	}
	return stdout, stderr
}

// reference trains the run without any fault.
func (f faultRun) reference(t *testing.T) *arrowfile.Reader {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "reference")
	wantStatus(t, exitOK, f.args(dir)...)
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// acknowledgingName is the command that the test binary is for trainAcknowledging.
const acknowledgingName = "sgdwalk-acknowledging"

// trainAcknowledging is the program's train, without its command line, that says
// on standard output how many rows the writer has acknowledged: it prints
// Writer.Rows, which counts the rows for which Append has returned.
func trainAcknowledging() {
	var f faultRun
	err := json.Unmarshal([]byte(os.Args[1]), &f)
	if err == nil {
		err = f.train(os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (f faultRun) train(dir string) error {
	c := session.Settings{
		Data: "digits", Model: f.Model, Optimizer: f.Optimizer, Batch: &f.Batch, Epochs: f.Epochs,
		Seed: f.Seed, Record: "every:1", Grad: f.Grad, RecGrad: f.GradAt,
	}
	cfg, err := c.Config(software)
	if err != nil {
		return err
	}
	x, err := replay.New(cfg)
	if err != nil {
		return err
	}
	config, err := c.Encode(x.Header())
	if err != nil {
		return err
	}
	r, err := recorder.Create(dir, x.Header(), recorder.Options{File: arrowfile.Options{
		SegmentBytes: f.SegmentBytes, ExtraFiles: map[string][]byte{recorder.ConfigName: config},
	}})
	if err != nil {
		return err
	}
	loop, err := x.Loop(&acknowledging{Recorder: r})
	if err != nil {
		return err
	}
	loop.Checkpoint = func(c *train.Checkpoint) error {
		if err := r.Flush(); err != nil {
			return err
		}
		return replay.SaveCheckpoint(dir, x.Header(), c)
	}
	if err := x.MeasureLosses(loop); err != nil {
		return err
	}
	_, err = loop.Run(context.Background())
	r.SetFinished(err == nil)
	return errors.Join(err, r.Close())
}

// acknowledging says after each row how many are acknowledged; some wait.
type acknowledging struct {
	*recorder.Recorder
	said int64
}

// Append hands the row on.
func (a *acknowledging) Append(s *record.Step) error {
	err := a.Recorder.Append(s)
	if n := a.Rows(); n > a.said {
		a.said = n
		fmt.Println(n)
	}
	return err
}

// startAcknowledging starts trainAcknowledging. The channel has the number of
// acknowledged rows as it grows, and is closed when the process is dead and
// everything that it said was read.
func (f faultRun) startAcknowledging(t *testing.T, dir string) (*exec.Cmd, <-chan int) {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(acknowledgingName, string(text), dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	rows := make(chan int, 1<<16) // more than there are rows: the process must not wait for the test
	go func() {
		defer close(rows)
		for s := bufio.NewScanner(out); s.Scan(); {
			if n, err := strconv.Atoi(s.Text()); err == nil {
				rows <- n
			}
		}
	}()
	return cmd, rows
}

// prefix checks that the rows of the run in dir are the first rows of the
// reference, bit for bit, and returns how many there are and how many bytes
// behind them are torn.
func prefix(t *testing.T, dir string, reference *arrowfile.Reader) (rows int, torn int64) {
	t.Helper()
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Len() > reference.Len() {
		t.Fatalf("%d rows; the whole run has %d", r.Len(), reference.Len())
	}
	for i := range r.Len() {
		sameRow(t, r, reference, i)
	}
	return r.Len(), r.Torn()
}

func sameRow(t *testing.T, r, reference *arrowfile.Reader, i int) {
	t.Helper()
	got, err := r.Read(i, record.AllParts)
	if err != nil {
		t.Fatal(err)
	}
	want, err := reference.Read(i, record.AllParts)
	if err != nil {
		t.Fatal(err)
	}
	got.WallTime = want.WallTime
	if d := record.Diff(&got, &want); d != "" {
		t.Fatalf("row %d: %s", i, d)
	}
}

// independently has the Arrow library, which knows nothing of runs, read the
// closed run in dir: steps, losses and vectors must be those of the reference's
// first rows. It returns how many rows it has read.
func independently(t *testing.T, dir string, reference *arrowfile.Reader) (rows int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "steps-*.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths { // in their order: the numbers have leading zeros
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		in, err := ipc.NewFileReader(f)
		if err != nil {
			t.Fatalf("%s: the Arrow library: %v", path, err)
		}
		for i := range in.NumRecords() {
			batch, err := in.RecordAt(i)
			if err != nil {
				t.Fatalf("%s: the Arrow library: %v", path, err)
			}
			want, err := reference.Read(rows, record.AllParts)
			if err != nil {
				t.Fatal(err)
			}
			for j, field := range batch.Schema().Fields() {
				if !sameColumn(batch.Column(j), field.Name, &want) {
					t.Fatalf("%s, row %d: the Arrow library reads another %s", path, i, field.Name)
				}
			}
			batch.Release()
			rows++
		}
		in.Close()
		f.Close()
	}
	return rows
}

// sameColumn compares the columns that have a place in a step; the others are
// checksums and the time of day.
func sameColumn(column any, name string, want *record.Step) bool {
	number := func(w record.Optional) bool {
		c := column.(*array.Float64)
		return c.IsNull(0) != w.Valid && (!w.Valid || math.Float64bits(c.Value(0)) == math.Float64bits(w.Value))
	}
	vector := func(w []float32) bool {
		c := column.(*array.FixedSizeList)
		values := c.ListValues().(*array.Float32).Float32Values()
		if c.IsNull(0) || w == nil {
			return c.IsNull(0) && w == nil
		}
		if len(values) != len(w) {
			return false
		}
		for i := range w {
			if math.Float32bits(values[i]) != math.Float32bits(w[i]) {
				return false
			}
		}
		return true
	}
	switch name {
	case "step":
		return column.(*array.Int64).Value(0) == want.Step
	case "substep":
		return column.(*array.Int32).Value(0) == want.Substep
	case "batch_loss":
		return number(want.BatchLoss)
	case "full_loss":
		return number(want.FullLoss)
	case "theta":
		return vector(want.Theta)
	case "grad":
		return vector(want.Grad)
	case "state":
		return vector(want.State)
	}
	return true
}
