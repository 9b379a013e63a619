package exchange

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// event is an event of a file, as the test reads it.
type event struct {
	seconds float64
	step    int64
	version string
	values  map[string]float32
}

// bitwiseCRC is CRC-32C computed bit by bit from its definition.
func bitwiseCRC(b []byte) uint32 {
	c := ^uint32(0)
	for _, x := range b {
		c ^= uint32(x)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0x82f63b78
			} else {
				c >>= 1
			}
		}
	}
	return ^c
}

// checkCRC checks a masked checksum.
func checkCRC(t *testing.T, b, masked []byte) {
	t.Helper()
	c := bitwiseCRC(b)
	if got, want := binary.LittleEndian.Uint32(masked), (c>>15|c<<17)+0xa282ead8; got != want {
		t.Fatalf("the checksum of %d bytes is %#08x, want %#08x", len(b), got, want)
	}
}

// fields calls f for every field of a message. A number of 4 or 8 bytes comes as bytes.
func fields(t *testing.T, b []byte, f func(field uint64, number uint64, content []byte)) {
	t.Helper()
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 {
			t.Fatalf("no key in % x", b)
		}
		b = b[n:]
		var number uint64
		length := 0
		switch key & 7 {
		case 0:
			number, n = binary.Uvarint(b)
			b = b[n:]
		case 1:
			length = 8
		case 2:
			number, n = binary.Uvarint(b)
			b, length = b[n:], int(number)
		case 5:
			length = 4
		default:
			t.Fatalf("field type %d", key&7)
		}
		f(key>>3, number, b[:length])
		b = b[length:]
	}
}

// readEventFile reads a file by the description of its format.
func readEventFile(t *testing.T, b []byte) (all []event) {
	t.Helper()
	le := binary.LittleEndian
	for len(b) > 0 {
		n := int(le.Uint64(b))
		checkCRC(t, b[:8], b[8:12])
		data := b[12 : 12+n]
		checkCRC(t, data, b[12+n:16+n])
		b = b[16+n:]
		e := event{values: map[string]float32{}}
		fields(t, data, func(field, number uint64, content []byte) {
			switch field {
			case 1:
				e.seconds = math.Float64frombits(le.Uint64(content))
			case 2:
				e.step = int64(number)
			case 3:
				e.version = string(content)
			case 5:
				fields(t, content, func(_, _ uint64, value []byte) {
					tag, x := "", float32(0)
					fields(t, value, func(field, _ uint64, content []byte) {
						if field == 1 {
							tag = string(content)
						} else {
							x = math.Float32frombits(le.Uint32(content))
						}
					})
					if _, twice := e.values[tag]; twice {
						t.Fatalf("step %d has the tag %s twice", e.step, tag)
					}
					e.values[tag] = x
				})
			}
		})
		all = append(all, e)
	}
	return all
}

