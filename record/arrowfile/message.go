package arrowfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	flatbuffers "github.com/google/flatbuffers/go"
)

// maxMetadata bounds the metadata of a row, which has about 1.5 kB. maxSchema bounds that of
// a schema, which contains a copy of the header.
const (
	maxMetadata = 64 << 10
	maxSchema   = maxMetadata + maxHeader
)

var (
	// errShort means that the file ends before the message does.
	errTruncated = errors.New("the file ends within a message")
	// errEnd means that there is the mark after the last message.
	errEndMark = errors.New("the messages end here")
)

// envelope has the flatbuffer of a message, and the place of its body.
type envelope struct {
	meta []byte
	body int64 // offset of the body in the file, directly after the flatbuffer
}

// readEnvelope reads a message's prefix and flatbuffer. errShort is returned
// when the bytes that are there could be the beginning of a message.
func readEnvelope(src byteSource, off, limit int64) (envelope, error) {
	rest := src.size() - off
	prefix, err := src.bytes(off, min(8, rest))
	if err != nil {
		return envelope{}, err
	}
	if len(prefix) < 8 {
		return envelope{}, errTruncated
	}
	if binary.LittleEndian.Uint32(prefix) != continuation {
		return envelope{}, errors.New("no message begins here")
	}
	n := int64(binary.LittleEndian.Uint32(prefix[4:]))
	if n == 0 {
		return envelope{}, errEndMark
	}
	if n%8 != 0 || n > limit {
		return envelope{}, fmt.Errorf("a message's metadata cannot have %d bytes", n)
	}
	if n > rest-8 {
		return envelope{}, errTruncated
	}
	meta, err := src.bytes(off+8, n)
	return envelope{meta, off + 8 + n}, err
}

// message checks the outer table of a message, and returns its header table.
func message(meta []byte, kind uint8, bodyLength *int64) (flat, error) {
	root := flatRoot(meta)
	if v := root.GetInt16Slot(slotMessageVersion, 0); v != metadataV5 {
		return flat{}, fmt.Errorf("metadata version code is %d; it must be %d", v, metadataV5)
	}
	if k := root.GetUint8Slot(slotMessageType, 0); k != kind {
		return flat{}, fmt.Errorf("message type is %d; it must be %d", k, kind)
	}
	*bodyLength = root.GetInt64Slot(slotMessageBody, 0)
	return root.table(slotMessageHeader)
}

// parseBatch compares the metadata of a row with the metadata that the header implies. Its
// result is the set of absent values, the only part that the header does not decide.
func parseBatch(meta []byte, c *columns) (nulls nullSet, err error) {
	err = catchOutside(func() error {
		var length int64
		batch, err := message(meta, headerRecordBatch, &length)
		if err != nil {
			return err
		}
		if n := batch.GetInt64Slot(slotBatchLength, 0); n != 1 {
			return fmt.Errorf("a record batch has %d rows; it must have 1", n)
		}
		if batch.has(slotBatchCompression) {
			return errors.New("a record batch is compressed, which runs never are")
		}
		if nulls, err = parseNodes(&batch, c); err != nil {
			return err
		}
		want := c.bodyFor(nulls)
		if length != want.size {
			return fmt.Errorf("a record batch has a body of %d bytes; the header implies %d", length, want.size)
		}
		start, n := batch.vector(slotBatchBuffers, bufferBytes)
		if n != len(want.buffers) {
			return fmt.Errorf("a record batch has %d buffers; the header implies %d", n, len(want.buffers))
		}
		for i, b := range want.buffers {
			p := start + flatbuffers.UOffsetT(bufferBytes*i)
			if off, n := batch.GetInt64(p), batch.GetInt64(p+8); off != b.offset || n != b.length {
				return fmt.Errorf("buffer %d has %d bytes from byte %d of the body; the header implies %d from %d", i,
					n, off, b.length, b.offset)
			}
		}
		return nil
	})
	return nulls, err
}

// parseNodes reads which values of a row are absent.
func parseNodes(batch *flat, c *columns) (nulls nullSet, err error) {
	start, n := batch.vector(slotBatchNodes, nodeBytes)
	if want := len(c.bodyFor(0).nodes); n != want {
		return 0, fmt.Errorf("a record batch has %d arrays; the header implies %d", n, want)
	}
	i := 0
	next := func() node {
		p := start + flatbuffers.UOffsetT(nodeBytes*i)
		i++
		return node{batch.GetInt64(p), batch.GetInt64(p + 8)}
	}
	for _, col := range c.list {
		got := next()
		switch {
		case got == node{1, 0}:
		case got == node{1, 1} && col.null >= 0:
			nulls |= 1 << col.null
		default:
			return 0, fmt.Errorf("column %s has %d values, %d of them absent", col.name, got.length, got.nulls)
		}
		if col.kind.isVector() {
			if got := next(); got != (node{int64(col.length), 0}) {
				return 0, fmt.Errorf("column %s has %d elements, %d of them absent; the header implies %d", col.name,
					got.length, got.nulls, col.length)
			}
		}
	}
	return nulls, nil
}

