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
)

func (k kind) width() int64 {
	switch k {
	case kindInt32, kindUint32:
		return 4
	default:
		return 8
	}
}

// column is one column of a segment.
type column struct {
	name   string
	kind   kind
	null   int // bit of the column in a nullSet; -1 for columns that are never null
	vector int // which of theta, grad, state a vector column or its checksum belongs to; -1 for others
	length int // elements of a vector column
}

// The vectors of a row, in the order of their columns.
const (
	theta = iota
	grad
	state
	vectors
)

var vectorNames = [vectors]string{"theta", "grad", "state"}

// The optional scalars of a row, in the order of their columns.
const optionals = 5

var optionalNames = [optionals]string{"batch_loss", "batch_accuracy", "learning_rate", "full_loss", "test_loss"}

// nullSet has one bit for each nullable column: the optional scalars from bit 0,
// the vectors after them. Everything that varies between the record batches of a
// run follows from it.
type nullSet uint8

func (n nullSet) has(bit int) bool { return bit >= 0 && n>>bit&1 == 1 }

// columns is what a header implies for its segments: which columns there are
// and, for each nullSet, where in a record batch's body everything is.
type columns struct {
	list   []column
	exists [vectors]bool
	length [vectors]int
	// vectorAt is the place in list of the vectors that exist.
	vectorAt [vectors]int
	bodies   [256]atomic.Pointer[body]
}

func columnsOf(h *record.Header) *columns {
	c := &columns{
		exists: [vectors]bool{h.Columns.Theta, h.Columns.Grad, h.Columns.State},
		length: [vectors]int{h.Layout.Len(), h.Layout.Len(), h.State.Len()},
	}
	plain := func(name string, k kind) {
		c.list = append(c.list, column{name: name, kind: k, null: -1, vector: -1})
	}
	plain("step", kindInt64)
	plain("substep", kindInt32)
	plain("epoch", kindInt32)
	plain("examples", kindInt32)
	plain("evaluations", kindInt64)
	for i, name := range optionalNames {
		c.list = append(c.list, column{name: name, kind: kindFloat64, null: i, vector: -1})
	}
	for v, name := range vectorNames {
		if c.exists[v] {
			c.vectorAt[v] = len(c.list)
			c.list = append(c.list,
				column{name: name, kind: kindVector, null: optionals + v, vector: v, length: c.length[v]},
				column{name: name + "_crc32c", kind: kindUint32, null: -1, vector: v})
		}
	}
	plain("crc32c", kindUint32)
	plain("wall_time_ns", kindInt64)
	plain("wall_crc32c", kindUint32)
	return c
}

// extent is a buffer's place in the body of a record batch.
type extent struct{ offset, length int64 }

// node is the length and null count of an array.
type node struct{ length, nulls int64 }

// body is the layout of a record batch's body for one nullSet.
type body struct {
	nodes   []node
	buffers []extent
	data    []extent // of each column in columns.list, its values
	bitmaps []extent // validity bitmaps that are there; all their bits are zero
	size    int64
}

// nullBitmapBytes is the size of the validity bitmap of a null: one byte, padded
// to the 64 that the Arrow format recommends.
const nullBitmapBytes = 64

// body returns the layout for a nullSet. It is computed once.
func (c *columns) body(nulls nullSet) *body {
	if b := c.bodies[nulls].Load(); b != nil {
		return b
	}
	b := new(body)
	place := func(length int64) extent {
		e := extent{b.size, length}
		b.buffers = append(b.buffers, e)
		b.size += (length + 7) &^ 7
		return e
	}
	for _, col := range c.list {
		if nulls.has(col.null) {
			b.nodes = append(b.nodes, node{1, 1})
			b.bitmaps = append(b.bitmaps, place(nullBitmapBytes))
		} else {
			b.nodes = append(b.nodes, node{1, 0})
			place(0)
		}
		if col.kind == kindVector {
			b.nodes = append(b.nodes, node{int64(col.length), 0})
			place(0)
			b.data = append(b.data, place(4*int64(col.length)))
		} else {
			b.data = append(b.data, place(col.kind.width()))
		}
	}
	c.bodies[nulls].Store(b)
	return b
}

// nullable returns the bits that a nullSet of these columns may have.
func (c *columns) nullable() nullSet {
	var n nullSet
	for _, col := range c.list {
		if col.null >= 0 {
			n |= 1 << col.null
		}
	}
	return n
}
