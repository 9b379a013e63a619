// Package unitline writes a finished unit of an analysis as one line of text: a
// checksum, the values as the hexadecimal bits of float64 (NaN and infinities
// included), the unit's name. A journal and the file of a shard are such lines.
package unitline

import (
	"fmt"
	"hash/crc32"
	"math"
	"strconv"
	"strings"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Seed returns what the checksums begin with: lines that were written with
// another key do not fit.
func Seed(key []byte) uint32 { return crc32.Checksum(key, castagnoli) }

// Append appends the line of a unit, with the line break. The unit's name must
// not be empty or contain a line break.
func Append(dst []byte, seed uint32, unit string, values []float64) ([]byte, error) {
	if unit == "" || strings.ContainsAny(unit, "\r\n") {
		return dst, fmt.Errorf("%q is no name for a unit; allowed is one line of text", unit)
	}
	start := len(dst)
	dst = append(dst, "00000000 "...)
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, math.Float64bits(v), 16)
	}
	if len(values) == 0 {
		dst = append(dst, '-')
	}
	dst = append(append(dst, ' '), unit...)
	copy(dst[start:], checksum(seed, dst[start+len("00000000 "):]))
	return append(dst, '\n'), nil
}

// checksum is compared as text: a letter of the other case is a flipped bit too.
func checksum(seed uint32, rest []byte) string {
	return fmt.Sprintf("%08x", crc32.Update(seed, castagnoli, rest))
}

// Parse reads a line without its line break; ok is false when it does not fit its
// checksum.
func Parse(seed uint32, line string) (unit string, values []float64, ok bool) {
	sum, rest, ok1 := strings.Cut(line, " ")
	bits, unit, ok2 := strings.Cut(rest, " ")
	if !ok1 || !ok2 || sum != checksum(seed, []byte(rest)) {
		return "", nil, false
	}
	bits = strings.TrimPrefix(bits, "-")
	values = make([]float64, 0, strings.Count(bits, ",")+1)
	for word := range strings.SplitSeq(bits, ",") {
		if word == "" {
			continue
		}
		v, err := strconv.ParseUint(word, 16, 64)
		if err != nil {
			return "", nil, false
		}
		values = append(values, math.Float64frombits(v))
	}
	return unit, values, true
}
