package arrowfile

import (
	"encoding/binary"

	flatbuffers "github.com/google/flatbuffers/go"
)

// This file builds the flatbuffers of a segment. The Arrow library is not used, because the
// flatbuffer of a row is the same for thousands of rows, and because the library cannot
// place buffers as format 2 does. Tables, strings and vectors have the order of the library
// (version 15), which wrote the first runs of format 1: Check compares every byte.

// pair is an entry of a schema's metadata.
type pair struct{ key, value string }

// block is the place of a row in a segment, an entry of the footer.
type block struct {
	offset int64
	meta   int32
	body   int64
}

// encapsulated makes an encapsulated message of a finished header table.
func encapsulated(b *flatbuffers.Builder, kind byte, header flatbuffers.UOffsetT, bodyLength int64) []byte {
	b.StartObject(5)
	b.PrependInt16Slot(0, metadataV5, 0)
	b.PrependByteSlot(1, kind, 0)
	b.PrependUOffsetTSlot(2, header, 0)
	b.PrependInt64Slot(3, bodyLength, 0)
	b.Finish(b.EndObject())
	table := b.FinishedBytes()
	n := pad8(int64(len(table)))
	out := make([]byte, 8+n)
	binary.LittleEndian.PutUint32(out, continuation)
	binary.LittleEndian.PutUint32(out[4:], uint32(n))
	copy(out[8:], table)
	return out
}

// batchMessage returns the message of a row, without its body.
func batchMessage(layout *bodyLayout) []byte {
	b := flatbuffers.NewBuilder(2048)
	pairs := func(n int, pair func(i int) (int64, int64)) flatbuffers.UOffsetT {
		b.StartVector(16, n, 8)
		for i := n - 1; i >= 0; i-- {
			first, second := pair(i)
			b.Prep(8, 16)
			b.PrependInt64(second)
			b.PrependInt64(first)
		}
		return b.EndVector(n)
	}
	nodes := pairs(len(layout.nodes), func(i int) (int64, int64) {
		return layout.nodes[i].length,
			layout.nodes[i].nulls
	})
	buffers := pairs(len(layout.buffers), func(i int) (int64, int64) {
		return layout.buffers[i].offset,
			layout.buffers[i].length
	})
	b.StartObject(5)
	b.PrependInt64Slot(0, 1, 0)
	b.PrependUOffsetTSlot(1, nodes, 0)
	b.PrependUOffsetTSlot(2, buffers, 0)
	return encapsulated(b, headerRecordBatch, b.EndObject(), layout.size)
}

// schemaMessage returns the message before the rows of a segment.
func schemaMessage(c *columns, metadata []pair) []byte {
	b := flatbuffers.NewBuilder(4096)
	return encapsulated(b, headerSchema, schemaTable(b, c, metadata), 0)
}

// footer returns the flatbuffer at the end of a segment. own has the metadata of the footer
// itself, and may be empty.
func footer(c *columns, metadata []pair, blocks []block, own []pair) []byte {
	b := flatbuffers.NewBuilder(4096 + blockBytes*len(blocks))
	schema := schemaTable(b, c, metadata)
	b.StartVector(blockBytes, 0, 8)
	dictionaries := b.EndVector(0)
	b.StartVector(blockBytes, len(blocks), 8)
	for i := len(blocks) - 1; i >= 0; i-- {
		b.Prep(8, blockBytes)
		b.PrependInt64(blocks[i].body)
		b.Pad(4)
		b.PrependInt32(blocks[i].meta)
		b.PrependInt64(blocks[i].offset)
	}
	rows := b.EndVector(len(blocks))
	var texts flatbuffers.UOffsetT
	if len(own) > 0 {
		texts = pairTables(b, own)
	}
	b.StartObject(5)
	b.PrependInt16Slot(0, metadataV5, 0)
	b.PrependUOffsetTSlot(1, schema, 0)
	b.PrependUOffsetTSlot(2, dictionaries, 0)
	b.PrependUOffsetTSlot(3, rows, 0)
	b.PrependUOffsetTSlot(4, texts, 0)
	b.Finish(b.EndObject())
	return b.FinishedBytes()
}

