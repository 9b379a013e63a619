package arrowfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sgdwalk/record"
	"sgdwalk/record/half"
	"sgdwalk/record/recordtest"
	"sgdwalk/record/sketch"
)

var update = flag.Bool("update", false, "write the goldens anew")

// fixture is a run in testdata. Its every value is spelt out in fixtureRun, so
// that nothing but the format can change it. One of each format that was ever
// written stays readable for ever.
type fixture struct {
	dir     string
	format  int
	dtype   string
	segment int64 // Options.SegmentBytes: two rows in the first segment and one in the second
}

var fixtures = []fixture{
	{"testdata/format1", 1, record.Float32, 4700},
	{"testdata/format2", 2, record.Float32, 3900},
	{"testdata/format2-float16", 2, record.Float16, 3900},
	{"testdata/format2-bfloat16", 2, record.BFloat16, 3900},
	{"testdata/format3", 3, record.Float32, 5200},
}

// newest is the fixture of the format that is written now.
var newest = fixtures[4]

func (f fixture) options() Options { return Options{SegmentBytes: f.segment} }

// run returns the header and the rows of the fixture, rounded as it keeps them.
func (f fixture) run() (*record.Header, []record.Step) {
	h, rows := fixtureRun()
	h.Format, h.DType = f.format, f.dtype
	h.Columns.Substep = f.format > 1
	h.Software = fmt.Sprintf("sgdwalk format %d", f.format)
	for i := range rows {
		precisionOf(f.dtype).RoundTo(rows[i].Theta, rows[i].Theta)
		precisionOf(f.dtype).RoundTo(rows[i].Grad, rows[i].Grad)
	}
	return h, rows
}

// precisionOf is what the values of a run with this dtype are rounded to.
func precisionOf(dtype string) sketch.Precision {
	return map[string]sketch.Precision{record.Float16: sketch.Float16, record.BFloat16: sketch.BFloat16}[dtype]
}

func fixtureRun() (*record.Header, []record.Step) {
	h := &record.Header{
		Format: record.FormatVersion, Kernel: "generic", DType: "float32", Model: "mlp:1",
		Data: record.Data{
			Spec: "spirals", Hash: "sha256:00",
			TrainExamples: 8, TestExamples: 4, Height: 1, Width: 2, Channels: 1, Classes: 2,
			Split: "first 8 train", Scaling: "none",
		},
		Optimizer: record.Optimizer{
			Name:            "sgd",
			Hyperparameters: map[string]float64{"learning_rate": 0.5, "momentum": 0},
		},
		Batch: 4, Epochs: 1, Steps: 2, Seed: 7,
		Columns: record.Columns{Theta: true, Grad: true, State: true, Substep: true},
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
			BatchLoss: record.Some(0.75), BatchAccuracy: record.Some(0.5), LearningRate: record.Some(0.5),
			FullLoss: record.Some(0.7),
			Theta:    []float32{1, -2, 0.5}, Grad: []float32{0.25, 0, -1}, State: []float32{3},
		},
		{
			Step: 1, Epoch: 1, Examples: 4, Evaluations: 1, WallTime: at(5),
			BatchLoss: record.Some(nan), BatchAccuracy: record.Some(0.25), LearningRate: record.Some(0.5),
			TestLoss: record.Some(inf),
			Theta:    []float32{0.875, float32(math.Copysign(0, -1)), 1},
			Grad:     []float32{float32(inf), float32(-inf), float32(nan)},
		},
		{
			Step: 2, Epoch: 1, Evaluations: 2, WallTime: at(11), FullLoss: record.Some(5e-324),
			Theta: []float32{math.SmallestNonzeroFloat32, math.MaxFloat32, -1}, State: []float32{4},
		},
	}
}

// TestFixture: the runs that are kept in testdata stay readable, and the same runs
// are still written with the same bytes. That of format 1 was written by the Arrow
// library for Go itself.
func TestFixture(t *testing.T) {
	for _, f := range fixtures {
		t.Run(filepath.Base(f.dir), func(t *testing.T) {
			h, rows := f.run()
			dir := writeRun(t, h, rows, f.options())
			names := []string{headerName, segmentName(0), segmentName(1)}
			if *update && f.format == record.FormatVersion {
				must(t, os.MkdirAll(f.dir, 0o755))
				for _, name := range names {
					mustWrite(t, filepath.Join(f.dir, name), mustRead(t, filepath.Join(dir, name)))
				}
			}
			for _, name := range names {
				if !bytes.Equal(mustRead(t, filepath.Join(dir, name)), mustRead(t, filepath.Join(f.dir, name))) {
					t.Errorf("%s is written with other bytes than the fixture has", name)
				}
			}
			r := mustOpen(t, f.dir)
			if r.Len() != len(rows) || r.Segments() != 2 || !r.Finished() || !r.Closed() {
				t.Fatalf("%d rows, %d segments, finished %v, closed %v",
					r.Len(), r.Segments(), r.Finished(), r.Closed())
			}
			if d := cmp.Diff(h, r.Header()); d != "" {
				t.Error(d)
			}
			for i := range rows {
				got, err := r.Read(i, record.AllParts)
				must(t, err)
				if d := recordtest.Diff(&got, &rows[i]); d != "" {
					t.Errorf("row %d: %s", i, d)
				}
			}
			if _, problems := checkAll(t, f.dir); len(problems) > 0 {
				t.Error(problems)
			}
		})
	}
}

