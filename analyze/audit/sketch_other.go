//go:build !amd64 || noasm

package audit

// addBlocks adds whole blocks of 16 elements.
func (s *Sketch) addBlocks(x []float32) { s.addBlocksGo(x) }
