package record

import (
	"fmt"
	"hash/maphash"
	"strings"
	"unsafe"
)

// Repeats finds rows and tensors that have the same values bit for bit: a checkpoint
// that was saved under two steps, a tensor that was taken from another checkpoint, a
// tensor that did not change. It keeps a hash of 128 bits for each row and tensor, and
// no values.
type Repeats struct {
	layout  Layout
	seeds   [2]maphash.Seed
	now     []hash128       // of the tensors of the row that is added
	steps   []int64         // of the rows so far
	rows    map[hash128]int // first row of each theta
	same    [][]int         // rows with the same theta, the first one in front
	group   map[int]int     // place in same of a first row
	tensors []tensorRepeats
	varied  int // rows with a theta of their own
}

type hash128 [2]uint64

// tensorRepeats is what is known of one tensor over the rows with a theta of their own.
type tensorRepeats struct {
	first    map[hash128]int // first row of each value
	last     hash128
	lastRow  int
	repeats  int    // rows that repeat an earlier value
	pair     [2]int // the first such row and the row that it repeats
	constant bool   // all rows have the value of the first
}

// maxRepeatHashes bounds the memory: with more rows times tensors, a tensor is compared
// with the row before only.
const maxRepeatHashes = 1 << 20

// NewRepeats returns a finder for rows of a layout.
func NewRepeats(l Layout) *Repeats {
	r := &Repeats{layout: l, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, now: make([]hash128, len(l)), rows: map[hash128]int{}, group: map[int]int{}, tensors: make([]tensorRepeats, len(l))}
	for i := range r.tensors {
		r.tensors[i] = tensorRepeats{first: map[hash128]int{}, constant: true}
	}
	return r
}

// Add takes the parameters of the next row, which it does not keep. A nil theta is
// skipped.
func (r *Repeats) Add(step int64, theta []float32) {
	if theta == nil {
		return
	}
	row := len(r.steps)
	r.steps = append(r.steps, step)
	for i, t := range r.layout {
		r.now[i] = hashOf(r.seeds, t.View(theta))
	}
	whole := hashOf(r.seeds, r.now)
	if first, again := r.rows[whole]; again {
		at, ok := r.group[first]
		if !ok {
			at = len(r.same)
			r.group[first] = at
			r.same = append(r.same, []int{first})
		}
		r.same[at] = append(r.same[at], row)
		return
	}
	r.rows[whole] = row
	for i, t := range r.layout {
		r.tensors[i].add(row, r.varied, r.now[i], t.Len() > 1 && row*len(r.layout) < maxRepeatHashes)
	}
	r.varied++
}

// add takes the value of the next row. Unless all values are compared, only the one
// before is: a single number comes back to an old value by chance.
func (t *tensorRepeats) add(row, varied int, h hash128, all bool) {
	first, again := t.first[h]
	switch {
	case varied == 0:
	case again || h == t.last:
		if t.repeats++; t.repeats == 1 {
			t.pair = [2]int{first, row}
			if !again {
				t.pair[0] = t.lastRow
			}
		}
	}
	t.constant = t.constant && (varied == 0 || h == t.last)
	t.last, t.lastRow = h, row
	if all && !again {
		t.first[h] = row
	}
}

// hashOf hashes the bytes of plain numbers.
func hashOf[T float32 | hash128](seeds [2]maphash.Seed, v []T) hash128 {
	var one T
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), int(unsafe.Sizeof(one))*len(v))
	return hash128{maphash.Bytes(seeds[0], b), maphash.Bytes(seeds[1], b)}
}

// mostRepeats is how many sentences Sentences returns of a kind.
const mostRepeats = 5

// Sentences says what repeats, in a fixed order, at most a few sentences.
func (r *Repeats) Sentences() []string {
	var out []string
	for i, group := range r.same {
		if i == mostRepeats {
			out = append(out, fmt.Sprintf("%d more groups of rows have the same parameters, bit for bit", len(r.same)-i))
			break
		}
		out = append(out, fmt.Sprintf("steps %s have the same parameters, bit for bit", r.stepList(group)))
	}
	var constant, repeated []int
	for i, t := range r.tensors {
		switch {
		case r.varied < 2 || t.repeats == 0:
		case t.constant:
			constant = append(constant, i)
		default:
			repeated = append(repeated, i)
		}
	}
	if len(constant) > 0 {
		out = append(out, fmt.Sprintf("%s the same values in all rows, bit for bit, while others change: %s", plural(len(constant), "tensor has", "tensors have"), r.tensorList(constant)))
	}
	for n, i := range repeated {
		if n == mostRepeats {
			out = append(out, fmt.Sprintf("%s an earlier row's values in some row while others change: %s", plural(len(repeated)-n, "more tensor has", "more tensors have"), r.tensorList(repeated[n:])))
			break
		}
		t := r.tensors[i]
		text := fmt.Sprintf("tensor %q has the same values at steps %d and %d, bit for bit, while others differ", r.layout[i].Name, r.steps[t.pair[0]], r.steps[t.pair[1]])
		if t.repeats > 1 {
			text += fmt.Sprintf("; %s the values of an earlier one", plural(t.repeats-1, "more row has", "more rows have"))
		}
		out = append(out, text)
	}
	return out
}

func (r *Repeats) stepList(rows []int) string {
	var names []string
	for i, row := range rows {
		if i == 8 && len(rows) > 9 {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(rows)-i)
		}
		names = append(names, fmt.Sprint(r.steps[row]))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func (r *Repeats) tensorList(tensors []int) string {
	var l Layout
	for _, i := range tensors {
		l = append(l, r.layout[i])
	}
	return l.names()
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
