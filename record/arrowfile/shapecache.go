package arrowfile

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// shapeCache remembers the metadata of rows that were found to be what the
// header implies. All rows with the same absent values have the same metadata,
// so that nearly every row is recognized by one comparison.
type metadataCache struct {
	mu    sync.Mutex
	known atomic.Pointer[[]knownMetadata]
}

type knownMetadata struct {
	meta  []byte
	nulls nullSet
}

// maxShapes bounds the cache. A run has two or three shapes.
const maxKnown = 32

// parse is parseBatch with a memory.
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
