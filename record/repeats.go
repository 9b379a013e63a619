package record

import (
	"fmt"
	"hash/maphash"
	"strings"
	"unsafe"
)

// Repeats finds rows and tensors with the same values, bit for bit. They are often
// mistakes of a training script: a checkpoint saved under two steps, a tensor copied
// from another checkpoint, or a tensor that does not train. Repeats keeps a hash of
// 128 bits for each row and tensor, and no values.
type Repeats struct {
	layout   Layout
	seeds    [2]maphash.Seed
	current  []hash128       // hashes of the tensors of the row that is being added
	steps    []int64         // steps of the rows so far
	firstRow map[hash128]int // first row with each theta
	groups   [][]int         // groups of rows with the same theta, in increasing order
	groupOf  map[int]int     // index in groups, by the first row of the group
	tensors  []tensorRepeats
	distinct int // number of rows whose theta is not that of an earlier row
}

type hash128 [2]uint64

// tensorRepeats is the state for one tensor. It skips rows whose whole theta repeats an
// earlier one.
type tensorRepeats struct {
	firstRow   map[hash128]int // first row with each value
	lastHash   hash128
	lastRow    int
	repeats    int    // number of rows that repeat an earlier value
	example    [2]int // the first row that repeats a value, preceded by the row that it repeats
	isConstant bool   // all rows have the same value
}

// maxRepeatHashes bounds the memory. When rows times tensors exceed it, a tensor is
// compared only with the previous row.
const maxRepeatHashes = 1 << 20

// NewRepeats returns a finder for rows of a layout.
func NewRepeats(l Layout) *Repeats {
	r := &Repeats{layout: l, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, current: make([]hash128,
		len(l)), firstRow: map[hash128]int{}, groupOf: map[int]int{}, tensors: make([]tensorRepeats, len(l))}
	for i := range r.tensors {
		r.tensors[i] = tensorRepeats{firstRow: map[hash128]int{}, isConstant: true}
	}
	return r
}

// Add compares the parameters of the next row with all earlier ones. It does not keep
// theta; a nil theta is skipped.
func (r *Repeats) Add(step int64, theta []float32) {
	if theta == nil {
		return
	}
	row := len(r.steps)
	r.steps = append(r.steps, step)
	for i, t := range r.layout {
		r.current[i] = hashOf(r.seeds, t.View(theta))
	}
	whole := hashOf(r.seeds, r.current)
	if first, again := r.firstRow[whole]; again {
		at, ok := r.groupOf[first]
		if !ok {
			at = len(r.groups)
			r.groupOf[first] = at
			r.groups = append(r.groups, []int{first})
		}
		r.groups[at] = append(r.groups[at], row)
		return
	}
	r.firstRow[whole] = row
	for i, t := range r.layout {
		r.tensors[i].add(row, r.distinct, r.current[i], t.Len() > 1 && row*len(r.layout) < maxRepeatHashes)
	}
	r.distinct++
}

// add compares the value of the next row with all earlier ones, or, unless all is set,
// with the previous one only: a single number often returns to an old value by chance.
func (t *tensorRepeats) add(row, varied int, h hash128, all bool) {
	first, again := t.firstRow[h]
	switch {
	case varied == 0:
	case again || h == t.lastHash:
		if t.repeats++; t.repeats == 1 {
			t.example = [2]int{first, row}
			if !again {
				t.example[0] = t.lastRow
			}
		}
	}
	t.isConstant = t.isConstant && (varied == 0 || h == t.lastHash)
	t.lastHash, t.lastRow = h, row
	if all && !again {
		t.firstRow[h] = row
	}
}

// hashOf hashes the memory of a slice of numbers.
func hashOf[T float32 | hash128](seeds [2]maphash.Seed, v []T) hash128 {
	var one T
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), int(unsafe.Sizeof(one))*len(v))
	return hash128{maphash.Bytes(seeds[0], b), maphash.Bytes(seeds[1], b)}
}

// maxExamples is the largest number of sentences of one kind that Describe returns.
const maxExamples = 5

// Describe reports the repeats as sentences, in a fixed order, at most a few sentences of each kind.
func (r *Repeats) Describe() []string {
	var out []string
	for i, group := range r.groups {
		if i == maxExamples {
			out = append(out, fmt.Sprintf("%d more groups of rows have the same parameters, bit for bit",
				len(r.groups)-i))
			break
		}
		out = append(out, fmt.Sprintf("steps %s have the same parameters, bit for bit", r.stepList(group)))
	}
	var constant, repeated []int
	for i, t := range r.tensors {
		switch {
		case r.distinct < 2 || t.repeats == 0:
		case t.isConstant:
			constant = append(constant, i)
		default:
			repeated = append(repeated, i)
		}
	}
	if len(constant) > 0 {
		out = append(out, fmt.Sprintf("%s the same values in all rows, bit for bit, while others change: %s",
			plural(len(constant), "tensor has", "tensors have"), r.tensorList(constant)))
	}
	for n, i := range repeated {
		if n == maxExamples {
			out = append(out, fmt.Sprintf("%s an earlier row's values in some row while others change: %s",
				plural(len(repeated)-n, "more tensor has", "more tensors have"), r.tensorList(repeated[n:])))
			break
		}
		t := r.tensors[i]
		text := fmt.Sprintf("tensor %q has the same values at steps %d and %d, bit for bit, while others differ",
			r.layout[i].Name, r.steps[t.example[0]], r.steps[t.example[1]])
		if t.repeats > 1 {
			text += fmt.Sprintf("; %s the values of an earlier one", plural(t.repeats-1, "more row has",
				"more rows have"))
		}
		out = append(out, text)
	}
	return out
}

// stepList lists the steps of rows, at most nine.
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
	return l.tensorNames()
}

// plural writes a number with the right form of its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
