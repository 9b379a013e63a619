package kernel

import (
	"syscall"
	"unsafe"
)

const page = 4096

// guarded returns n elements between two unmapped pages, at the end or at the
// beginning of their mapping. An access beyond that end is a fault, which ends
// the test binary.
func guarded[T Float](t interface{ Cleanup(func()) }, n int, atEnd bool) []T {
	var v T
	size := n * int(unsafe.Sizeof(v))
	inner := (size + page) / page * page
	memory, err := syscall.Mmap(-1, 0, inner+2*page, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(memory) })
	for _, guard := range [][]byte{memory[:page], memory[page+inner:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			panic(err)
		}
	}
	start := page
	if atEnd {
		start += inner - size
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&memory[start])), n)
}
