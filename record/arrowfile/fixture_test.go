package arrowfile

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/google/go-cmp/cmp"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

var update = flag.Bool("update", false, "write the goldens anew")

const fixture = "testdata/format1"

// fixtureRun is the run in testdata/format1, whose every value is spelt out here
// so that nothing but the format can change it.
func fixtureRun() (*record.Header, []record.Step) {
	h := &record.Header{
		Format: 1, Software: "sgdwalk format 1", Kernel: "generic", DType: "float32", Model: "mlp:1",
		Data: record.Data{
			Spec: "spirals", Hash: "sha256:00", TrainExamples: 8, TestExamples: 4, Height: 1, Width: 2, Channels: 1, Classes: 2,
			Split: "first 8 train", Scaling: "none",
		},
		Optimizer: record.Optimizer{Name: "sgd", Hyperparameters: map[string]float64{"learning_rate": 0.5, "momentum": 0}},
		Batch:     4, Epochs: 1, Steps: 2, Seed: 7,
		Columns: record.Columns{Theta: true, Grad: true, State: true},
		Layout: record.Pack(
			record.Tensor{Name: "linear1.weight", Kind: record.Weight, Shape: []int{1, 2}},
			record.Tensor{Name: "linear1.bias", Kind: record.Bias, Shape: []int{1}}),
		State:   record.Pack(record.Tensor{Name: "norm1.running_mean", Kind: record.RunningMean, Shape: []int{1}}),
		Comment: "fixture",
	}
	nan, inf := math.NaN(), math.Inf(1)
	at := func(ms int64) time.Time { return time.UnixMilli(1_700_000_000_000 + ms).UTC() }
	return h, []record.Step{
		{
			Step: 0, Epoch: 1, Examples: 4, Evaluations: 0, WallTime: at(0),
			BatchLoss: record.Some(0.75), BatchAccuracy: record.Some(0.5), LearningRate: record.Some(0.5), FullLoss: record.Some(0.7),
			Theta: []float32{1, -2, 0.5}, Grad: []float32{0.25, 0, -1}, State: []float32{3},
		},
		{
			Step: 1, Epoch: 1, Examples: 4, Evaluations: 1, WallTime: at(5),
			BatchLoss: record.Some(nan), BatchAccuracy: record.Some(0.25), LearningRate: record.Some(0.5), TestLoss: record.Some(inf),
			Theta: []float32{0.875, float32(math.Copysign(0, -1)), 1}, Grad: []float32{float32(inf), float32(-inf), float32(nan)},
		},
		{
			Step: 2, Epoch: 1, Evaluations: 2, WallTime: at(11), FullLoss: record.Some(5e-324),
			Theta: []float32{math.SmallestNonzeroFloat32, math.MaxFloat32, -1}, State: []float32{4},
		},
	}
}

// fixtureOptions puts two rows into the first segment and one into the second.
var fixtureOptions = Options{SegmentBytes: 4700}

// TestFixture: the run of format 1 that is kept in testdata stays readable, and
// the same run is still written with the same bytes.
func TestFixture(t *testing.T) {
	h, rows := fixtureRun()
	dir := writeRun(t, h, rows, fixtureOptions)
	names := []string{headerName, segmentName(0), segmentName(1)}
	if *update {
		must(t, os.MkdirAll(fixture, 0o755))
		for _, name := range names {
			mustWrite(t, filepath.Join(fixture, name), mustRead(t, filepath.Join(dir, name)))
		}
	}
	for _, name := range names {
		if !bytes.Equal(mustRead(t, filepath.Join(dir, name)), mustRead(t, filepath.Join(fixture, name))) {
			t.Errorf("%s is written with other bytes than the fixture has", name)
		}
	}
	r := mustOpen(t, fixture)
	if r.Len() != len(rows) || r.Segments() != 2 || !r.Finished() || !r.Closed() {
		t.Fatalf("%d rows, %d segments, finished %v, closed %v", r.Len(), r.Segments(), r.Finished(), r.Closed())
	}
	if d := cmp.Diff(h, r.Header()); d != "" {
		t.Error(d)
	}
	for i := range rows {
		got, err := r.At(i)
		must(t, err)
		if d := recordtest.Diff(&got, &rows[i]); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
	}
	if _, problems := checkAll(t, fixture); len(problems) > 0 {
		t.Error(problems)
	}
}

