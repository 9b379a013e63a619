package arrowfile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Fingerprint returns a hash of the rows: of the run's identity and of every row's
// checksum, under which each of its values is, the wall time excepted. Two
// recordings with one fingerprint have the same rows. Vectors are not read for it;
// one that does not fit its checksum is met when it is read.
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
	fault := catchFaults(func() {
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