// schemaTable writes the schema: the columns and the metadata of the segment.
func schemaTable(b *flatbuffers.Builder, c *columns, metadata []pair) flatbuffers.UOffsetT {
	fields := make([]flatbuffers.UOffsetT, len(c.list))
	for i, col := range c.list {
		fields[i] = fieldTable(b, col)
	}
	list := offsets(b, fields)
	texts := pairTables(b, metadata)
	b.StartObject(4)
	b.PrependUOffsetTSlot(1, list, 0)
	b.PrependUOffsetTSlot(2, texts, 0)
	return b.EndObject()
}

// pairTables writes a vector of key-value tables.
func pairTables(b *flatbuffers.Builder, metadata []pair) flatbuffers.UOffsetT {
	pairs := make([]flatbuffers.UOffsetT, len(metadata))
	for i, p := range metadata {
		key, value := b.CreateString(p.key), b.CreateString(p.value)
		b.StartObject(2)
		b.PrependUOffsetTSlot(0, key, 0)
		b.PrependUOffsetTSlot(1, value, 0)
		pairs[i] = b.EndObject()
	}
	return offsets(b, pairs)
}

// offsets writes a vector of tables.
func offsets(b *flatbuffers.Builder, tables []flatbuffers.UOffsetT) flatbuffers.UOffsetT {
	b.StartVector(4, len(tables), 4)
	for i := len(tables) - 1; i >= 0; i-- {
		b.PrependUOffsetT(tables[i])
	}
	return b.EndVector(len(tables))
}

// fieldTable writes the description of a column. A vector is a list of fixed size, so that its
// values are contiguous and need no offsets.
func fieldTable(b *flatbuffers.Builder, c column) flatbuffers.UOffsetT {
	name := b.CreateString(c.name)
	var children []flatbuffers.UOffsetT
	var code byte
	var kind flatbuffers.UOffsetT
	switch c.kind {
	case kindInt32, kindInt64, kindUint32:
		code, kind = typeInt, intTable(b, int32(8*c.kind.width()), c.kind != kindUint32)
	case kindFloat64:
		code, kind = typeFloat, floatTable(b, precisionDouble)
	default:
		children = append(children, itemTable(b, c.kind))
		b.StartObject(1)
		b.PrependInt32Slot(0, int32(c.length), 0)
		code, kind = typeList, b.EndObject()
	}
	return namedTable(b, name, c.null >= 0, code, kind, children)
}

// itemTable writes the description of the elements of a vector.
func itemTable(b *flatbuffers.Builder, k kind) flatbuffers.UOffsetT {
	name := b.CreateString("item")
	if k == kindHalf {
		return namedTable(b, name, true, typeInt, intTable(b, 16, false), nil)
	}
	return namedTable(b, name, true, typeFloat, floatTable(b, precisionSingle), nil)
}

// namedTable writes a field of the schema with its type and its children.
func namedTable(b *flatbuffers.Builder, name flatbuffers.UOffsetT, nullable bool, code byte, kind flatbuffers.UOffsetT,
	children []flatbuffers.UOffsetT,
) flatbuffers.UOffsetT {
	list := offsets(b, children)
	b.StartObject(7)
	b.PrependUOffsetTSlot(0, name, 0)
	b.PrependBoolSlot(1, nullable, false)
	b.PrependByteSlot(2, code, 0)
	b.PrependUOffsetTSlot(3, kind, 0)
	b.PrependUOffsetTSlot(5, list, 0)
	return b.EndObject()
}

// intTable writes an integer type.
func intTable(b *flatbuffers.Builder, bits int32, signed bool) flatbuffers.UOffsetT {
	b.StartObject(2)
	b.PrependInt32Slot(0, bits, 0)
	b.PrependBoolSlot(1, signed, false)
	return b.EndObject()
}

// floatTable writes a floating-point type.
func floatTable(b *flatbuffers.Builder, precision int16) flatbuffers.UOffsetT {
	b.StartObject(1)
	b.PrependInt16Slot(0, precision, 0)
	return b.EndObject()
}
