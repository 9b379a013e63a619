//go:build unix

package arrowfile

func (s *mapSource) pieceCount() int { return len(s.list()) }