// TestChecksumByHand puts together the bytes under the checksums as FORMAT.md
// lists them, from what the Arrow library reads.
func TestChecksumByHand(t *testing.T) {
	_, rows := fixtureRun()
	_, id, err := readHeader(fixture)
	must(t, err)
	f, err := os.Open(filepath.Join(fixture, segmentName(0)))
	must(t, err)
	defer f.Close()
	in, err := ipc.NewFileReader(f)
	must(t, err)
	defer in.Close()
	table := crc32.MakeTable(crc32.Castagnoli)
	for i := range in.NumRecords() {
		batch, err := in.Record(i)
		must(t, err)
		u32 := func(name string) uint32 {
			return batch.Column(batch.Schema().FieldIndices(name)[0]).(*array.Uint32).Value(0)
		}
		s := rows[i]
		var b bytes.Buffer
		put := func(v any) { must(t, binary.Write(&b, binary.LittleEndian, v)) }
		put(s.Step)
		put(s.Substep)
		put(s.Epoch)
		put(s.Examples)
		put(s.Evaluations)
		for _, o := range []record.Optional{s.BatchLoss, s.BatchAccuracy, s.LearningRate, s.FullLoss, s.TestLoss} {
			put(o.Valid)
			put(o.Value)
		}
		for _, v := range []struct {
			name   string
			values []float32
		}{{"theta", s.Theta}, {"grad", s.Grad}, {"state", s.State}} {
			var raw bytes.Buffer
			must(t, binary.Write(&raw, binary.LittleEndian, v.values))
			sum := crc32.Checksum(raw.Bytes(), table) // of nothing: 0
			if got := u32(v.name + "_crc32c"); got != sum {
				t.Errorf("row %d: %s_crc32c is %#x, want %#x", i, v.name, got, sum)
			}
			put(v.values != nil)
			put(sum)
		}
		put(int64(i))
		put(id)
		if got, want := u32("crc32c"), crc32.Checksum(b.Bytes(), table); got != want {
			t.Errorf("row %d: crc32c is %#x, want %#x", i, got, want)
		}
		b.Reset()
		put(s.WallTime.UnixNano())
		if got, want := u32("wall_crc32c"), crc32.Checksum(b.Bytes(), table); got != want {
			t.Errorf("row %d: wall_crc32c is %#x, want %#x", i, got, want)
		}
	}
}

// TestFormatExample: the example in FORMAT.md is the fixture.
func TestFormatExample(t *testing.T) {
	const begin, end = "<!-- example: testdata/format1 -->\n", "<!-- end of example -->\n"
	text := string(mustRead(t, "FORMAT.md"))
	head, rest, ok := strings.Cut(text, begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("FORMAT.md has no example")
	}
	want := formatExample(t)
	if *update {
		mustWrite(t, "FORMAT.md", []byte(head+begin+want+end+tail))
		return
	}
	if d := cmp.Diff(want, old); d != "" {
		t.Errorf("the example in FORMAT.md is not the fixture; run go test -run FormatExample -update\n%s", d)
	}
}

// formatExample describes the first segment of the fixture byte by byte.
func formatExample(t *testing.T) string {
	s := mustOpen(t, fixture).state.Load().segments[0]
	b := mustRead(t, filepath.Join(fixture, segmentName(0)))
	var out strings.Builder
	out.WriteString("```\n")
	line := func(off, n int64, what string) {
		shown := min(n, 16)
		dots := ""
		if n > shown {
			dots = " ..."
		}
		fmt.Fprintf(&out, "%5d %5d  %-47s%-4s  %s\n", off, n, strings.TrimSpace(fmt.Sprintf("% x", b[off:off+shown])), dots, what)
	}
	out.WriteString(" byte count bytes\n")
	line(0, 8, "magic, padding")
	line(8, 8, "schema: continuation mark, length of the flatbuffer")
	line(16, s.start-16, "schema: flatbuffer Message, padding")
	for j := range 2 {
		v, err := s.row(j)
		must(t, err)
		line(s.offsets[j], 8, fmt.Sprintf("row %d: continuation mark, length of the flatbuffer", j))
		line(s.offsets[j]+8, v.at-s.offsets[j]-8, fmt.Sprintf("row %d: flatbuffer Message, padding", j))
		bitmaps := v.body.bitmaps
		for i, c := range s.run.columns.list {
			if v.nulls.has(c.null) {
				line(v.at+bitmaps[0].offset, bitmaps[0].length, fmt.Sprintf("row %d: %s is absent", j, c.name))
				bitmaps = bitmaps[1:]
			}
			e := v.body.data[i]
			line(v.at+e.offset, e.length, fmt.Sprintf("row %d: %s", j, c.name))
			if pad := -e.length & 7; pad > 0 {
				line(v.at+e.offset+e.length, pad, fmt.Sprintf("row %d: padding", j))
			}
		}
	}
	footer := s.offsets[2]
	size := int64(len(b))
	line(footer, 8, "end mark")
	line(footer+8, size-10-footer-8, "flatbuffer Footer")
	line(size-10, 4, "length of the flatbuffer")
	line(size-6, 6, "magic")
	out.WriteString("```\n")
	return out.String()
}
