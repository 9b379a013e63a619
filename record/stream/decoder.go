package stream

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"unicode/utf8"
	"unsafe"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
)

// Decoder reads a stream. It must not be used concurrently.
type Decoder struct {
	r       *bufio.Reader
	version int
	header  *record.Header
	frames  int64
	notes   []string
	rates   []float64 // learning rates of the parameter groups at the newest step
	ended   error     // the error of every further call of Next
	vectors [3][]float32
	shares  bool    // the producer can use a Memory
	memory  *Memory // nil without one
}

// NewDecoder reads the header line.
func NewDecoder(r io.Reader) (*Decoder, error) {
	d := &Decoder{r: bufio.NewReaderSize(r, 1<<16)}
	text, err := readLine(d.r)
	if err != nil {
		return nil, err
	}
	var l *line
	if d.header, l, err = parseLine(text); err != nil {
		return nil, err
	}
	d.version, d.shares = l.Version, l.Memory
	return d, nil
}

// ShareMemory makes the memory that the header line requests for the frames, and returns it. The producer must
// receive its JSON before the first frame. The vectors of Next are then views of the memory. ShareMemory returns nil
// without a request, or where memory cannot be shared; then a note has the reason, and the frames come through the
// pipe. Close removes the memory.
func (d *Decoder) ShareMemory() *Memory {
	if !d.shares {
		return nil
	}
	m, err := newMemory(d.header)
	if err != nil {
		d.notes = append(d.notes, fmt.Sprintf("steps came through the pipe, because memory could not be shared: %v", err))
		return nil
	}
	d.memory = m
	return m
}

// MemoryFrames returns the number of steps that came through the memory.
func (d *Decoder) MemoryFrames() int64 {
	if d.memory == nil {
		return 0
	}
	return d.memory.done
}

// Close removes the memory for the frames. The vectors of Next are then not valid.
func (d *Decoder) Close() {
	if d.memory != nil {
		d.memory.folder.Close()
	}
}

// Header returns a copy of the header of the run.
func (d *Decoder) Header() *record.Header { return d.header.Clone() }

// Frames returns the number of steps read so far.
func (d *Decoder) Frames() int64 { return d.frames }

// Notes returns the sentences about the run received so far, such as a warning of the
// producer to its user.
func (d *Decoder) Notes() []string { return slices.Clone(d.notes) }

// GroupRates returns the learning rate of each parameter group at the newest step; nil when
// the step has none. The next call of Next overwrites the slice.
func (d *Decoder) GroupRates() []float64 { return d.rates }

// Next reads the next step. The next call overwrites the vectors. WallTime is zero when the
// producer sends none. At the end mark Next returns io.EOF; see [ErrUnfinished] and
// [ErrTorn] for a stream that stops earlier. After an error every call returns the same
// error.
func (d *Decoder) Next(s *record.Step) error {
	if d.ended != nil {
		return d.ended
	}
	err := d.next(s)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("stream: after %d steps: %w", d.frames, err)
	}
	d.ended = err
	if err == nil {
		d.frames++
	}
	return err
}

// next reads notes and announcements up to the next step or the end.
func (d *Decoder) next(s *record.Step) error {
	for {
		if slot := d.memory.next(); slot != nil {
			return d.slot(slot, s)
		}
		magic, f, err := d.head()
		switch {
		case err != nil:
			return err
		case magic == frameMagic:
			return d.body(f, s, nil)
		case magic == memoryMagic:
			d.memory.folder.RemoveNames() // the producer has opened it
			if err := d.memory.announce(f.step.Step); err != nil {
				return err
			}
			continue
		case magic == endMagic && f.step.Step != d.frames:
			return fmt.Errorf("the end mark says that there are %d steps", f.step.Step)
		case magic == endMagic:
			return io.EOF
		}
		if err := d.note(f); err != nil {
			return err
		}
	}
}

// head reads the head of a frame, a note, an announcement or the end.
func (d *Decoder) head() (magic string, f *frame, err error) {
	var head [headBytes]byte
	n, err := io.ReadFull(d.r, head[:])
	switch {
	case errors.Is(err, io.EOF):
		return "", nil, ErrUnfinished
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "", nil, fmt.Errorf("%w: only %d of the %d bytes of its head were received", ErrTorn, n, headBytes)
	case err != nil:
		return "", nil, err
	}
	return d.parse(&head)
}

// slot reads a frame in the memory.
func (d *Decoder) slot(slot []byte, s *record.Step) (err error) {
	var magic string
	var f *frame
	if fault := mapped.Catch(func() {
		head := [headBytes]byte(slot) // a copy, because the producer could change it
		magic, f, err = d.parse(&head)
		if err == nil && magic == frameMagic {
			err = d.body(f, s, slot[headBytes:])
		}
	}); fault != nil {
		return fmt.Errorf("the memory of the frames: %w", fault)
	}
	if err == nil && magic != frameMagic {
		return fmt.Errorf("a frame in the memory begins with %q; it must begin with %q", magic, frameMagic)
	}
	return err
}

// parse checks and reads a head.
func (d *Decoder) parse(head *[headBytes]byte) (magic string, f *frame, err error) {
	magic = string(head[:4])
	if magic != frameMagic && magic != endMagic && (magic != noteMagic || d.version < 2) &&
		(magic != memoryMagic || d.memory == nil) {
		return "", nil, fmt.Errorf("a frame begins with %q; it must begin with %q, or %q at the end", magic,
			frameMagic, endMagic)
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(head[at:]) }
	if want, got := u32(sumAt), crc32.ChecksumIEEE(head[:sumAt]); want != got {
		return "", nil, fmt.Errorf("the head of a frame has the checksum %08x, but its bytes have %08x", want, got)
	}
	if a, b := u32(28), u32(sumAt+4); a != 0 || b != 0 {
		return "", nil, fmt.Errorf("the head of a frame has %d at byte 28 and %d at byte %d; both are reserved and "+
			"must be 0", a, b, sumAt+4)
	}
	return magic, parseHead(head), nil
}

