package arrowfile

import (
	"sync/atomic"

	"sgdwalk/record"
)

// kind is the Arrow type of a column.
type kind uint8

const (
	kindInt32 kind = iota
	kindInt64
	kindUint32
	kindFloat64 // nullable
	kindVector  // FixedSizeList<float32>, nullable
	kindHalf    // FixedSizeList<uint16>, nullable: float16 or bfloat16, as the header's dtype says
)

// width returns the bytes of a value, or of an element of a vector.
func (k kind) width() int64 {
	switch k {
	case kindHalf:
		return 2
	case kindInt32, kindUint32, kindVector:
		return 4
	default:
		return 8
	}
}

// isVector reports whether a column of this kind has a list in each row.
func (k kind) isVector() bool { return k == kindVector || k == kindHalf }

// field identifies a value of a row. Formats differ in where they store it.
type field uint8

const (
	fieldStep field = iota
	fieldSubstep
	fieldEpoch
	fieldExamples
	fieldEvaluations
	fieldCRC
	fieldWallTime
	fieldWallCRC
	fieldOptional                                     // plus the index in record.OptionalNames
	fieldVectorCRC = fieldOptional + field(optionals) // plus the vector
	fieldVector    = fieldVectorCRC + vectors         // plus the vector
)

// column is one column of a segment.
type column struct {
	name   string
	kind   kind
	field  field
	null   int // bit of the column in a nullSet; -1 for columns that are never null
	length int // elements of a vector column
}

// bytes returns the size of a column in one row.
func (c *column) bytes() int64 {
	if c.kind.isVector() {
		return c.kind.width() * int64(c.length)
	}
	return c.kind.width()
}

// vector returns which vector the column has: theta, grad or state.
func (c *column) vector() int { return int(c.field - fieldVector) }

// The vectors of a row, in the order of their columns.
const (
	theta = iota
	grad
	state
	vectors
)

// optionals is the number of optional scalars of a row.
const optionals = len(record.OptionalNames)

// nullSet has a bit for each nullable column: the optional scalars from bit 0 on, then the
// vectors. A bit is set when the value is absent. The layout of a record batch depends only
// on the header and the nullSet.
type nullSet uint8

// has reports whether the value of this bit is absent. Columns that are never null have the
// bit -1.
func (n nullSet) has(bit int) bool { return bit >= 0 && n>>bit&1 == 1 }

// columns has what the header implies for all segments: the columns and, for each nullSet,
// the place of every value in the body of a record batch.
type columns struct {
	list   []column
	exists [vectors]bool
	// vectorAt has the index in list of each vector that exists.
	vectorAt [vectors]int
	// checks are the checksums after the columns, from format 2 on, 4 bytes each. They are
	// not in a column.
	checks []field
	// bitmap is the size of the validity bitmap of an absent value: one byte, which format
	// 1 pads to 64, as the Arrow format recommends.
	bitmap int64
	bodies [256]atomic.Pointer[bodyLayout]
}

// columnsOf returns the columns for a header. Their order is part of the format: see FORMAT.md.
// In format 1 the checksums are columns; from format 2 on they follow the columns, where other
// programs do not see them.
func columnsOf(h *record.Header) *columns {
	c := &columns{exists: [vectors]bool{h.Columns.Theta, h.Columns.Grad, h.Columns.State}, bitmap: 1}
	if h.Format == 1 {
		c.bitmap = 64
	}
	c.add("step", kindInt64, fieldStep)
	if h.HasSubsteps() {
		c.add("substep", kindInt32, fieldSubstep)
	}
	c.add("epoch", kindInt32, fieldEpoch)
	c.add("examples", kindInt32, fieldExamples)
	c.add("evaluations", kindInt64, fieldEvaluations)
	for i, name := range record.OptionalNames {
		c.list = append(c.list, column{name: name, kind: kindFloat64, null: i, field: fieldOptional + field(i)})
	}
	if h.Format > 1 {
		c.add("wall_time_ns", kindInt64, fieldWallTime)
	}
	c.addVectors(h)
	if h.Format == 1 {
		c.add("crc32c", kindUint32, fieldCRC)
		c.add("wall_time_ns", kindInt64, fieldWallTime)
		c.add("wall_crc32c", kindUint32, fieldWallCRC)
	} else {
		c.checks = append(c.checks, fieldCRC, fieldWallCRC)
	}
	return c
}

// add adds a column of numbers that are never null.
func (c *columns) add(name string, k kind, f field) {
	c.list = append(c.list, column{name: name, kind: k, null: -1, field: f})
}

// addVectors adds the columns of the recorded vectors. State always has float32, because it is
// small and running variances need its range.
func (c *columns) addVectors(h *record.Header) {
	for v, name := range record.VectorNames {
		if !c.exists[v] {
			continue
		}
		k, length := kindVector, h.Layout.Len()
		switch {
		case v == state:
			length = h.State.Len()
		case h.ElementBytes() == 2:
			k = kindHalf
		}
		c.vectorAt[v] = len(c.list)
		c.list = append(c.list, column{
			name: name, kind: k, null: optionals + v, field: fieldVector + field(v),
			length: length,
		})
		if h.Format == 1 {
			c.add(name+"_crc32c", kindUint32, fieldVectorCRC+field(v))
		} else {
			c.checks = append(c.checks, fieldVectorCRC+field(v))
		}
	}
}

// ofVector returns the column of a vector that exists.
func (c *columns) ofVector(v int) *column { return &c.list[c.vectorAt[v]] }

// extent is a buffer's place in the body of a record batch.
type extent struct{ offset, length int64 }

// node is the length and null count of an array.
type node struct{ length, nulls int64 }

// body is the layout of a record batch's body for one nullSet.
type bodyLayout struct {
	nodes   []node
	buffers []extent
	data    []extent // of each column in columns.list, its values
	bitmaps []extent // validity bitmaps that are there; all their bits are zero
	checks  extent   // the checksums that are in no column
	size    int64
}

// body returns the layout for a nullSet. It is computed once.
func (c *columns) bodyFor(nulls nullSet) *bodyLayout {
	if b := c.bodies[nulls].Load(); b != nil {
		return b
	}
	b := new(bodyLayout)
	reserve := func(length int64) extent {
		e := extent{b.size, length}
		b.size += pad8(length)
		return e
	}
	place := func(length int64) extent {
		e := reserve(length)
		b.buffers = append(b.buffers, e)
		return e
	}
	for i := range c.list {
		col := &c.list[i]
		if nulls.has(col.null) {
			b.nodes = append(b.nodes, node{1, 1})
			b.bitmaps = append(b.bitmaps, place(c.bitmap))
		} else {
			b.nodes = append(b.nodes, node{1, 0})
			place(0)
		}
		if col.kind.isVector() {
			b.nodes = append(b.nodes, node{int64(col.length), 0})
			place(0)
		}
		b.data = append(b.data, place(col.bytes()))
	}
	b.checks = reserve(4 * int64(len(c.checks)))
	c.bodies[nulls].Store(b)
	return b
}

// pad8 rounds n up to a multiple of 8.
func pad8(n int64) int64 { return (n + 7) &^ 7 }

// nullable returns the nullSet with all bits that these columns allow.
func (c *columns) nullable() nullSet {
	var n nullSet
	for _, col := range c.list {
		if col.null >= 0 {
			n |= 1 << col.null
		}
	}
	return n
}
