package arrowfile

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"pgregory.net/rapid"

	"sgdwalk/record"
	"sgdwalk/record/half"
	"sgdwalk/record/recordtest"
)

// readBatch turns a record batch of one row into a step with nothing but the
// Arrow library: column by name, type as FORMAT.md says.
func readBatch(t *rapid.T, b arrow.Record) record.Step {
	dtype, _ := b.Schema().Metadata().GetValue(keyDType)
	if b.NumRows() != 1 {
		t.Fatalf("%d rows in a batch", b.NumRows())
	}
	column := func(name string) arrow.Array {
		at := b.Schema().FieldIndices(name)
		if len(at) != 1 {
			return nil
		}
		return b.Column(at[0])
	}
	number := func(name string) record.Optional {
		c := column(name).(*array.Float64)
		if c.IsNull(0) {
			if c.Value(0) != 0 {
				t.Errorf("%s is absent, but there is %v", name, c.Value(0))
			}
			return record.Optional{}
		}
		return record.Some(c.Value(0))
	}
	vector := func(name string) []float32 {
		if column(name) == nil {
			return nil
		}
		c := column(name).(*array.FixedSizeList)
		values := floatsIn(c.ListValues(), dtype)
		if c.IsNull(0) {
			for i, v := range values {
				if math.Float32bits(v) != 0 {
					t.Errorf("%s is absent, but element %d is %v", name, i, v)
				}
			}
			return nil
		}
		return values
	}
	ns := column("wall_time_ns").(*array.Int64).Value(0)
	var wall record.Step
	wall.SetUnixNano(ns)
	substep := int32(0)
	if c, ok := column("substep").(*array.Int32); ok {
		substep = c.Value(0)
	}
	return record.Step{
		Step: column("step").(*array.Int64).Value(0), Substep: substep,
		Epoch: column("epoch").(*array.Int32).Value(0), Examples: column("examples").(*array.Int32).Value(0),
		Evaluations: column("evaluations").(*array.Int64).Value(0), WallTime: wall.WallTime,
		BatchLoss: number("batch_loss"), BatchAccuracy: number("batch_accuracy"), LearningRate: number("learning_rate"),
		FullLoss: number("full_loss"), TestLoss: number("test_loss"),
		Theta: vector("theta"), Grad: vector("grad"), State: vector("state"),
	}
}

// floatsIn returns the elements of a vector.
func floatsIn(a arrow.Array, dtype string) []float32 {
	words, ok := a.(*array.Uint16)
	if !ok {
		return a.(*array.Float32).Float32Values()
	}
	from := map[string]func(uint16) float32{record.Float16: half.FromFloat16, record.BFloat16: half.FromBFloat16}[dtype]
	out := make([]float32, a.Len())
	for i, w := range words.Uint16Values() {
		out[i] = from(w)
	}
	return out
}

// TestIndependentReader: the Arrow library reads closed segments as files and
// all segments as streams from byte 8, and gets what was recorded.
func TestIndependentReader(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h, rows := drawRows(rt)
		finish := rapid.Bool().Draw(rt, "closed")
		dir := filepath.Join(t.TempDir(), "run")
		w, err := Create(dir, h, Options{SegmentBytes: rapid.Int64Range(0, 12000).Draw(rt, "segment")})
		if err != nil {
			rt.Fatal(err)
		}
		defer w.Close()
		appendRows(t, w, rows)
		if finish {
			if err := w.Close(); err != nil {
				rt.Fatal(err)
			}
		}
		row := 0
		same := func(b arrow.Record) {
			got := readBatch(rt, b)
			if d := recordtest.Diff(&got, &rows[row]); d != "" {
				rt.Errorf("row %d: %s", row, d)
			}
			row++
		}
		numbers, err := segmentNumbers(dir)
		if err != nil {
			rt.Fatal(err)
		}
		for _, n := range numbers {
			b, err := os.ReadFile(filepath.Join(dir, segmentName(n)))
			if err != nil {
				rt.Fatal(err)
			}
			if closed := finish || n < len(numbers)-1; closed && rapid.Bool().Draw(rt, "as a file") {
				eachFileBatch(rt, b, same)
			} else {
				eachStreamBatch(rt, b[8:], same)
			}
		}
		if row != len(rows) {
			rt.Errorf("%d rows were read, %d recorded", row, len(rows))
		}
	})
}

func eachFileBatch(t *rapid.T, b []byte, f func(arrow.Record)) {
	in, err := ipc.NewFileReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for i := range in.NumRecords() {
		batch, err := in.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		f(batch)
	}
}

func eachStreamBatch(t *rapid.T, b []byte, f func(arrow.Record)) {
	in, err := ipc.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Release()
	for {
		batch, err := in.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		f(batch)
	}
}

func TestSchemaMetadata(t *testing.T) {
	h := recordtest.Header(4)
	dir := writeRun(t, h, recordtest.Rows(h, 4, 1), Options{SegmentBytes: 1})
	run, err := readHeader(dir)
	must(t, err)
	f, err := os.Open(filepath.Join(dir, segmentName(3)))
	must(t, err)
	defer f.Close()
	in, err := ipc.NewFileReader(f)
	must(t, err)
	defer in.Close()
	m := in.Schema().Metadata()
	for key, want := range map[string]string{
		keyFormat: "3", keyDType: "float32", keySegment: "3", keyFirstRow: "3",
		keyHeader: hexText(run.id[:]), keyHeaderText: string(run.text),
	} {
		if got, _ := m.GetValue(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}
