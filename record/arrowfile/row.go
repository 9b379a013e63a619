package arrowfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"sgdwalk/record"
)

// identity ties rows to their run: the SHA-256 of header.json's bytes.
type identity [32]byte

// scalars is a row without its vectors: the values as they stand in the file.
// A checksum of a vector that is absent is 0.
type scalars struct {
	step, evaluations        int64
	substep, epoch, examples int32
	optional                 [optionals]float64
	nulls                    nullSet
	vectorCRC                [vectors]uint32
	crc                      uint32
	wallTime                 int64
	wallCRC                  uint32
}

// checksum is the CRC-32C that the column crc32c holds: over the scalars in the
// order of their columns, little-endian, each nullable one preceded by a byte
// that is 1 when it is there, vectors by their checksums, and then the row's
// number and the run's identity. The wall time is left out, so that two runs of
// one command differ in nothing else. The bytes are put together in scratch, when
// that has room for them.
func (s *scalars) checksum(c *columns, row int64, run *identity, scratch []byte) uint32 {
	buf := scratch[:0]
	le := binary.LittleEndian
	buf = le.AppendUint64(buf, uint64(s.step))
	buf = le.AppendUint32(buf, uint32(s.substep))
	buf = le.AppendUint32(buf, uint32(s.epoch))
	buf = le.AppendUint32(buf, uint32(s.examples))
	buf = le.AppendUint64(buf, uint64(s.evaluations))
	present := func(bit int) byte {
		if s.nulls.has(bit) {
			return 0
		}
		return 1
	}
	for i, v := range s.optional {
		buf = append(buf, present(i))
		buf = le.AppendUint64(buf, math.Float64bits(v))
	}
	for v := range vectors {
		if c.exists[v] {
			buf = append(buf, present(optionals+v))
			buf = le.AppendUint32(buf, s.vectorCRC[v])
		}
	}
	buf = le.AppendUint64(buf, uint64(row))
	buf = append(buf, run[:]...)
	return crc32.Checksum(buf, castagnoli)
}

func wallChecksum(ns int64, scratch []byte) uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(scratch[:0], uint64(ns)), castagnoli)
}

// checksumBytes is more than the scalars take that are under a checksum.
const checksumBytes = 160

// word returns a field as it stands in the file, little-endian, in the lowest
// bytes; 0 for a vector, which stands elsewhere.
func (s *scalars) word(f field) uint64 {
	switch {
	case f == fieldStep:
		return uint64(s.step)
	case f == fieldSubstep:
		return uint64(uint32(s.substep))
	case f == fieldEpoch:
		return uint64(uint32(s.epoch))
	case f == fieldExamples:
		return uint64(uint32(s.examples))
	case f == fieldEvaluations:
		return uint64(s.evaluations)
	case f == fieldCRC:
		return uint64(s.crc)
	case f == fieldWallTime:
		return uint64(s.wallTime)
	case f == fieldWallCRC:
		return uint64(s.wallCRC)
	case f >= fieldVector:
		return 0
	case f >= fieldVectorCRC:
		return uint64(s.vectorCRC[f-fieldVectorCRC])
	default:
		return math.Float64bits(s.optional[f-fieldOptional])
	}
}

// setWord is the reverse of word.
func (s *scalars) setWord(f field, w uint64) {
	switch {
	case f == fieldStep:
		s.step = int64(w)
	case f == fieldSubstep:
		s.substep = int32(w)
	case f == fieldEpoch:
		s.epoch = int32(w)
	case f == fieldExamples:
		s.examples = int32(w)
	case f == fieldEvaluations:
		s.evaluations = int64(w)
	case f == fieldCRC:
		s.crc = uint32(w)
	case f == fieldWallTime:
		s.wallTime = int64(w)
	case f == fieldWallCRC:
		s.wallCRC = uint32(w)
	case f >= fieldVector:
	case f >= fieldVectorCRC:
		s.vectorCRC[f-fieldVectorCRC] = uint32(w)
	default:
		s.optional[f-fieldOptional] = math.Float64frombits(w)
	}
}

// rawVectors are the vectors of a row as they stand in the file; nil for one that
// is absent.
type rawVectors [vectors][]byte

// scalarsOf turns a step, whose vectors are given as they will stand in the file,
// into what is written, without its checksums.
func (e *encoder) scalarsOf(s *record.Step, raw *rawVectors) (scalars, error) {
	out := scalars{
		step: s.Step, substep: s.Substep, epoch: s.Epoch, examples: s.Examples, evaluations: s.Evaluations,
	}
	for i, o := range [optionals]record.Optional{s.BatchLoss, s.BatchAccuracy, s.LearningRate, s.FullLoss, s.TestLoss} {
		if o.Valid {
			out.optional[i] = o.Value
		} else {
			out.nulls |= 1 << i
		}
	}
	for v, b := range raw {
		if e.columns.exists[v] && b == nil {
			out.nulls |= 1 << (optionals + v)
		}
	}
	var err error
	out.wallTime, err = wallTime(s.WallTime)
	return out, err
}

// seal fills in the checksums of row number row of the run, those of its vectors
// excepted, on which they depend.
func (e *encoder) seal(s *scalars, row int64) {
	s.wallCRC = wallChecksum(s.wallTime, e.scratch)
	s.crc = s.checksum(e.columns, row, &e.run, e.scratch)
}

// toStep is the reverse of scalarsOf, without vectors.
func (s *scalars) toStep() record.Step {
	out := record.Step{
		Step: s.step, Substep: s.substep, Epoch: s.epoch, Examples: s.examples, Evaluations: s.evaluations,
	}
	for i, o := range []*record.Optional{&out.BatchLoss, &out.BatchAccuracy, &out.LearningRate, &out.FullLoss, &out.TestLoss} {
		if !s.nulls.has(i) {
			*o = record.Some(s.optional[i])
		}
	}
	if s.wallTime != 0 {
		out.WallTime = time.Unix(0, s.wallTime).UTC()
	}
	return out
}

// wallTime is the number of nanoseconds since the beginning of 1970, or 0 for a
// row without one.
func wallTime(t time.Time) (int64, error) {
	if t.IsZero() {
		return 0, nil
	}
	ns := t.UnixNano()
	if !time.Unix(0, ns).Equal(t) {
		return 0, fmt.Errorf("arrowfile: wall time %v is outside the years 1677 to 2262", t)
	}
	return ns, nil
}
