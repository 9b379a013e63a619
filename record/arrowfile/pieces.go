package arrowfile

import (
	"fmt"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
)

// pieces is theta of a row, for reading piece by piece.
type pieces struct {
	s      *segment
	j      int
	at     int64     // offset of the vector in the file
	values []float32 // view of the vector
	want   uint32    // checksum of the vector
}

var _ record.Pieces = (*pieces)(nil)

// pieceSource is a source that can read without a memory map.
type pieceSource interface {
	// readAt reads into b, without making the map resident.
	readAt(b []byte, off int64) error
	// prefetch asks the system to read n bytes from off on, and does not wait.
	prefetch(off, n int64)
}

// ThetaPieces returns theta of row i for reading piece by piece; nil when the row has no
// theta. The scalars are verified, the values are not yet. A vector with 16-bit elements in
// the file is converted and verified at once.
func (r *Reader) ThetaPieces(i int) (out record.Pieces, err error) {
	s, j, err := r.locate(i)
	if err != nil {
		return nil, err
	}
	_, isPieceSource := s.src.(pieceSource)
	if !isPieceSource || s.run.columns.exists[0] && s.run.columns.ofVector(0).kind == kindHalf {
		theta, err := record.ThetaOf(r, i)
		if theta == nil || err != nil {
			return nil, err
		}
		return record.VerifiedPieces(theta), nil
	}
	var p *pieces
	fault := mapped.Catch(func() { p, err = s.pieces(j) })
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

// Len returns the number of elements.
func (p *pieces) Len() int { return len(p.values) }

// Values returns the vector in the mapped file.
func (p *pieces) Values() []float32 { return p.values }

// Read reads the file through a descriptor, so that the map does not become resident.
func (p *pieces) Read(dst []float32, first int) error {
	if err := p.s.src.(pieceSource).readAt(bytesOf(dst), p.at+4*int64(first)); err != nil {
		return p.s.damageAt(p.j, p.at, "%s: %w", record.VectorNames[0], err)
	}
	return nil
}

// ReadSum reads and continues the CRC-32C of the part.
func (p *pieces) ReadSum(dst []float32, first int, sum uint32) (uint32, error) {
	if err := p.Read(dst, first); err != nil {
		return 0, err
	}
	return checksum(sum, bytesOf(dst)), nil
}

// CheckSums joins the checksums of the parts and compares them with that of the vector. When
// they differ, it reads the vector to find out which of the two is wrong.
func (p *pieces) CheckSums(parts []record.PartSum) error {
	if sum, n := joinSums(parts); sum == p.want && n == len(p.values) {
		p.s.setVerified(p.j, 1)
		return nil
	}
	// The sums of another process can be wrong although the vector is intact.
	if err := p.Verify(); err != nil {
		return err
	}
	return fmt.Errorf("arrowfile: %s: row %d: %s: %w", p.s.path, p.s.first+int64(p.j), record.VectorNames[0],
		record.ErrPartSums)
}

// Verify reads the vector through the map, unless it was verified before.
func (p *pieces) Verify() error {
	if p.s.isVerified(p.j, 1) {
		return nil
	}
	var sum uint32
	if fault := mapped.Catch(func() { sum = checksum(0, bytesOf(p.values)) }); fault != nil {
		return p.s.damageAt(p.j, p.at, "%w", fault)
	}
	if sum != p.want {
		return p.s.damageAt(p.j, p.at, "%s does not match its checksum", record.VectorNames[0])
	}
	p.s.setVerified(p.j, 1)
	return nil
}

// Prefetch asks the system to read ahead.
func (p *pieces) Prefetch(first, end int) {
	if first < end {
		p.s.src.(pieceSource).prefetch(p.at+4*int64(first), 4*int64(end-first))
	}
}

const (
	// largeRowBytes is the size of a row from which its ends are worth a separate read.
	largeRowBytes = 1 << 20
	// rowEndBytes is an upper bound of the bytes before and after the vectors of a row.
	rowEndBytes = 8 << 10
)

// prefetchEnds asks the system to read the two ends of a large row, where its scalars are,
// before they are read for the first time. Without it the system would read megabytes
// around them, and the caller would wait.
func (s *segment) prefetchEnds(j int) {
	src, isPieceSource := s.src.(pieceSource)
	if !isPieceSource || j >= s.rows() || s.isVerified(j, partScalars) {
		return
	}
	if first, end := s.offsets[j], s.offsets[j+1]; end-first >= largeRowBytes {
		src.prefetch(first, rowEndBytes)
		src.prefetch(end-rowEndBytes, rowEndBytes)
	}
}
