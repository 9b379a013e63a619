package stream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"time"
	"unicode/utf8"
	"unsafe"

	"sgdwalk/record"
)

// Decoder reads a stream. It is for one goroutine.
type Decoder struct {
	r       *bufio.Reader
	version int
	header  *record.Header
	frames  int64
	notes   []string
	rates   []float64 // of the newest step's parameter groups
	ended   error     // what every further call of Next returns
	memory  [3][]float32
}

// NewDecoder reads the header line.
func NewDecoder(r io.Reader) (*Decoder, error) {
	d := &Decoder{r: bufio.NewReaderSize(r, 1<<16)}
	text, err := readLine(d.r)
	if err != nil {
		return nil, err
	}
	if d.header, d.version, err = parseLine(text); err != nil {
		return nil, err
	}
	return d, nil
}

// Header is the header of the run. It is the caller's.
func (d *Decoder) Header() *record.Header { return d.header.Clone() }

// Frames returns how many steps were read.
func (d *Decoder) Frames() int64 { return d.frames }

// Notes returns the sentences about the run that have come so far, such as a warning
// that the producer gave its user.
func (d *Decoder) Notes() []string { return slices.Clone(d.notes) }

// GroupRates returns the learning rate of each parameter group that the newest step
// uses; nil when it has none. The slice is the decoder's and valid until the next call
// of Next.
func (d *Decoder) GroupRates() []float64 { return d.rates }

// Next reads the next step. The vectors are the decoder's and valid until the next
// call; WallTime is zero where the producer says none. At the end it returns io.EOF; see
// [ErrUnfinished] and [ErrTorn] for a stream that breaks off. After an error it
// returns that error again.
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

// next reads notes up to the next step or the end.
func (d *Decoder) next(s *record.Step) error {
	for {
		magic, f, err := d.head()
		switch {
		case err != nil:
			return err
		case magic == frameMagic:
			return d.body(f, s)
		case magic == endMagic && f.step.Step != d.frames:
			return fmt.Errorf("the end says that there are %d steps", f.step.Step)
		case magic == endMagic:
			return io.EOF
		}
		if err := d.note(f); err != nil {
			return err
		}
	}
}

// head reads the head of a frame, a note or the end.
func (d *Decoder) head() (magic string, f *frame, err error) {
	var head [headBytes]byte
	n, err := io.ReadFull(d.r, head[:])
	switch {
	case errors.Is(err, io.EOF):
		return "", nil, ErrUnfinished
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "", nil, fmt.Errorf("%w: %d of the %d bytes of its head came", ErrTorn, n, headBytes)
	case err != nil:
		return "", nil, err
	}
	magic = string(head[:4])
	if magic != frameMagic && magic != endMagic && (magic != noteMagic || d.version < 2) {
		return "", nil, fmt.Errorf("a frame begins with %q; it must begin with %q, or %q at the end", magic, frameMagic, endMagic)
	}
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(head[at:]) }
	if want, got := u32(sumAt), crc32.ChecksumIEEE(head[:sumAt]); want != got {
		return "", nil, fmt.Errorf("the head of a frame has checksum %08x and contents with %08x", want, got)
	}
	if a, b := u32(28), u32(sumAt+4); a != 0 || b != 0 {
		return "", nil, fmt.Errorf("the head of a frame has %d at byte 28 and %d at byte %d; both are reserved and must be 0", a, b, sumAt+4)
	}
	return magic, parseHead(&head), nil
}

