//go:build !noasm

#include "textflag.h"

// fold takes 128 bytes at a time: each of the eight registers is the remainder of its 16 bytes moved by 128 bytes,
// plus the next 16. One product moves the lower half of a register, the other product the upper half. The prefetch
// is a page ahead, because the processor itself does not look beyond the page that it reads.
// func fold(state *foldState, p *byte, n int)
TEXT ·fold(SB), NOSPLIT, $0-24
	MOVQ state+0(FP), DI
	MOVQ p+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVDQU ·foldBy(SB), X8
	VMOVDQU (DI), X0
	VMOVDQU 16(DI), X1
	VMOVDQU 32(DI), X2
	VMOVDQU 48(DI), X3
	VMOVDQU 64(DI), X4
	VMOVDQU 80(DI), X5
	VMOVDQU 96(DI), X6
	VMOVDQU 112(DI), X7
block:
	PREFETCHT0 4096(SI)
	PREFETCHT0 4160(SI)
	VPCLMULQDQ $0x00, X0, X8, X9
	VPCLMULQDQ $0x11, X0, X8, X0
	VPCLMULQDQ $0x00, X1, X8, X10
	VPCLMULQDQ $0x11, X1, X8, X1
	VPCLMULQDQ $0x00, X2, X8, X11
	VPCLMULQDQ $0x11, X2, X8, X2
	VPCLMULQDQ $0x00, X3, X8, X12
	VPCLMULQDQ $0x11, X3, X8, X3
	VPXOR (SI), X9, X9
	VPXOR 16(SI), X10, X10
	VPXOR 32(SI), X11, X11
	VPXOR 48(SI), X12, X12
	VPXOR X9, X0, X0
	VPXOR X10, X1, X1
	VPXOR X11, X2, X2
	VPXOR X12, X3, X3
	VPCLMULQDQ $0x00, X4, X8, X9
	VPCLMULQDQ $0x11, X4, X8, X4
	VPCLMULQDQ $0x00, X5, X8, X10
	VPCLMULQDQ $0x11, X5, X8, X5
	VPCLMULQDQ $0x00, X6, X8, X11
	VPCLMULQDQ $0x11, X6, X8, X6
	VPCLMULQDQ $0x00, X7, X8, X12
	VPCLMULQDQ $0x11, X7, X8, X7
	VPXOR 64(SI), X9, X9
	VPXOR 80(SI), X10, X10
	VPXOR 96(SI), X11, X11
	VPXOR 112(SI), X12, X12
	VPXOR X9, X4, X4
	VPXOR X10, X5, X5
	VPXOR X11, X6, X6
	VPXOR X12, X7, X7
	ADDQ $128, SI
	SUBQ $128, CX
	JNZ block
	VMOVDQU X0, (DI)
	VMOVDQU X1, 16(DI)
	VMOVDQU X2, 32(DI)
	VMOVDQU X3, 48(DI)
	VMOVDQU X4, 64(DI)
	VMOVDQU X5, 80(DI)
	VMOVDQU X6, 96(DI)
	VMOVDQU X7, 112(DI)
	RET
