package arrowfile

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

func hexText(b []byte) string { return hex.EncodeToString(b) }

// TestTruncation cuts a segment at every byte. Every row that is whole must be
// there, nothing else, and the rest is said to be torn.
func TestTruncation(t *testing.T) {
	h := recordtest.Header(2)
	h.Columns = record.Columns{Theta: true}
	rows := recordtest.Rows(h, 1, 1)
	stride := 1
	if raceEnabled {
		stride = 37
	}
	dir := writeRun(t, h, rows, Options{})
	whole := mustRead(t, filepath.Join(dir, segmentName(0)))
	full := mustOpen(t, dir).state.Load().segments[0]
	for n := 0; n < len(whole); n += stride {
		at := func(string) (byteSource, error) { return memorySource(whole[:n]), nil }
		r, err := open(dir, at)
		if err != nil {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
		want, end := 0, int64(0)
		if int64(n) >= full.start {
			end = full.start
		}
		for want < len(rows) && full.offsets[want+1] <= int64(n) {
			want++
			end = full.offsets[want]
		}
		if r.Len() != want || r.Torn() != int64(n)-end || r.Closed() {
			t.Errorf("%d of %d bytes: %d rows, %d bytes torn, closed %v; want %d, %d, false",
				n, len(whole), r.Len(), r.Torn(), r.Closed(), want, int64(n)-end)
		}
		for i := range r.Len() {
			got, err := r.Read(i, record.AllParts)
			if err != nil {
				t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
			}
			if d := recordtest.Diff(&got, &rows[i]); d != "" {
				t.Errorf("%d of %d bytes: row %d: %s", n, len(whole), i, d)
			}
		}
		problems := 0
		s, err := check(dir, func(error) { problems++ }, at)
		if err != nil || (problems > 0) != (s.Torn > 0) || s.Rows != int64(want) {
			t.Errorf("%d of %d bytes: check: %+v, %v", n, len(whole), s, err)
		}
		r.Close()
	}
}

// damage is a place in a segment, found by its meaning.
type damage struct {
	t *testing.T
	s *segment
	b []byte
}

// at returns the place of a column or a checksum of row j.
func (d damage) at(j int, name string) []byte {
	v, err := d.s.row(j)
	if err != nil {
		d.t.Fatal(err)
	}
	for i, c := range d.s.run.columns.list {
		if c.name == name {
			e := v.body.data[i]
			return d.b[v.at+e.offset : v.at+e.offset+e.length]
		}
	}
	for i, f := range d.s.run.columns.checks {
		if checkName(f) == name {
			at := v.at + v.body.checks.offset + 4*int64(i)
			return d.b[at : at+4]
		}
	}
	d.t.Fatalf("no column %s", name)
	return nil
}

// meta returns the message of row j without its body.
func (d damage) meta(j int) []byte {
	v, err := d.s.row(j)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.b[d.s.offsets[j]:v.at]
}

func (d damage) row(j int) []byte { return d.b[d.s.offsets[j]:d.s.offsets[j+1]] }

// footer returns the footer without its length and the magic.
func (d damage) footer() []byte { return d.b[d.s.offsets[d.s.rows()] : len(d.b)-trailer] }

// TestDamage: named damages and the rows that survive them, in a run of six rows
// in two segments of three.
func TestDamage(t *testing.T) {
	const all = "012345"
	for _, test := range []struct {
		name    string
		segment int
		spoil   func(damage)
		rows    string // that can be read
		len     int    // what Len says
		torn    bool
	}{
		{"scalar", 0, func(d damage) { d.at(1, "batch_loss")[3] ^= 1 }, "02345", 6, false},
		{"checksum of scalars", 0, func(d damage) { d.at(1, "crc32c")[0] ^= 1 }, "02345", 6, false},
		{"theta", 0, func(d damage) { d.at(1, "theta")[5] ^= 0x80 }, "02345", 6, false},
		{"checksum of theta", 0, func(d damage) { d.at(1, "theta_crc32c")[0] ^= 1 }, "02345", 6, false},
		{"grad", 1, func(d damage) { d.at(0, "grad")[0] ^= 1 }, "01245", 6, false},
		{"state", 1, func(d damage) { d.at(2, "state")[0] ^= 1 }, "01234", 6, false},
		{"wall time", 0, func(d damage) { d.at(2, "wall_time_ns")[0] ^= 1 }, "01345", 6, false},
		{"a value where none is", 1, func(d damage) { d.at(2, "batch_loss")[0] = 1 }, "01234", 6, false},
		{"rows exchanged", 0, func(d damage) { exchange(d.row(1), d.row(2)) }, "0345", 6, false},
		{"row repeated", 0, func(d damage) { copy(d.row(2), d.row(1)) }, "01345", 6, false},
		{"theta of another row", 0, func(d damage) { copy(d.at(2, "theta"), d.at(1, "theta")) }, "01345", 6, false},
		{"theta and its checksum of another row", 0, func(d damage) {
			copy(d.at(2, "theta"), d.at(1, "theta"))
			copy(d.at(2, "theta_crc32c"), d.at(1, "theta_crc32c"))
		}, "01345", 6, false},
		{"row zeroed", 0, func(d damage) { clear(d.row(1)) }, "02345", 6, false},
		{"row of ones", 1, func(d damage) { fill(d.row(1), 0xff) }, "01235", 6, false},
		{"two rows zeroed", 0, func(d damage) { clear(d.row(0)); clear(d.row(1)) }, "2345", 6, false},
		{"continuation mark", 0, func(d damage) { d.meta(1)[0] = 0 }, "02345", 6, false},
		{
			"metadata too long", 0, func(d damage) { binary.LittleEndian.PutUint32(d.meta(1)[4:], 1<<30) }, "02345",
			6, false,
		},
		{"metadata of no length", 0, func(d damage) { clear(d.meta(1)[4:8]) }, "02345", 6, false},
		{"metadata all ones", 0, func(d damage) { fill(d.meta(1)[8:], 0xff) }, "02345", 6, false},
		{"schema all ones", 0, func(d damage) { fill(d.b[16:d.s.start], 0xff) }, all, 6, false},
		{"beginning of the file", 1, func(d damage) { clear(d.b[:d.s.start]) }, all, 6, false},
		{"footer zeroed", 0, func(d damage) { clear(d.footer()) }, all, 6, false},
		{"footer of ones", 0, func(d damage) { fill(d.footer(), 0xff) }, all, 6, false},
		{"footer's length huge", 0, func(d damage) { fill(d.b[len(d.b)-trailer:len(d.b)-6], 0xff) }, all, 6, false},
		{"magic at the end", 1, func(d damage) { d.b[len(d.b)-1] = 0 }, all, 6, true},
		{"footer and a row", 0, func(d damage) { clear(d.footer()); clear(d.row(1)) }, "02345", 6, false},
		{
			"footer and two rows", 0, func(d damage) { clear(d.footer()); clear(d.row(0)); clear(d.row(1)) }, "2345",
			6, false,
		},
		{"footer and the last row", 0, func(d damage) { clear(d.footer()); clear(d.row(2)) }, "01345", 6, false},
		{"footer and a length", 0, func(d damage) { clear(d.footer()); d.meta(1)[4] ^= 0x08 }, "02345", 6, false},
		{
			"footer and a length of the first row", 0, func(d damage) { clear(d.footer()); d.meta(0)[5] ^= 0x01 },
			"12345",
			6, false,
		},
		{
			"schema, footer and the second row", 0,
			func(d damage) { clear(d.b[:d.s.start]); clear(d.footer()); clear(d.row(1)) }, "02345", 6, false,
		},
		{
			"end of the last row and the footer", 1, func(d damage) { clear(d.footer()); clear(d.row(2)) }, "01234",
			5, true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := recordtest.Header(8)
			rows := recordtest.Rows(h, 5, 1)
			dir := writeRun(t, h, rows, Options{SegmentBytes: 6400})
			sound := mustOpen(t, dir)
			if len(sound.state.Load().segments) != 2 || sound.state.Load().segments[0].rows() != 3 {
				t.Fatalf("%d segments, %d rows in the first",
					len(sound.state.Load().segments), sound.state.Load().segments[0].rows())
			}
			path := filepath.Join(dir, segmentName(test.segment))
			b := mustRead(t, path)
			test.spoil(damage{t, sound.state.Load().segments[test.segment], b})
			must(t, os.Remove(path)) // sound keeps the old one
			mustWrite(t, path, b)
			verifyDamage(t, dir, rows, test.rows, test.len, test.torn)
		})
	}
}