func eventsOf(t *testing.T, tr record.Trajectory) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteEvents(&b, tr); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The bytes were made with Python's struct, and the protobuf library of Python reads and
// writes the same.
func TestWriteEventsGolden(t *testing.T) {
	want := []string{
		"1800000000000000a37f4b220900000000000870401a0d627261696e2e4576656e743a32bc98212b",
		"300000000000000095f5d05f0900000000000870402a250a110a0a6c6f73732f6261746368150000c03f" +
			"0a100a096c6f73732f66756c6c150000c07f013385f6",
		"36000000000000004f578cef09000000000014704010ac022a280a140a0d6c6561726e696e675f726174651500000000" +
			"0a100a096c6f73732f7465737415000080fffef5c865",
	}
	rows := []record.Step{
		{
			Step: 0, WallTime: time.Unix(256, 5e8), BatchLoss: record.Some(1.5),
			FullLoss: record.Some(math.NaN()),
		},
		{
			Step: 300, WallTime: time.Unix(257, 25e7), LearningRate: record.Some(0),
			TestLoss: record.Some(math.Inf(-1)),
		},
	}
	got := hex.EncodeToString(eventsOf(t, memory(t, recordtest.Header(2), rows)))
	if got != strings.Join(want, "") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// An independent reader finds the numbers of every iterate, as float32.
func TestWriteEvents(t *testing.T) {
	h := recordtest.Header(2)
	rows := recordtest.Rows(h, 40, 3)
	rows[7].Substep = 1 // an inner iterate of step 7, which is left out
	rows[9].BatchLoss = record.Some(1e300)
	rows[11].LearningRate = record.Some(1e-300)
	m := memory(t, h, rows)
	b := eventsOf(t, m)
	if !bytes.Equal(b, eventsOf(t, m)) {
		t.Error("the second file has other bytes")
	}
	got := readEventFile(t, b)
	if want := (event{1_700_000_000, 0, "brain.Event:2", map[string]float32{}}); !reflect.DeepEqual(got[0], want) {
		t.Errorf("the first event is %v, want %v", got[0], want)
	}
	got = got[1:]
	for i, row := range rows {
		if i == 7 {
			continue
		}
		want := event{seconds: float64(row.WallTime.UnixNano()) / 1e9, step: row.Step, values: map[string]float32{}}
		for tag, o := range map[string]record.Optional{
			"loss/batch": row.BatchLoss, "accuracy/batch": row.BatchAccuracy, "learning_rate": row.LearningRate,
			"loss/full": row.FullLoss, "loss/test": row.TestLoss,
		} {
			if o.Valid {
				want.values[tag] = float32(o.Value)
			}
		}
		if i == 9 && !math.IsInf(float64(want.values["loss/batch"]), 1) || i == 11 && want.values["learning_rate"] != 0 {
			t.Fatalf("row %d does not test the limits of float32: %v", i, want)
		}
		if len(got) == 0 || !reflect.DeepEqual(got[0], want) {
			t.Fatalf("row %d: got %v, want %v", i, got[:min(1, len(got))], want)
		}
		got = got[1:]
	}
	if len(got) != 0 {
		t.Errorf("%d more events", len(got))
	}
}

// One row without a wall time: every event has its step as the time.
func TestWriteEventsWithoutTimes(t *testing.T) {
	h := recordtest.Header(2)
	rows := recordtest.Rows(h, 12, 3)
	rows[5].WallTime = time.Time{}
	for i, e := range readEventFile(t, eventsOf(t, memory(t, h, rows))) {
		if want := max(0, i-1); e.seconds != float64(want) || e.step != int64(want) {
			t.Errorf("event %d: step %d at %v s, want step %d at the same number of seconds", i, e.step, e.seconds, want)
		}
	}
}

func TestEventTags(t *testing.T) {
	if len(eventTags) != len(record.OptionalNames) {
		t.Fatalf("%d tags for the numbers %v", len(eventTags), record.OptionalNames)
	}
	for i, tag := range eventTags {
		// "loss/batch" is the tag of batch_loss.
		group, name, _ := strings.Cut(tag, "/")
		if column := record.OptionalNames[i]; tag != column && name+"_"+group != column {
			t.Errorf("the tag of %s is %s", column, tag)
		}
	}
}

func TestWriteEventsNothing(t *testing.T) {
	h := recordtest.Header(2)
	for name, rows := range map[string][]record.Step{
		"no rows":    {},
		"no numbers": {{Step: 0, Theta: []float32{1, 2}}, {Step: 1, Theta: []float32{1, 3}}},
		"no iterate": {{Step: 0, Substep: 1, BatchLoss: record.Some(1)}},
	} {
		dir := filepath.Join(t.TempDir(), "events")
		err := WriteEventFolder(dir, memory(t, h, rows))
		if err == nil || !strings.Contains(err.Error(), "would be empty") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a folder was made: %v", name, err)
		}
	}
}

func TestWriteEventsErrors(t *testing.T) {
	h := recordtest.Header(2)
	m := memory(t, h, recordtest.Rows(h, 500, 1))
	for name, err := range map[string]error{
		"row":             WriteEvents(&bytes.Buffer{}, damaged{m}),
		"disk":            WriteEvents(&full{100}, m),
		"disk at the end": WriteEvents(&full{len(eventsOf(t, m)) - 1}, m),
	} {
		if !errors.Is(err, errDamaged) || !strings.HasPrefix(err.Error(), "exchange: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWriteEventFolder(t *testing.T) {
	h := recordtest.Header(2)
	m := memory(t, h, recordtest.Rows(h, 4, 1))
	dir := filepath.Join(t.TempDir(), "logs", "run")
	for range 2 { // the second time the file is there
		if err := WriteEventFolder(dir, m); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "events.out.tfevents.0000000000.sgdwalk"))
		if err != nil || !bytes.Equal(b, eventsOf(t, m)) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	file := save(t, dir, "file", nil)
	if err := WriteEventFolder(file, m); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("into a file: %v", err)
	}
}
