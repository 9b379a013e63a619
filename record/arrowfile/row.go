package arrowfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"sgdwalk/record"
)

// identity is the SHA-256 of header.json's bytes. It ties rows to their run.
type identity [32]byte

// scalars is a row without its vectors: the values as they are in the file.
type scalars struct {
	words [fieldVector]uint64 // by field: little-endian in the file, narrow ones in the lower bits
	nulls nullSet
}

// vectorCRC returns the checksum of vector v; 0 for a vector that is absent.
func (s *scalars) vectorCRC(v int) uint32 { return uint32(s.words[fieldVectorCRC+field(v)]) }

// setVectorCRC sets the checksum of vector v.
func (s *scalars) setVectorCRC(v int, crc uint32) { s.words[fieldVectorCRC+field(v)] = uint64(crc) }

// checksum returns the value of the column crc32c: the CRC-32C of the scalars in the order
// of their columns, little-endian. A byte before each nullable value is 1 when the value
// is present. Vectors enter by their checksums; the row's number and the run's identity
// come last, so that a row is not accepted at another place or in another run. The wall
// time is left out, so that two runs of one command have equal checksums. scratch avoids
// an allocation when it is large enough.
func (s *scalars) checksum(c *columns, row int64, run *identity, scratch []byte) uint32 {
	buf := scratch[:0]
	le := binary.LittleEndian
	buf = le.AppendUint64(buf, s.words[fieldStep])
	for _, f := range []field{fieldSubstep, fieldEpoch, fieldExamples} {
		buf = le.AppendUint32(buf, uint32(s.words[f]))
	}
	buf = le.AppendUint64(buf, s.words[fieldEvaluations])
	present := func(bit int) byte {
		if s.nulls.has(bit) {
			return 0
		}
		return 1
	}
	for i := range optionals {
		buf = append(buf, present(i))
		buf = le.AppendUint64(buf, s.words[fieldOptional+field(i)])
	}
	for v := range vectors {
		if c.exists[v] {
			buf = append(buf, present(optionals+v))
			buf = le.AppendUint32(buf, s.vectorCRC(v))
		}
	}
	buf = le.AppendUint64(buf, uint64(row))
	buf = append(buf, run[:]...)
	return crc32.Checksum(buf, castagnoli)
}

// wallChecksum is the CRC-32C of the wall time.
func wallChecksum(ns uint64, scratch []byte) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(scratch[:0], ns), castagnoli)
}

// checksumBytes is an upper bound of the bytes that checksum hashes.
const checksumBytes = 160

// rawVectors are the vectors of a row as they are in the file; nil for an absent one.
type rawVectors [vectors][]byte

// scalarsOf converts a step to the values in the file, without the checksums. raw has the
// vectors of the step as they will be in the file.
func (e *encoder) scalarsOf(s *record.Step, raw *rawVectors) (out scalars, err error) {
	out.words[fieldStep] = uint64(s.Step)
	out.words[fieldSubstep] = uint64(uint32(s.Substep))
	out.words[fieldEpoch] = uint64(uint32(s.Epoch))
	out.words[fieldExamples] = uint64(uint32(s.Examples))
	out.words[fieldEvaluations] = uint64(s.Evaluations)
	for i, o := range s.Optionals() {
		if o.Valid {
			out.words[fieldOptional+field(i)] = math.Float64bits(o.Value)
		} else {
			out.nulls |= 1 << i
		}
	}
	for v, b := range raw {
		if e.columns.exists[v] && b == nil {
			out.nulls |= 1 << (optionals + v)
		}
	}
	out.words[fieldWallTime] = uint64(s.UnixNano())
	return out, checkWallTime(s)
}

// fillChecksums fills in the checksums of the scalars for row number row of the run. They
// depend on the checksums of the vectors, which must be set.
func (e *encoder) fillChecksums(s *scalars, row int64) {
	s.words[fieldWallCRC] = uint64(wallChecksum(s.words[fieldWallTime], e.scratch))
	s.words[fieldCRC] = uint64(s.checksum(e.columns, row, &e.run, e.scratch))
}

// toStep is the reverse of scalarsOf, without vectors.
func (s *scalars) toStep() record.Step {
	out := record.Step{
		Step: int64(s.words[fieldStep]), Substep: int32(s.words[fieldSubstep]), Epoch: int32(s.words[fieldEpoch]),
		Examples: int32(s.words[fieldExamples]), Evaluations: int64(s.words[fieldEvaluations]),
	}
	for i, o := range out.Optionals() {
		if !s.nulls.has(i) {
			*o = record.Some(math.Float64frombits(s.words[fieldOptional+field(i)]))
		}
	}
	out.SetUnixNano(int64(s.words[fieldWallTime]))
	return out
}

// checkWallTime returns an error when the wall time does not fit into 64 bits of
// nanoseconds.
func checkWallTime(s *record.Step) error {
	if !s.WallTime.IsZero() && !time.Unix(0, s.WallTime.UnixNano()).Equal(s.WallTime) {
		return fmt.Errorf("arrowfile: wall time %v is outside the years 1677 to 2262", s.WallTime)
	}
	return nil
}