func verifyDamage(t *testing.T, dir string, rows []record.Step, survivors string, length int, torn bool) {
	t.Helper()
	r := mustOpen(t, dir)
	if r.Len() != length || (r.Torn() > 0) != torn {
		t.Errorf("%d rows, %d bytes torn; want %d, %v", r.Len(), r.Torn(), length, torn)
	}
	got := ""
	for i := range r.Len() {
		s, err := r.Read(i, record.AllParts)
		if err != nil {
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Row != int64(i) || filepath.Dir(corrupt.Path) != dir {
				t.Errorf("row %d: %#v", i, err)
			}
			continue
		}
		got += string(rune('0' + i))
		if d := recordtest.Diff(&s, &rows[i]); d != "" {
			t.Errorf("row %d: %s", i, d)
		}
	}
	if got != survivors {
		t.Errorf("rows %s survived, want %s", got, survivors)
	}
	s, problems := checkAll(t, dir)
	if len(problems) == 0 || s.Rows != int64(len(survivors)) || s.Damaged != int64(length-len(survivors)) {
		t.Errorf("check: %+v, %v", s, problems)
	}
	for _, p := range problems {
		t.Log(p)
	}
}

// TestPartsOfDamagedRow: a damaged gradient costs nobody theta.
func TestPartsOfDamagedRow(t *testing.T) {
	h := recordtest.Header(8)
	rows := recordtest.Rows(h, 2, 1)
	dir := writeRun(t, h, rows, Options{})
	path := filepath.Join(dir, segmentName(0))
	b := mustRead(t, path)
	damage{t, mustOpen(t, dir).state.Load().segments[0], b}.at(1, "grad")[0] ^= 1
	must(t, os.Remove(path))
	mustWrite(t, path, b)
	r := mustOpen(t, dir)
	for range 2 {
		if _, err := r.Read(1, record.AllParts); err == nil {
			t.Error("the row was read")
		}
		if _, err := record.GradOf(r, 1); err == nil {
			t.Error("the gradient was read")
		}
		if _, err := r.Read(1, record.ScalarsOnly); err != nil {
			t.Error(err)
		}
		if v, err := record.ThetaOf(r, 1); err != nil || len(v) != 8 {
			t.Error(v, err)
		}
		if v, err := record.StateOf(r, 1); err != nil || len(v) != 3 {
			t.Error(v, err)
		}
	}
}

// TestMissingEnd: a segment that lost its end loses its rows, not its neighbours.
func TestMissingEnd(t *testing.T) {
	h := recordtest.Header(8)
	rows := recordtest.Rows(h, 5, 1)
	dir := writeRun(t, h, rows, Options{SegmentBytes: 6400})
	s := mustOpen(t, dir).state.Load().segments[0]
	path := filepath.Join(dir, segmentName(0))
	b := mustRead(t, path)
	must(t, os.Remove(path))
	mustWrite(t, path, b[:s.offsets[1]+100])
	verifyDamage(t, dir, rows, "0345", 6, false)
}

func exchange(a, b []byte) {
	for i := range min(len(a), len(b)) {
		a[i], b[i] = b[i], a[i]
	}
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
