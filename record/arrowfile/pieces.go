package arrowfile

import (
	"fmt"
	"hash/crc32"

	"sgdwalk/record"
)

// pieces is theta of a row, read piece by piece.
type pieces struct {
	s      *segment
	j      int
	at     int64     // of the vector in the file
	values []float32 // a view of it
	want   uint32    // its checksum
}

var _ record.Pieces = (*pieces)(nil)

// pieceSource is what reading piece by piece needs of a source.
type pieceSource interface {
	// readAt reads the file without making it resident.
	readAt(b []byte, off int64) error
	// ahead has the system read n bytes from off on without waiting for them.
	prefetch(off, n int64)
}

// ThetaPieces returns theta of row i to read it piece by piece; nil when the row has
// no theta. The scalars are verified, the values are not yet. A vector that the file
// keeps in two bytes an element is converted and verified at once.
func (r *Reader) ThetaPieces(i int) (out record.Pieces, err error) {
	s, j, err := r.locate(i)
	if err != nil {
		return nil, err
	}
	_, able := s.src.(pieceSource)
	if !able || s.run.columns.exists[0] && s.run.columns.ofVector(0).kind == kindHalf {
		theta, err := record.ThetaOf(r, i)
		if theta == nil || err != nil {
			return nil, err
		}
		return record.VerifiedPieces(theta), nil
	}
	var p *pieces
	fault := catchFaults(func() { p, err = s.pieces(j) })
	if fault != nil {
		return nil, s.damageAt(j, 0, "%w", fault)
	}
	if p == nil || err != nil {
		return nil, err
	}
	return p, nil
}

// pieces returns theta of row j; nil when it has none.
func (s *segment) pieces(j int) (*pieces, error) {
	v, err := s.row(j)
	if err != nil {
		return nil, err
	}
	sc, err := s.verifiedScalars(j, v)
	if err != nil {
		return nil, err
	}
	c := s.run.columns
	if !c.exists[0] || sc.nulls.has(optionals) {
		return nil, nil
	}
	e := v.body.data[c.vectorAt[0]]
	b, err := s.src.bytes(v.at+e.offset, e.length)
	if err != nil {
		return nil, s.damageAt(j, v.at+e.offset, "%s: %w", record.VectorNames[0], err)
	}
	return &pieces{s: s, j: j, at: v.at + e.offset, values: floatsOf(b), want: sc.vectorCRC(theta)}, nil
}

func (p *pieces) Values() []float32 { return p.values }

func (p *pieces) Read(dst []float32, first int) error {
	if err := p.s.src.(pieceSource).readAt(bytesOf(dst), p.at+4*int64(first)); err != nil {
		return p.s.damageAt(p.j, p.at, "%s: %w", record.VectorNames[0], err)
	}
	return nil
}

func (p *pieces) ReadSum(dst []float32, first int, sum uint32) (uint32, error) {
	if err := p.Read(dst, first); err != nil {
		return 0, err
	}
	return crc32.Update(sum, castagnoli, bytesOf(dst)), nil
}

func (p *pieces) CheckSums(parts []record.PartSum) error {
	if sum, n := joinSums(parts); sum == p.want && n == len(p.values) {
		p.s.setVerified(p.j, 1)
		return nil
	}
	// Sums of another process can be wrong where the vector is not.
	if err := p.Verify(); err != nil {
		return err
	}
	return fmt.Errorf("arrowfile: %s: row %d: %s: %w", p.s.path, p.s.first+int64(p.j), record.VectorNames[0],
		record.ErrPartSums)
}

func (p *pieces) Verify() error {
	if p.s.isVerified(p.j, 1) {
		return nil
	}
	var sum uint32
	if fault := catchFaults(func() { sum = crc32.Checksum(bytesOf(p.values), castagnoli) }); fault != nil {
		return p.s.damageAt(p.j, p.at, "%w", fault)
	}
	if sum != p.want {
		return p.s.damageAt(p.j, p.at, "%s does not match its checksum", record.VectorNames[0])
	}
	p.s.setVerified(p.j, 1)
	return nil
}

func (p *pieces) Prefetch(first, end int) {
	if first < end {
		p.s.src.(pieceSource).prefetch(p.at+4*int64(first), 4*int64(end-first))
	}
}

const (
	// largeRow is the size from which it matters what is read around a few bytes.
	largeRowBytes = 1 << 20
	// rowEnds is more than there is before and after the vectors of a row.
	rowEndBytes = 8 << 10
)

// fetchEnds has the system read what is at the ends of a large row, all of its
// scalars, when they are looked at for the first time. To look at them without
// would have it read megabytes around them, and wait for that.
func (s *segment) prefetchEnds(j int) {
	src, able := s.src.(pieceSource)
	if !able || j >= s.rows() || s.isVerified(j, partScalars) {
		return
	}
	if first, end := s.offsets[j], s.offsets[j+1]; end-first >= largeRowBytes {
		src.prefetch(first, rowEndBytes)
		src.prefetch(end-rowEndBytes, rowEndBytes)
	}
}
