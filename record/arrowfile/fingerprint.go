package arrowfile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"sgdwalk/record/internal/mapped"
)

// Fingerprint returns a hash of the run's identity and of the checksums of all rows, which
// cover all values except the wall time. Two recordings with equal fingerprints have equal
// rows. It does not read the vectors; a damaged vector is found when it is read.
func (r *Reader) Fingerprint() (string, error) {
	h := sha256.New()
	h.Write(r.run.id[:])
	for i := range r.Len() {
		crc, err := r.rowChecksum(i)
		if err != nil {
			return "", err
		}
		h.Write(binary.LittleEndian.AppendUint32(nil, crc))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// rowChecksum returns the verified checksum of row i.
func (r *Reader) rowChecksum(i int) (crc uint32, err error) {
	s, j, err := r.locate(i)
	if err != nil {
		return 0, err
	}
	s.prefetchEnds(j)
	fault := mapped.Catch(func() {
		var v rowView
		var sc scalars
		if v, err = s.row(j); err == nil {
			sc, err = s.verifiedScalars(j, v)
		}
		crc = uint32(sc.words[fieldCRC])
	})
	if fault != nil {
		err = s.damageAt(j, 0, "%w", fault)
	}
	return crc, err
}
