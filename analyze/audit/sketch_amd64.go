//go:build !noasm

package audit

import "golang.org/x/sys/cpu"

var hasAssembly = cpu.X86.HasAVX2

// facts are collected by addBlocksAVX2, one number for each lane of a register.
type facts struct {
	or, and [8]uint32
}

// addBlocksAVX2 adds n blocks of 16 elements to a table of rows of 16 numbers. state is the key
// plus golden times the index of the first block.
//
//go:noescape
func addBlocksAVX2(table *float64, rows, state uint64, x *float32, n uint64, f *facts)

// addBlocks adds whole blocks of 16 elements. It has the same bits as addBlocksGo, because every
// number of the table is added to by the blocks in their order.
func (s *Sketch) addBlocks(x []float32) {
	if !hasAssembly || len(x) == 0 {
		s.addBlocksGo(x)
		return
	}
	var f facts
	for l := range f.and {
		f.and[l] = s.and
	}
	n := len(x) / lanes
	addBlocksAVX2(&s.table[0], uint64(len(s.table)/lanes), s.key+s.block*golden, &x[0], uint64(n), &f)
	s.block += uint64(n)
	for l := range f.or {
		s.or |= f.or[l]
		s.and &= f.and[l]
	}
}
