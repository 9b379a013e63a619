package arrowfile

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// metadataCache remembers metadata of rows that was verified against the header. All rows
// with the same absent values have the same metadata, so one comparison suffices for
// nearly every row.
type metadataCache struct {
	mu    sync.Mutex
	known atomic.Pointer[[]knownMetadata]
}

// knownMetadata is verified metadata, and the absent values that it means.
type knownMetadata struct {
	meta  []byte
	nulls nullSet
}

// maxKnown bounds the cache. A run has two or three different metadata.
const maxKnown = 32

// parse does what parseBatch does, but first searches the cache.
func (s *metadataCache) parse(meta []byte, c *columns) (nullSet, error) {
	known := s.known.Load()
	if known != nil {
		for _, k := range *known {
			if bytes.Equal(k.meta, meta) {
				return k.nulls, nil
			}
		}
	}
	nulls, err := parseBatch(meta, c)
	if err != nil {
		return 0, err
	}
	// The list is copied on write, so that readers need no lock. Two goroutines may add the
	// same metadata, which costs only an entry.
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []knownMetadata
	if known := s.known.Load(); known != nil {
		list = *known
	}
	if len(list) < maxKnown {
		list = append(list[:len(list):len(list)], knownMetadata{bytes.Clone(meta), nulls})
		s.known.Store(&list)
	}
	return nulls, nil
}
