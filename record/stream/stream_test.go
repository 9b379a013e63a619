package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// decode reads a whole stream into memory.
func decode(r io.Reader) (*record.Memory, error) {
	d, err := NewDecoder(r)
	if err != nil {
		return nil, err
	}
	m, err := record.NewMemory(d.Header())
	if err != nil {
		return nil, err
	}
	for {
		var s record.Step
		switch err := d.Next(&s); {
		case errors.Is(err, io.EOF):
			return m, nil
		case err != nil:
			return m, err
		}
		if err := m.Append(&s); err != nil {
			return m, err
		}
	}
}

// TestConformance: what an encoder writes and a decoder reads is what was appended.
func TestConformance(t *testing.T) {
	recordtest.Sink(t, func(t *testing.T, h *record.Header) (record.Sink, func() record.Trajectory) {
		var b bytes.Buffer
		e, err := NewEncoder(&b, h)
		if err != nil {
			t.Fatal(err)
		}
		return e, func() record.Trajectory {
			m, err := decode(bytes.NewReader(b.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
	})
}

// whole is a stream of some rows, and where each of its frames ends.
func whole(t *testing.T, rows int) (text []byte, ends []int, h *record.Header, want []record.Step) {
	t.Helper()
	h = recordtest.Header(5)
	want = recordtest.Rows(h, rows-1, 1)
	var b bytes.Buffer
	e, err := NewEncoder(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	ends = append(ends, b.Len()+e.w.Buffered())
	for i := range want {
		if err := e.Append(&want[i]); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, b.Len()+e.w.Buffered())
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), ends, h, want
}

// TestTruncation cuts a stream at every byte: every whole frame before the cut is
// read, none is made of a part, and the error says whether a frame was torn.
func TestTruncation(t *testing.T) {
	text, ends, _, want := whole(t, 4)
	for cut := range text {
		m, err := decode(bytes.NewReader(text[:cut]))
		frames, border := 0, false
		for i, end := range ends {
			if cut >= end {
				frames = i
			}
			border = border || cut == end
		}
		kind := ErrTorn
		if border || cut == 0 {
			kind = ErrUnfinished
		}
		if !errors.Is(err, kind) {
			t.Fatalf("cut after %d bytes: %v; want %v", cut, err, kind)
		}
		if cut < ends[0] {
			continue
		}
		if m.Len() != frames {
			t.Fatalf("cut after %d bytes: %d steps; want %d", cut, m.Len(), frames)
		}
		for i := range frames {
			got, _ := m.Read(i, record.AllParts)
			if d := recordtest.Diff(&got, &want[i]); d != "" {
				t.Fatalf("cut after %d bytes: row %d: %s", cut, i, d)
			}
		}
	}
	if _, err := decode(bytes.NewReader(text)); err != nil {
		t.Error(err)
	}
}

// TestHeads changes every byte of a frame's head, and of the end: each is an error
// and no step.
func TestHeads(t *testing.T) {
	text, ends, _, _ := whole(t, 2)
	for _, begin := range []int{ends[0], ends[2]} {
		for i := range headBytes - 4 { // behind the checksum there are zeros
			bad := bytes.Clone(text)
			bad[begin+i] ^= 0x40
			if m, err := decode(bytes.NewReader(bad)); err == nil || begin == ends[0] && m.Len() != 0 {
				t.Fatalf("byte %d of a head is wrong, and %d steps are read: %v", i, m.Len(), err)
			}
		}
	}
}

// TestLyingSizes: a layout of two thousand million parameters, and four bytes of
// them. The memory is that of what came.
func TestLyingSizes(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`{"sgdwalk_stream":1,"layout":[{"name":"w","kind":"weight","shape":[2000000000]}]}` + "\n")
	head := newHead(frameMagic, hasTheta, 0)
	head = append(head, make([]byte, 88-len(head))...)
	head = binary.LittleEndian.AppendUint64(head, 8e9)
	head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(head))
	b.Write(append(head, 0, 0, 0, 0))
	b.WriteString("four")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	d, err := NewDecoder(&b)
	if err != nil {
		t.Fatal(err)
	}
	var s record.Step
	err = d.Next(&s)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrTorn) || s.Theta != nil {
		t.Errorf("%v; want a torn frame", err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d bytes of memory for a frame of four", grown)
	}
	if again := d.Next(&s); !errors.Is(again, ErrTorn) {
		t.Errorf("then %v; want the same error", again)
	}
}

// TestBadStreams: one clear line each.
func TestBadStreams(t *testing.T) {
	layout := `"layout":[{"name":"w","kind":"weight","shape":[2]}]`
	for _, c := range []struct{ text, want string }{
		{"", "no byte was received"},
		{"loss 0.5\n", `begins with 'l'`},
		{`{"sgdwalk_stream":1`, "without a newline"},
		{"{nonsense}\n", "header line"},
		{`{"sgdwalk_stream":1}` + "\n", "has no tensor"},
		{"{" + layout + "}\n", "sgdwalk_stream is 0"},
		{`{"sgdwalk_stream":4,"new":3,` + layout + "}\n", "this program reads 1"},
		{`{"sgdwalk_stream":1,"colour":3,` + layout + "}\n", `"colour"`},
		{`{"sgdwalk_stream":1,` + layout + "} {}\n", "more text after the object"},
		{`{"sgdwalk_stream":1,"layout":[{"name":"w","kind":"wait","shape":[2]}]}` + "\n", `"wait"`},
		{`{"sgdwalk_stream":1,"layout":[{"name":"w","kind":"bias","shape":[-2]}]}` + "\n", "extent"},
		{`{"sgdwalk_stream":1,"steps":-1,` + layout + "}\n", "steps -1"},
		{`{"sgdwalk_stream":1,` + layout + "}\n" + strings.Repeat("x", headBytes), `begins with "xxxx"`},
	} {
		_, err := decode(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v; want a line with %q", c.text, err, c.want)
		}
	}
}

// TestFlags: vectors that the header line does not announce, sizes that do not fit
// the layout, and bits that mean nothing.
func TestFlags(t *testing.T) {
	for _, c := range []struct {
		flags uint32
		bytes uint64
		want  string
	}{
		{hasTheta | hasGrad, 16, "has grad"},
		{hasTheta | hasState, 8, "has state"},
		{hasTheta, 12, "12 bytes of vectors"},
		{hasTheta | 1<<20, 8, "unknown bits"},
	} {
		var b bytes.Buffer
		b.WriteString(`{"sgdwalk_stream":1,"layout":[{"name":"w","kind":"weight","shape":[2]}]}` + "\n")
		head := newHead(frameMagic, c.flags, 0)
		head = append(head, make([]byte, 88-len(head))...)
		head = binary.LittleEndian.AppendUint64(head, c.bytes)
		head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(head))
		b.Write(append(head, make([]byte, 4+c.bytes)...))
		if _, err := decode(&b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("flags %#x, %d bytes: %v; want %q", c.flags, c.bytes, err, c.want)
		}
	}
}

