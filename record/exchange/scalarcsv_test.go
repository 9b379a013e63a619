package exchange

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// TestScalarsRoundTrip: iterates as safetensors and the scalars as CSV make the
// rows that they came from, bit for bit.
func TestScalarsRoundTrip(t *testing.T) {
	h := recordtest.Header(5)
	h.Columns.Grad = false
	rows := recordtest.Rows(h, 12, 1)
	rows[3].BatchLoss = record.Some(math.Inf(1))
	rows[4].FullLoss = record.Some(math.NaN())
	rows[5].TestLoss = record.Some(math.Copysign(0, -1))
	rows[6].LearningRate = record.Some(5e-324)
	rows[7].BatchAccuracy = record.Optional{}
	m := memory(t, h, rows)
	dir := t.TempDir()
	for i := range rows {
		var b bytes.Buffer
		if err := WriteSafetensors(&b, m, i); err != nil {
			t.Fatal(err)
		}
		save(t, dir, fmt.Sprintf("%d.safetensors", i), b.Bytes())
	}
	var b bytes.Buffer
	if err := WriteCSV(&b, m); err != nil {
		t.Fatal(err)
	}
	got, warnings := mustLoad(t, ImportOptions{Scalars: save(t, t.TempDir(), "log.csv", b.Bytes())}, dir)
	compareRows(t, got, rows)
	if len(warnings) != 1 { // where the steps come from
		t.Errorf("warnings %q", warnings)
	}
}

// TestScalarsOfOthers: columns in another order, some missing, some unknown; lines
// and checkpoints without each other.
func TestScalarsOfOthers(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []int{5, 10, 15} {
		save(t, dir, fmt.Sprintf("ckpt-%d.safetensors", step),
			safetensorsOf(t, nil, f32("fc.weight", []float32{float32(step), 1}, 1, 2)))
	}
	log := save(t, t.TempDir(), "log.csv", []byte("\ufeffbatch_loss, step,gpu,epoch\n0.5,5,a,1\n,7,b,1\nnan,15,c,3\n"))
	m, warnings := mustLoad(t, ImportOptions{Scalars: log}, dir)
	compareRows(t, m, []record.Step{
		{Step: 5, Epoch: 1, BatchLoss: record.Some(0.5), Theta: []float32{5, 1}},
		{Step: 10, Theta: []float32{10, 1}},
		{Step: 15, Epoch: 3, BatchLoss: record.Some(math.NaN()), Theta: []float32{15, 1}},
	})
	if d := cmp.Diff([]string{
		`the steps, 5 to 15, come from the number after "ckpt" in the file's name (` +
			filepath.Join(dir, "ckpt-5.safetensors") + " is step 5)",
		"1 of 3 checkpoints have no line in " + log + "; their rows have no losses and other numbers",
		"1 lines of " + log + " belong to steps without a checkpoint and are left out",
		"columns of " + log + " are left out, because a recording does not have them: gpu",
	}, warnings); d != "" {
		t.Error(d)
	}
}

// TestBadScalars: what is wrong is named with its line.
func TestBadScalars(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, "ckpt-5.safetensors", safetensorsOf(t, nil, f32("fc.weight", []float32{5, 1}, 1, 2)))
	for text, want := range map[string]string{
		"":                                   "heading",
		"loss,epoch\n1,2\n":                  `no column "step"`,
		"step,step\n1,2\n":                   `two columns are named "step"`,
		"step,batch_loss\n5,low\n":           `line 2: batch_loss is "low"`,
		"step,batch_loss\n5,1e999\n":         `line 2: batch_loss is "1e999"`,
		"step,epoch\n5,1\n6,3000000000\n":    `line 3: epoch is "3000000000"`,
		"step,epoch\n-5,1\n":                 `line 2: step is "-5"`,
		"step,batch_loss\n5,1\n\n5,2\n":      "line 4: step 5 comes twice",
		"step,batch_loss\n5,1,7\n":           "wrong number of fields",
		"step,batch_loss\n,1\n":              "line 2 has no step",
		"step,batch_loss\n4,1\n":             "no line for the steps of the checkpoints",
		"step,batch_loss\n5,\"1\n":           "extraneous or missing",
		"step,substep,batch_loss\n5,1,0.5\n": "no line for the steps of the checkpoints",
	} {
		path := save(t, t.TempDir(), "log.csv", []byte(text))
		_, err := Open([]string{dir}, ImportOptions{Scalars: path})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
	if _, err := Open([]string{dir}, ImportOptions{Scalars: filepath.Join(dir, "none.csv")}); !os.IsNotExist(err) &&
		(err == nil || !strings.Contains(err.Error(), "none.csv")) {
		t.Errorf("a missing file: %v", err)
	}
}
