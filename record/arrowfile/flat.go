package arrowfile

import (
	"errors"
	"fmt"
	"math"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Numbers of the Arrow format's flatbuffers: slots of the fields in tables (4 + 2*index),
// and codes of unions and enumerations. The generated code of the Arrow library is
// internal to it.
const (
	slotMessageVersion, slotMessageType, slotMessageHeader, slotMessageBody = 4, 6, 8, 10
	slotBatchLength, slotBatchNodes, slotBatchBuffers, slotBatchCompression = 4, 6, 8, 10
	slotSchemaEndian, slotSchemaFields, slotSchemaMetadata                  = 4, 6, 8
	slotFieldName, slotFieldNullable, slotFieldTypeCode, slotFieldType      = 4, 6, 8, 10
	slotFieldDictionary, slotFieldChildren                                  = 12, 14
	slotKey, slotValue                                                      = 4, 6
	slotIntBits, slotIntSigned                                              = 4, 6
	slotFloatPrecision                                                      = 4
	slotListSize                                                            = 4
	slotFooterVersion, slotFooterDictionaries, slotFooterBatches            = 4, 8, 10
	slotFooterMetadata                                                      = 12

	headerSchema, headerRecordBatch           = 1, 3
	metadataV5                                = 4
	typeInt, typeFloat, typeList              = 2, 3, 16
	precisionSingle, precisionDouble          = 1, 2
	nodeBytes, bufferBytes, blockBytes        = 16, 16, 24
	continuation                       uint32 = 0xFFFFFFFF
)

// flat is a table of an untrusted flatbuffer. A read beyond its bytes panics, and
// catchOutside converts the panic to an error. Every count in it is compared with the
// expected value before it is used.
type flat struct{ flatbuffers.Table }

var errOutside = errors.New("an offset points outside the metadata")

// catchOutside runs f, and returns an error when f reads outside of the flatbuffer.
func catchOutside(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errOutside
		}
	}()
	return f()
}

// flatRoot returns the root table of a flatbuffer.
func flatRoot(b []byte) flat {
	if len(b) > math.MaxInt32 {
		panic(errOutside)
	}
	return flat{flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}}
}

// at returns the position of a field's value, or 0 when the field is missing.
func (t *flat) at(slot int) flatbuffers.UOffsetT {
	o := flatbuffers.UOffsetT(t.Offset(flatbuffers.VOffsetT(slot)))
	if o == 0 {
		return 0
	}
	return o + t.Pos
}

// has reports whether the table has a field.
func (t *flat) has(slot int) bool { return t.at(slot) != 0 }

// text returns a string field; "" when it is missing.
func (t *flat) text(slot int) string {
	if p := t.at(slot); p != 0 {
		return string(t.ByteVector(p))
	}
	return ""
}

// table returns the table that a field points to.
func (t *flat) table(slot int) (flat, error) {
	p := t.at(slot)
	if p == 0 {
		return flat{}, fmt.Errorf("a table of the metadata is missing")
	}
	return flat{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(p)}}, nil
}

// vector returns the position and the length of a vector with elements of size bytes, after
// it checked that all elements are inside the flatbuffer.
func (t *flat) vector(slot, size int) (start flatbuffers.UOffsetT, n int) {
	p := t.at(slot)
	if p == 0 {
		return 0, 0
	}
	p = t.Indirect(p)
	n = int(t.GetUOffsetT(p))
	if int64(p)+4+int64(n)*int64(size) > int64(len(t.Bytes)) {
		panic(errOutside)
	}
	return p + 4, n
}

// element returns table i of a vector of tables that starts at start.
func (t *flat) element(start flatbuffers.UOffsetT, i int) flat {
	return flat{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(start + 4*flatbuffers.UOffsetT(i))}}
}
