package exchange

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protowire"

	"sgdwalk/record"
	"sgdwalk/record/safefile"
)

// EventFileName is the name of the file that [WriteEventFolder] writes. TensorBoard reads
// every file with "tfevents" in its name. Other programs put the time and the name of the
// machine at the last two places; the same run must have the same name everywhere.
const EventFileName = "events.out.tfevents.0000000000.sgdwalk"

// eventVersion is the content of the first event of a file.
const eventVersion = "brain.Event:2"

// eventTags are the tags of a row's numbers, in the order of record.OptionalNames.
// TensorBoard shows the tags that have the same word before the slash in one group.
var eventTags = [...]string{"loss/batch", "accuracy/batch", "learning_rate", "loss/full", "loss/test"}

// The fields of TensorBoard's messages.
const (
	eventWallTime    protowire.Number = 1 // of Event, double: seconds since 1970
	eventStep        protowire.Number = 2 // of Event, int64
	eventFileVersion protowire.Number = 3 // of Event, string
	eventSummary     protowire.Number = 5 // of Event, Summary
	summaryValue     protowire.Number = 1 // of Summary, repeated Value
	valueTag         protowire.Number = 1 // of Value, string
	valueSimple      protowire.Number = 2 // of Value, float
)

// WriteEventFolder writes the file of [WriteEvents] into the folder dir, with the name
// EventFileName. It makes a missing folder, and replaces an existing file.
func WriteEventFolder(dir string, t record.Trajectory) error {
	e, err := readEvents(t)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return safefile.Write(filepath.Join(dir, EventFileName), e.write)
}

// WriteEvents writes the numbers of the iterates as an event file of TensorBoard, with
// one event for each iterate and with the tags loss/batch, accuracy/batch, learning_rate,
// loss/full and loss/test. Inner iterates and absent numbers are left out; NaN and the
// infinities are written. The step of an event is that of its row, so loss/batch at step
// k is the loss before update k. Event files keep float32: a number above 3.4e38 becomes
// infinite, and a number below 1e-45 becomes 0.
//
// The wall time of an event is that of its row. When one of the rows has no wall time,
// all events have their step instead, as seconds since 1970: TensorBoard's time axis is
// of no use for a mixture. The same run gives the same bytes. A run without a number is
// an error. Memory: that of the file, about 200 bytes for each row, and of the numbers of
// all rows.
func WriteEvents(w io.Writer, t record.Trajectory) error {
	e, err := readEvents(t)
	if err != nil {
		return err
	}
	return e.write(w)
}

// events has the rows of an event file.
type events struct {
	rows    []record.Step // iterates with at least one number
	isTimed bool          // all rows have a wall time
}

// readEvents reads the numbers of a recording.
func readEvents(t record.Trajectory) (*events, error) {
	e := &events{isTimed: true}
	for i := range t.Len() {
		s, err := t.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, fmt.Errorf("exchange: row %d: %w", i, err)
		}
		if s.Substep != 0 || len(summaryOf(&s)) == 0 {
			continue
		}
		e.rows = append(e.rows, s)
		e.isTimed = e.isTimed && !s.WallTime.IsZero()
	}
	if len(e.rows) == 0 {
		return nil, fmt.Errorf("exchange: none of the %d rows has a loss, an accuracy or a learning rate; an event file "+
			"would be empty", t.Len())
	}
	return e, nil
}

// write writes the file.
func (e *events) write(w io.Writer) error {
	version := protowire.AppendTag(eventAt(e.time(0), 0), eventFileVersion, protowire.BytesType)
	file := appendRecord(nil, protowire.AppendString(version, eventVersion))
	for i := range e.rows {
		event := protowire.AppendTag(eventAt(e.time(i), e.rows[i].Step), eventSummary, protowire.BytesType)
		file = appendRecord(file, protowire.AppendBytes(event, summaryOf(&e.rows[i])))
	}
	if _, err := w.Write(file); err != nil {
		return fmt.Errorf("exchange: event file: %w", err)
	}
	return nil
}

// time returns the wall time of the event of row i, in seconds since 1970.
func (e *events) time(i int) float64 {
	if !e.isTimed {
		return float64(e.rows[i].Step)
	}
	return float64(e.rows[i].UnixNano()) / 1e9
}

// eventAt returns the beginning of an Event. A field that is 0 is absent, as the other
// writers of this format leave it out.
func eventAt(seconds float64, step int64) []byte {
	var b []byte
	if seconds != 0 {
		b = protowire.AppendTag(b, eventWallTime, protowire.Fixed64Type)
		b = protowire.AppendFixed64(b, math.Float64bits(seconds))
	}
	if step != 0 {
		b = protowire.AppendTag(b, eventStep, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(step))
	}
	return b
}

// summaryOf returns the Summary of a row: a Value for each number that it has.
func summaryOf(s *record.Step) []byte {
	var b []byte
	for i, o := range s.Optionals() {
		if !o.Valid {
			continue
		}
		value := protowire.AppendTag(nil, valueTag, protowire.BytesType)
		value = protowire.AppendString(value, eventTags[i])
		value = protowire.AppendTag(value, valueSimple, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(float32(o.Value)))
		b = protowire.AppendTag(b, summaryValue, protowire.BytesType)
		b = protowire.AppendBytes(b, value)
	}
	return b
}

// appendRecord appends an Event as one TFRecord: the length, its checksum, the bytes and
// their checksum, all little-endian.
func appendRecord(b, event []byte) []byte {
	le := binary.LittleEndian
	length := le.AppendUint64(nil, uint64(len(event)))
	b = append(b, length...)
	b = le.AppendUint32(b, maskedCRC(length))
	b = append(b, event...)
	return le.AppendUint32(b, maskedCRC(event))
}

// castagnoli is the polynomial of CRC-32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC returns the CRC-32C of b as TFRecords keep it: rotated right by 15 bits, plus
// a constant. The mask keeps the checksum of bytes that contain a checksum from being
// trivial.
func maskedCRC(b []byte) uint32 {
	return bits.RotateLeft32(crc32.Checksum(b, castagnoli), -15) + 0xa282ead8
}
