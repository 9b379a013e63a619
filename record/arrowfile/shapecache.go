package arrowfile

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// shapeCache remembers the metadata of rows that were found to be what the
// header implies. All rows with the same absent values have the same metadata,
// so that nearly every row is recognized by one comparison.
type shapeCache struct {
	mu    sync.Mutex
	known atomic.Pointer[[]shape]
}

type shape struct {
	meta  []byte
	nulls nullSet
}

// maxShapes bounds the cache. A run has two or three shapes.
const maxShapes = 32

// parse is parseBatch with a memory.
func (s *shapeCache) parse(meta []byte, c *columns) (nullSet, error) {
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
	var list []shape
	if known := s.known.Load(); known != nil {
		list = *known
	}
	if len(list) < maxShapes {
		list = append(list[:len(list):len(list)], shape{bytes.Clone(meta), nulls})
		s.known.Store(&list)
	}
	return nulls, nil
}