// TestNotes: sentences between the frames are kept; a stream of version 1 has none.
func TestNotes(t *testing.T) {
	note := func(text string) []byte {
		head := newHead(noteMagic, 0, 0)
		head = append(head, make([]byte, 88-len(head))...)
		head = binary.LittleEndian.AppendUint64(head, uint64(len(text)))
		head = binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(head))
		return append(append(head, 0, 0, 0, 0), text...)
	}
	line := func(version int) []byte {
		return fmt.Appendf(nil, `{"sgdwalk_stream":%d,"layout":[{"name":"w","kind":"weight","shape":[2]}]}`+"\n",
			version)
	}
	end := append(newHead(endMagic, 0, 0), make([]byte, 80)...)
	end = binary.LittleEndian.AppendUint32(end, crc32.ChecksumIEEE(end))
	end = append(end, 0, 0, 0, 0)
	d, err := NewDecoder(bytes.NewReader(slices.Concat(line(2), note("one"), note("two \u03b7"), end)))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Next(new(record.Step)); !errors.Is(err, io.EOF) ||
		!slices.Equal(d.Notes(), []string{"one", "two \u03b7"}) {
		t.Errorf("%v, notes %q", err, d.Notes())
	}
	for _, c := range []struct {
		text []byte
		want string
	}{
		{slices.Concat(line(1), note("one"), end), `begins with "SGDN"`},
		{slices.Concat(line(2), note("\xff"), end), "not UTF-8"},
		{slices.Concat(line(2), note(strings.Repeat("x", maxNoteBytes+1)), end), "65537 bytes"},
		{slices.Concat(line(2), note("one")[:106]), "fewer than the 3 bytes"},
		{slices.Concat(line(2), bytes.Repeat(note(""), maxNotes+1), end), "note 1001"},
	} {
		if _, err := decode(bytes.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want %q", err, c.want)
		}
	}
}

// FuzzDecoder: whatever comes, an error or steps, and no panic.
func FuzzDecoder(f *testing.F) {
	h := recordtest.Header(3)
	var b bytes.Buffer
	e, err := NewEncoder(&b, h)
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range recordtest.Rows(h, 2, 1) {
		s.BatchLoss = record.Some(math.NaN())
		if err := e.Append(&s); err != nil {
			f.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()/2])
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := decode(bytes.NewReader(text)); err == nil && m.Len() > len(text)/headBytes {
			t.Errorf("%d steps in %d bytes", m.Len(), len(text))
		}
	})
}
