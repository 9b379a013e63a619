package stream

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
	"sgdwalk/record/recordtest"
)

// producer is a record.Sink that puts its frames into the memory of a decoder, as the producer of
// another process does: it maps the file by its name.
type producer struct {
	t        *testing.T
	pipe     io.WriteCloser
	memory   Memory
	file     *os.File
	data     []byte
	encoder  *Encoder
	frame    bytes.Buffer // of the encoder
	sent     int64
	isClosed bool
}

// memoryHeader is the header line of a producer that requests memory.
func memoryHeader(t testing.TB, h *record.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	e, err := NewEncoder(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.w.Flush(); err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(b.Bytes(), []byte(`{"sgdwalk_stream":2`), []byte(`{"sgdwalk_stream":3,"memory":true`), 1)
}

// newProducer connects a producer to a decoder.
func newProducer(t *testing.T, h *record.Header) (*producer, *Decoder) {
	t.Helper()
	in, out := io.Pipe()
	go func() { _, _ = out.Write(memoryHeader(t, h)) }()
	d, err := NewDecoder(in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	m := d.ShareMemory()
	if m == nil {
		t.Skipf("memory cannot be shared here: %q", d.Notes())
	}
	p := &producer{t: t, pipe: out}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &p.memory); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(p.memory.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.file = f
	t.Cleanup(func() { f.Close() })
	if p.data, err = mapped.MapShared(f, int(memoryPage+p.memory.Frames*p.memory.Bytes)); err != nil {
		t.Fatal(err)
	}
	if p.encoder, err = NewEncoder(&p.frame, h); err != nil {
		t.Fatal(err)
	}
	if err := p.encoder.w.Flush(); err != nil {
		t.Fatal(err)
	}
	p.frame.Reset()
	return p, d
}

// slot is the slot of a frame.
func (p *producer) slot(n int64) []byte {
	at := memoryPage + n%p.memory.Frames*p.memory.Bytes
	return p.data[at : at+p.memory.Bytes]
}

func (p *producer) done() int64 { return atomic.LoadInt64((*int64)(unsafe.Pointer(&p.data[0]))) }

// put fills the slot of the next frame.
func (p *producer) put(s *record.Step) error {
	for p.done()+p.memory.Frames <= p.sent {
		time.Sleep(10 * time.Microsecond)
	}
	if err := p.encoder.Append(s); err != nil {
		return err
	}
	if err := p.encoder.w.Flush(); err != nil {
		return err
	}
	copy(p.slot(p.sent), p.frame.Bytes())
	p.frame.Reset()
	p.sent++
	return nil
}

func (p *producer) Append(s *record.Step) error {
	if p.isClosed {
		return record.ErrClosed
	}
	if err := p.put(s); err != nil {
		return err
	}
	_, err := p.pipe.Write(finishedHead(memoryMagic, p.sent))
	return err
}

func (p *producer) Close() error {
	if p.isClosed {
		return nil
	}
	p.isClosed = true
	_, err := p.pipe.Write(finishedHead(endMagic, p.sent))
	return errors.Join(err, p.pipe.Close())
}

// finishedHead is a complete head with a number at the place of the step.
func finishedHead(magic string, n int64) []byte {
	var b bytes.Buffer
	e := &Encoder{w: bufio.NewWriter(&b)}
	_ = e.head(newHead(magic, 0, n)) // a buffer never fails
	_ = e.w.Flush()
	return b.Bytes()
}

// read reads all steps of a decoder into memory.
func read(d *Decoder) (*record.Memory, error) {
	m, err := record.NewMemory(d.Header())
	for err == nil {
		var s record.Step
		if err = d.Next(&s); err == nil {
			err = m.Append(&s)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return m, err
}

// TestMemoryConformance: what a producer puts into the memory is what a decoder reads.
func TestMemoryConformance(t *testing.T) {
	recordtest.Sink(t, func(t *testing.T, h *record.Header) (record.Sink, func() record.Trajectory) {
		p, d := newProducer(t, h)
		done := make(chan struct{})
		var m *record.Memory
		var err error
		go func() {
			defer close(done)
			m, err = read(d)
		}()
		return p, func() record.Trajectory {
			if <-done; err != nil {
				t.Fatal(err)
			}
			if d.MemoryFrames() != d.Frames() || d.Frames() != int64(m.Len()) {
				t.Errorf("%d frames through the memory, %d steps, %d rows", d.MemoryFrames(), d.Frames(), m.Len())
			}
			return m
		}
	})
}

// TestMemoryDies: after the producer has died, the frames that it announced are read, and others are
// not. One announcement may cover several frames.
func TestMemoryDies(t *testing.T) {
	for _, announced := range []int64{0, 1, 3} {
		h := recordtest.Header(5)
		rows := recordtest.Rows(h, 3, 1)
		p, d := newProducer(t, h)
		if _, err := os.Stat(p.memory.Path); err != nil {
			t.Error(err)
		}
		for i := range 3 {
			if err := p.put(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		go func() {
			if announced > 0 {
				_, _ = p.pipe.Write(finishedHead(memoryMagic, announced))
			}
			p.pipe.Close()
		}()
		m, err := read(d)
		if !errors.Is(err, ErrUnfinished) || int64(m.Len()) != announced {
			t.Errorf("%d frames were announced: %d rows, %v", announced, m.Len(), err)
		}
		for i := range m.Len() {
			got, _ := m.Read(i, record.AllParts)
			if diff := recordtest.Diff(&got, &rows[i]); diff != "" {
				t.Errorf("row %d: %s", i, diff)
			}
		}
		d.Close()
		if left, _ := filepath.Glob(filepath.Dir(p.memory.Path)); len(left) != 0 {
			t.Errorf("%s is left", left)
		}
	}
}

// TestBadMemory: a producer that breaks the rules gets one clear line, and the frames before it are read.
func TestBadMemory(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(p *producer) // after two frames were announced
		want string
	}{
		{"backwards", func(p *producer) { p.announce(1) }, "1 frames are announced in the memory; it must be 2 to"},
		{
			"too many", func(p *producer) { p.announce(p.memory.Frames + 3) },
			"frames are announced in the memory; it must be 2 to",
		},
		{"an old frame", func(p *producer) {
			copy(p.slot(2), p.slot(1))
			p.announce(3)
		}, "step 1"},
		{"an end", func(p *producer) {
			copy(p.slot(2), finishedHead(endMagic, 2))
			p.announce(3)
		}, `a frame in the memory begins with "SGDE"`},
		{"nothing", func(p *producer) {
			clear(p.slot(2))
			p.announce(3)
		}, `a frame begins with "\x00\x00\x00\x00"`},
		{"a wrong checksum", func(p *producer) {
			copy(p.slot(2), p.slot(1))
			p.slot(2)[9]++
			p.announce(3)
		}, "checksum"},
		{"a wrong size", func(p *producer) {
			head := p.slot(2)[:headBytes]
			copy(head, p.slot(1))
			head[88] += 4
			binary.LittleEndian.PutUint32(head[sumAt:], crc32.ChecksumIEEE(head[:sumAt]))
			p.announce(3)
		}, "bytes of vectors follow"},
		{"a short file", func(p *producer) {
			if err := p.file.Truncate(memoryPage); err != nil {
				p.t.Fatal(err)
			}
			p.announce(3)
		}, "the memory of the frames: the file cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := recordtest.Header(5)
			rows := recordtest.Rows(h, 3, 1)
			p, d := newProducer(t, h)
			go func() {
				defer p.pipe.Close()
				for i := range 2 {
					if err := p.Append(&rows[i]); err != nil {
						t.Error(err)
					}
				}
				for p.done() < 2 {
					time.Sleep(10 * time.Microsecond) // the reader has not asked for the next frame
				}
				c.do(p)
			}()
			m, err := read(d)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v; want %q", err, c.want)
			}
			if m.Len() != 2 {
				t.Errorf("%d rows; want 2", m.Len())
			}
		})
	}
}

func (p *producer) announce(n int64) { _, _ = p.pipe.Write(finishedHead(memoryMagic, n)) }

// TestNoMemory: without a request there is no memory, and its frames are refused. A request that cannot be met is
// noted, and the frames come through the pipe.
func TestNoMemory(t *testing.T) {
	h := recordtest.Header(5)
	var b bytes.Buffer
	e, err := NewEncoder(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.w.Flush(); err != nil {
		t.Fatal(err)
	}
	b.Write(finishedHead(memoryMagic, 1))
	d, err := NewDecoder(&b)
	if err != nil {
		t.Fatal(err)
	}
	if m := d.ShareMemory(); m != nil {
		t.Errorf("memory %+v", m)
	}
	if err := d.Next(new(record.Step)); err == nil || !strings.Contains(err.Error(), `begins with "SGDM"`) {
		t.Error(err)
	}
	// A header line of four bytes a tensor must not fill the memory of the machine.
	large := `{"sgdwalk_stream":3,"memory":true,"layout":[{"name":"w","kind":"weight","shape":[2000000000]}]}` + "\n"
	if d, err = NewDecoder(strings.NewReader(large)); err != nil {
		t.Fatal(err)
	}
	if m := d.ShareMemory(); m != nil || len(d.Notes()) != 1 ||
		!strings.Contains(d.Notes()[0], "steps came through the pipe, because memory could not be shared: 3 frames of 8") {
		t.Errorf("memory %+v, notes %q", m, d.Notes())
	}
}
