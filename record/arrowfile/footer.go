package arrowfile

import (
	"encoding/binary"
	"errors"
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"
)

const (
	magic     = "ARROW1"
	fileStart = magic + "\x00\x00"
	trailer   = 4 + len(magic) // length of the footer, magic
	schemaAt  = int64(len(fileStart))
)

var errNoFooter = errors.New("the segment has no footer")

// readFooter returns the places of the rows, the place where the last one ends
// among them, as a segment's footer states them. The rows must follow each other
// without gaps from start to the end mark before the footer, which some writers
// leave out. A list that does not hold together is an error, and the caller walks
// the messages instead.
func readFooter(src source, start int64, c *columns) (offsets []int64, err error) {
	size := src.size()
	if size < start+int64(trailer) {
		return nil, errNoFooter
	}
	tail, err := src.bytes(size-int64(trailer), int64(trailer))
	if err != nil {
		return nil, err
	}
	if string(tail[4:]) != magic {
		return nil, errNoFooter
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	at := size - int64(trailer) - n
	if n < 4 || at < start {
		return nil, fmt.Errorf("the footer cannot have %d bytes", n)
	}
	b, err := src.bytes(at, n)
	if err != nil {
		return nil, err
	}
	err = flatGuard(func() error {
		footer := flatRoot(b)
		if v := footer.i16(slotFooterVersion); v != metadataV5 {
			return fmt.Errorf("the footer's version code is %d; it must be %d", v, metadataV5)
		}
		if _, n := footer.vector(slotFooterDictionaries, blockBytes); n != 0 {
			return fmt.Errorf("the footer lists %d dictionaries; runs have none", n)
		}
		first, rows := footer.vector(slotFooterBatches, blockBytes)
		offsets = make([]int64, 0, rows+1)
		next, smallest := start, c.body(0).size
		for i := range rows {
			p := first + flatbuffers.UOffsetT(blockBytes*i)
			off, meta, body := footer.GetInt64(p), int64(footer.GetInt32(p+8)), footer.GetInt64(p+16)
			if off != next || meta < 16 || meta > maxMetadata+8 || body < smallest || body > at-off-meta {
				return fmt.Errorf("the footer puts batch %d at byte %d with %d and %d bytes, which does not follow from the batches before it", i, off, meta, body)
			}
			offsets = append(offsets, off)
			next += meta + body
		}
		if next != at && next+int64(len(endMark)) != at {
			return fmt.Errorf("the batches that the footer lists end at byte %d, the footer begins at %d", next, at)
		}
		offsets = append(offsets, next)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return offsets, nil
}