// segmentInfo is what a segment's schema says about it.
type segmentInfo struct {
	format   int
	run      string
	segment  int
	firstRow int64
}

// parseSchema reads a segment's schema message and compares its columns with
// what the header implies.
func parseSchema(meta []byte, c *columns) (info segmentInfo, err error) {
	err = catchOutside(func() error {
		var length int64
		schema, err := message(meta, headerSchema, &length)
		if err != nil {
			return err
		}
		if length != 0 {
			return fmt.Errorf("the schema has a body of %d bytes", length)
		}
		if info, err = parseMetadata(&schema); err != nil {
			return err
		}
		if schema.GetInt16Slot(slotSchemaEndian, 0) != 0 {
			return errors.New("the segment is big-endian")
		}
		start, n := schema.vector(slotSchemaFields, 4)
		if n != len(c.list) {
			return fmt.Errorf("the schema has %d columns; the header implies %d", n, len(c.list))
		}
		for i, col := range c.list {
			field := schema.element(start, i)
			if err := checkField(&field, col); err != nil {
				return fmt.Errorf("column %d: %w; the header implies %s", i, err, col.name)
			}
		}
		return nil
	})
	return info, err
}

// parseMetadata reads the key-value pairs of a schema. It ignores unknown keys.
func parseMetadata(schema *flat) (info segmentInfo, err error) {
	values := metadataOf(schema, keyFormat, keyHeader, keySegment, keyFirstRow)
	number := func(key string) int64 {
		v, numberErr := strconv.ParseInt(values[key], 10, 64)
		if err == nil && (numberErr != nil || v < 0) {
			err = fmt.Errorf("schema metadata %s is %q; it must be a whole number", key, values[key])
		}
		return v
	}
	info = segmentInfo{
		format: int(number(keyFormat)), run: values[keyHeader],
		segment: int(number(keySegment)), firstRow: number(keyFirstRow),
	}
	return info, err
}

// metadataOf returns the values of these keys in a schema's metadata.
func metadataOf(schema *flat, keys ...string) map[string]string {
	return metadataAt(schema, slotSchemaMetadata, keys...)
}

// metadataAt returns the values of these keys in the metadata of a table: slot 8 of a schema,
// slot 12 of a footer.
func metadataAt(t *flat, slot int, keys ...string) map[string]string {
	start, n := t.vector(slot, 4)
	values := make(map[string]string, len(keys))
	for i := range n {
		pair := t.element(start, i)
		if key := pair.text(slotKey); slices.Contains(keys, key) {
			values[key] = pair.text(slotValue)
		}
	}
	return values
}

// checkField compares the description of a column with the column that the header implies.
func checkField(f *flat, want column) error {
	if name := f.text(slotFieldName); name != want.name {
		return fmt.Errorf("it is named %q", name)
	}
	if nullable := f.GetUint8Slot(slotFieldNullable, 0); (nullable != 0) != (want.null >= 0) {
		return fmt.Errorf("nullable is %d", nullable)
	}
	if f.has(slotFieldDictionary) {
		return errors.New("it has a dictionary")
	}
	start, children := f.vector(slotFieldChildren, 4)
	if want.kind.isVector() != (children == 1) || children > 1 {
		return fmt.Errorf("it has %d children", children)
	}
	t, err := f.table(slotFieldType)
	if err != nil {
		return err
	}
	code := f.GetUint8Slot(slotFieldTypeCode, 0)
	ok := false
	switch want.kind {
	case kindInt32, kindInt64, kindUint32:
		signed := want.kind != kindUint32
		ok = code == typeInt && int64(t.GetInt32Slot(slotIntBits, 0)) == 8*want.kind.width() &&
			(t.GetUint8Slot(slotIntSigned, 0) != 0) == signed
	case kindFloat64:
		ok = code == typeFloat && t.GetInt16Slot(slotFloatPrecision, 0) == precisionDouble
	default:
		if code != typeList || int(t.GetInt32Slot(slotListSize, 0)) != want.length {
			break
		}
		item := f.element(start, 0)
		it, err := item.table(slotFieldType)
		if err != nil {
			return err
		}
		code := item.GetUint8Slot(slotFieldTypeCode, 0)
		if want.kind == kindHalf {
			ok = code == typeInt && it.GetInt32Slot(slotIntBits, 0) == 16 && it.GetUint8Slot(slotIntSigned, 0) == 0
		} else {
			ok = code == typeFloat && it.GetInt16Slot(slotFloatPrecision, 0) == precisionSingle
		}
	}
	if !ok {
		return fmt.Errorf("it has another type (code %d)", code)
	}
	return nil
}