// note reads the text of a note.
func (d *Decoder) note(f *frame) error {
	if f.bytes > maxNoteBytes || len(d.notes) == maxNotes {
		return fmt.Errorf("note %d has %d bytes; allowed are %d notes of up to %d bytes", len(d.notes)+1, f.bytes,
			maxNotes, maxNoteBytes)
	}
	text := make([]byte, f.bytes)
	if _, err := io.ReadFull(d.r, text); err != nil {
		return fmt.Errorf("%w: fewer than the %d bytes of a note were received", ErrTorn, f.bytes)
	}
	if !utf8.Valid(text) {
		return fmt.Errorf("note %d is not UTF-8", len(d.notes)+1)
	}
	d.notes = append(d.notes, string(text))
	return nil
}

// frame is the head of a frame.
type frame struct {
	flags uint32
	step  record.Step
	bytes uint64 // of the vectors
}

// parseHead reads the head of a frame; STREAM.md has the offsets.
func parseHead(b *[headBytes]byte) *frame {
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	f := &frame{flags: u32(4), bytes: u64(88)}
	f.step = record.Step{
		Step: int64(u64(8)), Substep: int32(u32(16)), Epoch: int32(u32(20)), Examples: int32(u32(24)),
		Evaluations: int64(u64(32)),
	}
	for i, o := range f.step.Optionals() {
		if f.flags&(hasBatchLoss<<i) != 0 {
			*o = record.Some(math.Float64frombits(u64(40 + 8*i)))
		}
	}
	f.step.SetUnixNano(int64(u64(80)))
	return f
}

// body reads the vectors of a frame, from the pipe or, if it is not nil, from a slot of the memory.
func (d *Decoder) body(f *frame, s *record.Step, slot []byte) error {
	if extra := f.flags &^ uint32(allFlags); extra != 0 {
		return fmt.Errorf("step %d: the flags %#x have unknown bits", f.step.Step, f.flags)
	}
	c := d.header.Columns
	recorded := [3]bool{c.Theta, c.Grad, c.State}
	want, groups := uint64(0), 0
	if f.flags&hasGroupRates != 0 {
		groups = len(d.header.Groups)
		want = 8 * uint64(groups)
	}
	lens := d.header.VectorLens()
	for i, name := range record.VectorNames {
		if f.flags&(hasTheta<<i) == 0 {
			continue
		}
		if !recorded[i] {
			return fmt.Errorf("step %d has %s, which the header line does not announce", f.step.Step, name)
		}
		want += 4 * uint64(lens[i])
	}
	if f.bytes != want {
		return fmt.Errorf("step %d says that %d bytes of vectors follow; its flags and the layout give %d",
			f.step.Step, f.bytes, want)
	}
	var in io.Reader = d.r
	if slot != nil {
		in = bytes.NewReader(slot)
	}
	if err := d.groupRates(in, groups); err != nil {
		return fmt.Errorf("step %d: learning rates: %w", f.step.Step, err)
	}
	at := 8 * groups // in the slot
	for i, v := range f.step.Vectors() {
		if f.flags&(hasTheta<<i) == 0 {
			continue
		}
		if slot != nil {
			*v = floatsAt(slot, at, lens[i])
			at += 4 * lens[i]
			continue
		}
		if err := d.floats(i, lens[i]); err != nil {
			return fmt.Errorf("step %d: %s: %w", f.step.Step, record.VectorNames[i], err)
		}
		*v = d.vectors[i][:lens[i]:lens[i]]
	}
	*s = f.step
	return nil
}

// groupRates reads the learning rates of n parameter groups.
func (d *Decoder) groupRates(in io.Reader, n int) error {
	d.rates = d.rates[:0]
	for i := range n {
		var b [8]byte
		if _, err := io.ReadFull(in, b[:]); err != nil {
			return fmt.Errorf("%w: only %d of the %d were received", ErrTorn, i, n)
		}
		rate := math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
		if !(rate >= 0) || math.IsInf(rate, 0) {
			return fmt.Errorf("the rate of group %d is %v; it must be finite and at least 0", i, rate)
		}
		d.rates = append(d.rates, rate)
	}
	return nil
}

// chunk is how many elements are allocated before they are received, so that a header
// with wrong sizes cannot take much memory.
const chunk = 1 << 20

// floats reads total float32 numbers into the memory of vector i.
func (d *Decoder) floats(i, total int) error {
	v := d.vectors[i][:0]
	for k := 0; k < total; k = len(v) {
		v = slices.Grow(v, min(total-k, chunk))[:k+min(total-k, chunk)]
		// Read directly into the vector: another copy would cost as much as the pipe.
		b := unsafe.Slice((*byte)(unsafe.Pointer(&v[k])), 4*(len(v)-k))
		if n, err := io.ReadFull(d.r, b); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("%w: only %d of its %d elements were received", ErrTorn, k+n/4, total)
			}
			return err
		}
		if !littleEndian {
			for j := range v[k:] {
				v[k+j] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*j:]))
			}
		}
	}
	d.vectors[i] = v
	return nil
}