// TestContinueOldFormat: a run of format 1 goes on in format 1, and is repaired
// into one.
func TestContinueOldFormat(t *testing.T) {
	h, rows := fixtures[0].run()
	dir := filepath.Join(t.TempDir(), "run")
	w, err := Create(dir, h, Options{})
	must(t, err)
	appendRows(t, w, rows[:1])
	must(t, w.Close())
	w, err = Continue(dir, Options{})
	must(t, err)
	appendRows(t, w, rows[1:])
	must(t, w.Close())
	out := filepath.Join(t.TempDir(), "repaired")
	_, err = Repair(dir, out, fixtures[0].options(), func(err error) { t.Error(err) })
	must(t, err)
	for _, name := range []string{headerName, segmentName(0), segmentName(1)} {
		if !bytes.Equal(mustRead(t, filepath.Join(out, name)), mustRead(t, filepath.Join(fixtures[0].dir, name))) {
			t.Errorf("%s has other bytes than the fixture of format 1", name)
		}
	}
}

// TestMixedFormats: a segment that says that it has another format than the header
// is damaged, and the rows, whose checksums hold, are read all the same.
func TestMixedFormats(t *testing.T) {
	h, rows := newest.run()
	dir := writeRun(t, h, rows, Options{})
	path := filepath.Join(dir, segmentName(0))
	b := mustRead(t, path)
	at := bytes.Index(b, []byte("\x01\x00\x00\x003\x00")) // the text 3, and its length before it
	b[at+4] = '1'
	mustWrite(t, path, b)
	summary, problems := checkAll(t, dir)
	if len(problems) != 1 || !errors.Is(problems[0], ErrWrongRun) || summary.Rows != int64(len(rows)) {
		t.Errorf("%d rows, problems %v; want %d rows and %v", summary.Rows, problems, len(rows), ErrWrongRun)
	}
}

// TestChecksumByHand puts together the bytes under the checksums as FORMAT.md
// lists them, from the values that were recorded, and looks for them where it says
// that they are: in the last bytes of a row.
func TestChecksumByHand(t *testing.T) {
	for _, f := range fixtures[1:] {
		t.Run(filepath.Base(f.dir), func(t *testing.T) { checksumByHand(t, f) })
	}
}

func checksumByHand(t *testing.T, f fixture) {
	_, rows := f.run()
	run, err := readHeader(f.dir)
	must(t, err)
	file := mustRead(t, filepath.Join(f.dir, segmentName(0)))
	s := mustOpen(t, f.dir).state.Load().segments[0]
	table := crc32.MakeTable(crc32.Castagnoli)
	for i := range s.rows() {
		check := func(place int) uint32 { return binary.LittleEndian.Uint32(file[s.offsets[i+1]-24+4*int64(place):]) }
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
		for place, v := range [][]float32{s.Theta, s.Grad, s.State} {
			var raw bytes.Buffer
			for _, x := range v {
				switch {
				case place == 2 || f.dtype == record.Float32:
					must(t, binary.Write(&raw, binary.LittleEndian, x))
				case f.dtype == record.Float16:
					must(t, binary.Write(&raw, binary.LittleEndian, half.ToFloat16(x)))
				default:
					must(t, binary.Write(&raw, binary.LittleEndian, half.ToBFloat16(x)))
				}
			}
			sum := crc32.Checksum(raw.Bytes(), table) // of nothing: 0
			if got := check(place); got != sum {
				t.Errorf("row %d: the checksum of %s is %#x, want %#x", i, record.VectorNames[place], got, sum)
			}
			put(v != nil)
			put(sum)
		}
		put(int64(i))
		put(run.id)
		if got, want := check(3), crc32.Checksum(b.Bytes(), table); got != want {
			t.Errorf("row %d: its checksum is %#x, want %#x", i, got, want)
		}
		b.Reset()
		put(s.WallTime.UnixNano())
		if got, want := check(4), crc32.Checksum(b.Bytes(), table); got != want {
			t.Errorf("row %d: the checksum of the wall time is %#x, want %#x", i, got, want)
		}
	}
}

// TestFormatExample: the example in FORMAT.md is the fixture.
func TestFormatExample(t *testing.T) {
	const begin, end = "<!-- example: testdata/format3 -->\n", "<!-- end of example -->\n"
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
	s := mustOpen(t, newest.dir).state.Load().segments[0]
	b := mustRead(t, filepath.Join(newest.dir, segmentName(0)))
	var out strings.Builder
	out.WriteString("```\n")
	line := func(off, n int64, what string) {
		shown := min(n, 16)
		dots := ""
		if n > shown {
			dots = " ..."
		}
		fmt.Fprintf(&out, "%5d %5d  %-47s%-4s  %s\n",
			off, n, strings.TrimSpace(fmt.Sprintf("% x", b[off:off+shown])), dots, what)
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
				line(v.at+bitmaps[0].offset, pad8(bitmaps[0].length), fmt.Sprintf("row %d: %s is absent", j, c.name))
				bitmaps = bitmaps[1:]
			}
			e := v.body.data[i]
			line(v.at+e.offset, e.length, fmt.Sprintf("row %d: %s", j, c.name))
			if pad := -e.length & 7; pad > 0 {
				line(v.at+e.offset+e.length, pad, fmt.Sprintf("row %d: padding", j))
			}
		}
		for i, f := range s.run.columns.checks {
			line(v.at+v.body.checks.offset+4*int64(i), 4, fmt.Sprintf("row %d: %s", j, checkName(f)))
		}
		if pad := -v.body.checks.length & 7; pad > 0 {
			line(v.end-pad, pad, fmt.Sprintf("row %d: padding", j))
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