// note reads a sentence about the run.
func (d *Decoder) note(f *frame) error {
	if f.bytes > maxNoteBytes || len(d.notes) == maxNotes {
		return fmt.Errorf("note %d has %d bytes; allowed are %d notes of up to %d bytes", len(d.notes)+1, f.bytes, maxNotes, maxNoteBytes)
	}
	text := make([]byte, f.bytes)
	if _, err := io.ReadFull(d.r, text); err != nil {
		return fmt.Errorf("%w: a note has fewer than its %d bytes", ErrTorn, f.bytes)
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

func parseHead(b *[headBytes]byte) *frame {
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	f := &frame{flags: u32(4), bytes: u64(88)}
	number := func(at int, flag uint32) record.Optional {
		if f.flags&flag == 0 {
			return record.Optional{}
		}
		return record.Some(math.Float64frombits(u64(at)))
	}
	f.step = record.Step{
		Step: int64(u64(8)), Substep: int32(u32(16)), Epoch: int32(u32(20)), Examples: int32(u32(24)), Evaluations: int64(u64(32)),
		BatchLoss: number(40, hasBatchLoss), BatchAccuracy: number(48, hasBatchAccuracy), LearningRate: number(56, hasLearningRate),
		FullLoss: number(64, hasFullLoss), TestLoss: number(72, hasTestLoss),
	}
	if ns := int64(u64(80)); ns != 0 {
		f.step.WallTime = time.Unix(0, ns).UTC()
	}
	return f
}

// body reads the vectors of a frame.
func (d *Decoder) body(f *frame, s *record.Step) error {
	if extra := f.flags &^ uint32(allFlags); extra != 0 {
		return fmt.Errorf("step %d: the flags %#x have bits that mean nothing", f.step.Step, f.flags)
	}
	p, state := d.header.Layout.Len(), d.header.State.Len()
	parts := []struct {
		name  string
		flag  uint32
		n     int
		kept  bool
		value *[]float32
	}{
		{"theta", hasTheta, p, d.header.Columns.Theta, &f.step.Theta},
		{"grad", hasGrad, p, d.header.Columns.Grad, &f.step.Grad},
		{"state", hasState, state, d.header.Columns.State, &f.step.State},
	}
	want, groups := uint64(0), 0
	if f.flags&hasGroupRates != 0 {
		groups = len(d.header.Groups)
		want = 8 * uint64(groups)
	}
	for _, v := range parts {
		if f.flags&v.flag == 0 {
			continue
		}
		if !v.kept {
			return fmt.Errorf("step %d brings %s, which the header line does not announce", f.step.Step, v.name)
		}
		want += 4 * uint64(v.n)
	}
	if f.bytes != want {
		return fmt.Errorf("step %d says that %d bytes of vectors follow; by its flags and the layout it is %d", f.step.Step, f.bytes, want)
	}
	if err := d.groupRates(groups); err != nil {
		return fmt.Errorf("step %d: learning rates: %w", f.step.Step, err)
	}
	for i, v := range parts {
		if f.flags&v.flag == 0 {
			continue
		}
		if err := d.floats(i, v.n); err != nil {
			return fmt.Errorf("step %d: %s: %w", f.step.Step, v.name, err)
		}
		*v.value = d.memory[i][:v.n:v.n]
	}
	*s = f.step
	return nil
}

// groupRates reads the learning rates of n parameter groups.
func (d *Decoder) groupRates(n int) error {
	d.rates = d.rates[:0]
	for i := range n {
		var b [8]byte
		if _, err := io.ReadFull(d.r, b[:]); err != nil {
			return fmt.Errorf("%w: %d of the %d came", ErrTorn, i, n)
		}
		rate := math.Float64frombits(binary.LittleEndian.Uint64(b[:]))
		if !(rate >= 0) || math.IsInf(rate, 0) {
			return fmt.Errorf("that of group %d is %v; it must be finite and at least 0", i, rate)
		}
		d.rates = append(d.rates, rate)
	}
	return nil
}

// chunk bounds how far memory runs ahead of what has come: a header that lies
// about its sizes gets no more.
const chunk = 1 << 20

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// floats reads that many float32 into the memory of vector i.
func (d *Decoder) floats(i, total int) error {
	v := d.memory[i][:0]
	for k := 0; k < total; k = len(v) {
		v = slices.Grow(v, min(total-k, chunk))[:k+min(total-k, chunk)]
		// Into their place at once: a copy from a buffer costs as much as the pipe does.
		b := unsafe.Slice((*byte)(unsafe.Pointer(&v[k])), 4*(len(v)-k))
		if n, err := io.ReadFull(d.r, b); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return fmt.Errorf("%w: %d of its %d elements came", ErrTorn, k+n/4, total)
			}
			return err
		}
		if !littleEndian {
			for j := range v[k:] {
				v[k+j] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*j:]))
			}
		}
	}
	d.memory[i] = v
	return nil
}
