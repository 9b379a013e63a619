package arrowfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	flatbuffers "github.com/google/flatbuffers/go"
)

const (
	magic     = "ARROW1"
	fileStart = magic + "\x00\x00"
	trailer   = 4 + len(magic) // length of the footer, magic
	schemaAt  = int64(len(fileStart))
)

var errNoFooter = errors.New("the segment has no footer")

// footerInfo is the content of a segment's footer.
type footerInfo struct {
	offsets   []int64 // where the rows begin, and where the last row ends
	finalRows int64   // rows of the run if it came to its end with this segment; otherwise unknown
}

// readFooter reads a segment's footer. The rows in it must follow each other without gaps,
// from start to the end mark before the footer (which some writers leave out). Otherwise
// the footer is not used: readFooter returns an error, and the caller finds the rows by
// walking from message to message.
func readFooter(src byteSource, start int64, c *columns) (out footerInfo, err error) {
	size := src.size()
	if size < start+int64(trailer) {
		return out, errNoFooter
	}
	tail, err := src.bytes(size-int64(trailer), int64(trailer))
	if err != nil {
		return out, err
	}
	if string(tail[4:]) != magic {
		return out, errNoFooter
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	at := size - int64(trailer) - n
	if n < 4 || at < start {
		return out, fmt.Errorf("the footer cannot have %d bytes", n)
	}
	b, err := src.bytes(at, n)
	if err != nil {
		return out, err
	}
	err = catchOutside(func() error {
		footer := flatRoot(b)
		if v := footer.GetInt16Slot(slotFooterVersion, 0); v != metadataV5 {
			return fmt.Errorf("the footer's version code is %d; it must be %d", v, metadataV5)
		}
		if _, n := footer.vector(slotFooterDictionaries, blockBytes); n != 0 {
			return fmt.Errorf("the footer lists %d dictionaries; runs have none", n)
		}
		first, rows := footer.vector(slotFooterBatches, blockBytes)
		offsets := make([]int64, 0, min(rows, 1<<16)+1) // rows is not verified, so it must not decide the memory
		next, smallest := start, c.bodyFor(0).size
		for i := range rows {
			p := first + flatbuffers.UOffsetT(blockBytes*i)
			off, meta, body := footer.GetInt64(p), int64(footer.GetInt32(p+8)), footer.GetInt64(p+16)
			if off != next || meta < 16 || meta > maxMetadata+8 || body < smallest || body > at-off-meta {
				return fmt.Errorf("the footer puts batch %d at byte %d with %d and %d bytes, which does not follow "+
					"from the batches before it", i, off, meta, body)
			}
			offsets = append(offsets, off)
			next += meta + body
		}
		if next != at && next+int64(len(endMark)) != at {
			return fmt.Errorf("the batches that the footer lists end at byte %d, the footer begins at %d", next, at)
		}
		out = footerInfo{append(offsets, next), unknown}
		own := metadataAt(&footer, slotFooterMetadata, keyRows)
		if n, err := strconv.ParseInt(own[keyRows], 10, 64); err == nil && n >= 0 {
			out.finalRows = n
		}
		return nil
	})
	return out, err
}
