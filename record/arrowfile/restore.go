package arrowfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"sgdwalk/record"
	"sgdwalk/record/safefile"
)

// headerClaim is the information about the run's header in the schema of a segment.
type headerClaim struct {
	segment string   // name of the file
	id      identity // SHA-256 of the header
	header  []byte   // the header itself, from format 3 on; nil where it is missing or damaged
}

// readClaim reads the claim of a segment; nil when it cannot be read.
func readClaim(path string) *headerClaim {
	src, err := openReadSource(path)
	if err != nil {
		return nil
	}
	defer src.close()
	begin, err := src.bytes(0, min(schemaAt, src.size()))
	if err != nil || string(begin) != fileStart {
		return nil
	}
	e, err := readEnvelope(src, schemaAt, maxSchema)
	if err != nil {
		return nil
	}
	c := &headerClaim{segment: filepath.Base(path)}
	err = catchOutside(func() error {
		var length int64
		schema, err := message(e.meta, headerSchema, &length)
		if err != nil {
			return err
		}
		values := metadataOf(&schema, keyHeader, keyHeaderText)
		id, err := hex.DecodeString(values[keyHeader])
		if err != nil || len(id) != len(c.id) {
			return fmt.Errorf("%s is %q", keyHeader, values[keyHeader])
		}
		copy(c.id[:], id)
		if text := []byte(values[keyHeaderText]); sha256.Sum256(text) == c.id {
			c.header = text
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return c
}

// hasOwnSegment reports whether a directory has a segment of a run, and not only a file with
// such a name.
func hasOwnSegment(dir string) bool {
	numbers, err := segmentNumbers(dir)
	return err == nil && len(numbers) > 0 && readClaim(filepath.Join(dir, segmentName(numbers[0]))) != nil
}

// restoreHeader returns the header of the run in dir, whatever has happened to
// header.json, and what had happened, nil if nothing had. The header that most
// segments name is the right one. It comes from, in this order: header.json itself,
// the copy in a segment, and header.json with one bit or one byte changed.
func restoreHeader(dir string) (h *runHeader, damage, err error) {
	claims, err := readClaims(dir)
	if err != nil {
		return nil, nil, err
	}
	h, damage = readHeader(dir)
	if damage != nil && !record.IsDamage(damage) {
		return nil, nil, damage
	}
	most := mostFrequentClaims(claims)
	if len(most) == 0 || h != nil && h.id == most[0].id {
		return h, damage, damage
	}
	if damage == nil {
		damage = fmt.Errorf("arrowfile: %s: %w: %d of %d segments name header %x, %s is %x", dir, ErrWrongRun,
			len(most), len(claims), most[0].id[:6], headerName, h.id[:6])
	}
	for _, c := range most {
		if c.header == nil {
			continue
		}
		if restored, err := parseRunHeader(c.header); err == nil {
			return restored, fmt.Errorf("%w; the copy in %s is taken", damage, c.segment), nil
		}
	}
	text, readErr := safefile.Read(filepath.Join(dir, headerName), maxHeader)
	if readErr == nil {
		if restored, err := parseRunHeader(undoOneChange(text, most[0].id)); err == nil {
			return restored, fmt.Errorf("%w; the one change to it is undone that gives the hash which the segments "+
				"name", damage), nil
		}
	}
	if h == nil || len(most) == len(claims) { // no row belongs to it
		return nil, damage, damage
	}
	return h, damage, nil
}

// readClaims reads the claims of all segments that can be read.
func readClaims(dir string) (claims []*headerClaim, err error) {
	numbers, err := segmentNumbers(dir)
	if os.IsNotExist(err) {
		return nil, nil // readHeader says so
	}
	if err != nil {
		return nil, fmt.Errorf("arrowfile: %w", err)
	}
	for _, n := range numbers {
		if c := readClaim(filepath.Join(dir, segmentName(n))); c != nil {
			claims = append(claims, c)
		}
	}
	return claims, nil
}

// mostFrequentClaims returns the claims that name the most frequent header; the earliest one
// when several are equally frequent.
func mostFrequentClaims(claims []*headerClaim) (most []*headerClaim) {
	by := make(map[identity][]*headerClaim)
	for _, c := range claims {
		by[c.id] = append(by[c.id], c)
	}
	for _, c := range claims {
		if group := by[c.id]; len(group) > len(most) {
			most = group
		}
	}
	return most
}

// searchBytes bounds how many bytes are hashed to find a single changed byte of a
// header: some seconds.
const maxHashedBytes = 4 << 30

// undoOneChange searches for the text with this hash that differs from the given text in one
// bit or, if that does not take too long, in one byte. It returns nil when there is no such
// text.
func undoOneChange(text []byte, id identity) []byte {
	text = bytes.Clone(text)
	n := int64(len(text))
	bits := make([]byte, 8)
	for i := range bits {
		bits[i] = 1 << i
	}
	all := make([]byte, 255)
	for i := range all {
		all[i] = byte(i + 1)
	}
	for _, changes := range [][]byte{bits, all} {
		if n*n*int64(len(changes))/2 > maxHashedBytes {
			return nil
		}
		for at := range text {
			for _, change := range changes {
				text[at] ^= change
				if sha256.Sum256(text) == id {
					return text
				}
				text[at] ^= change
			}
		}
	}
	return nil
}
