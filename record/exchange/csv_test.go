package exchange

import (
	"bytes"
	"encoding/csv"
	"math"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func TestWriteCSV(t *testing.T) {
	h := recordtest.Header(2)
	rows := []record.Step{
		{
			Step: 0, Epoch: 1, Examples: 100, BatchLoss: record.Some(0.1), LearningRate: record.Some(1e-300),
			TestLoss: record.Some(math.Inf(-1)),
		},
		{Step: 7, Substep: 2, Epoch: 3, Evaluations: 9, BatchLoss: record.Some(math.NaN())},
	}
	var b bytes.Buffer
	if err := WriteCSV(&b, memory(t, h, rows)); err != nil {
		t.Fatal(err)
	}
	const want = `step,substep,epoch,examples,evaluations,wall_time_ns,batch_loss,batch_accuracy,learning_rate,full_loss,test_loss
0,0,1,100,0,0,0.1,,1e-300,,-Inf
7,2,3,0,9,0,NaN,,,,
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestWriteCSVMany(t *testing.T) {
	h := recordtest.Header(3)
	m := memory(t, h, recordtest.Rows(h, 50, 1))
	var b bytes.Buffer
	if err := WriteCSV(&b, m); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(lines) != 52 {
		t.Fatalf("%d lines, %v; want a heading and 51 rows", len(lines), err)
	}
	if got := lines[51]; got[0] != "50" || got[6] != "" || got[8] != "" {
		t.Errorf("the last row has a batch: %q", got)
	}
	if got := lines[4]; got[6] != "0.5" || got[9] != "1.7320508075688772" { // 2/4, sqrt 3
		t.Errorf("row 3: %q", got)
	}
}
