package arrowfile

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"sgdwalk/record"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

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
// one command differ in nothing else.
func (s *scalars) checksum(c *columns, row int64, run *identity) uint32 {
	buf := make([]byte, 0, 160)
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

func wallChecksum(ns int64) uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(ns))
	return crc32.Checksum(b[:], castagnoli)
}

// scalarsOf turns a step into what is written. The checksums of the vectors are
// computed here; those of the scalars need the row number and come later.
func scalarsOf(s *record.Step, c *columns) (scalars, error) {
	out := scalars{
		step: s.Step, substep: s.Substep, epoch: s.Epoch, examples: s.Examples, evaluations: s.Evaluations,
	}
	for i, o := range []record.Optional{s.BatchLoss, s.BatchAccuracy, s.LearningRate, s.FullLoss, s.TestLoss} {
		if o.Valid {
			out.optional[i] = o.Value
		} else {
			out.nulls |= 1 << i
		}
	}
	for v, values := range vectorsOf(s) {
		switch {
		case !c.exists[v]:
		case values == nil:
			out.nulls |= 1 << (optionals + v)
		default:
			out.vectorCRC[v] = crc32.Checksum(bytesOf(values), castagnoli)
		}
	}
	var err error
	out.wallTime, err = wallTime(s.WallTime)
	out.wallCRC = wallChecksum(out.wallTime)
	return out, err
}

func vectorsOf(s *record.Step) [vectors][]float32 {
	return [vectors][]float32{s.Theta, s.Grad, s.State}
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
