//go:build !noasm

#include "textflag.h"

DATA iota<>+0(SB)/4, $0
DATA iota<>+4(SB)/4, $1
DATA iota<>+8(SB)/4, $2
DATA iota<>+12(SB)/4, $3
DATA iota<>+16(SB)/4, $4
DATA iota<>+20(SB)/4, $5
DATA iota<>+24(SB)/4, $6
DATA iota<>+28(SB)/4, $7
DATA iota<>+32(SB)/4, $8
DATA iota<>+36(SB)/4, $9
DATA iota<>+40(SB)/4, $10
DATA iota<>+44(SB)/4, $11
DATA iota<>+48(SB)/4, $12
DATA iota<>+52(SB)/4, $13
DATA iota<>+56(SB)/4, $14
DATA iota<>+60(SB)/4, $15
GLOBL iota<>(SB), RODATA|NOPTR, $64

// HALF adds 8 elements at OFFSET of x to the 8 numbers at DST. SHIFT has the lane numbers, Y0 the
// signs in all lanes, Y1 the permutation.
#define HALF(OFFSET, SHIFT, DST) \
	VMOVUPS OFFSET(SI), Y2 \
	VPOR Y2, Y8, Y8 \
	VPAND Y2, Y9, Y9 \
	VPSLLVD SHIFT, Y0, Y3 \
	VPAND Y12, Y3, Y3 \
	VPXOR Y3, Y2, Y2 \
	VPERMPS Y2, Y1, Y2 \
	VEXTRACTF128 $1, Y2, X4 \
	VCVTPS2PD X2, Y3 \
	VCVTPS2PD X4, Y4 \
	VADDPD (DST), Y3, Y3 \
	VADDPD 32(DST), Y4, Y4 \
	VMOVUPD Y3, (DST) \
	VMOVUPD Y4, 32(DST)

// func addBlocksAVX2(table *float64, rows, state uint64, x *float32, n uint64, f *facts)
//
// AX is the hash of a block. Y8 and Y9 collect or and and; Y12 has the sign bit, Y13 and Y14 the
// lane numbers.
TEXT ·addBlocksAVX2(SB), NOSPLIT, $0-48
	MOVQ table+0(FP), DI
	MOVQ rows+8(FP), R8
	MOVQ state+16(FP), R9
	MOVQ x+24(FP), SI
	MOVQ n+32(FP), CX
	MOVQ f+40(FP), DX

	MOVQ $0x9e3779b97f4a7c15, R10
	MOVQ $0xbf58476d1ce4e5b9, R11
	MOVQ $0x94d049bb133111eb, R12

	VMOVDQU  0(DX), Y8
	VMOVDQU  32(DX), Y9
	VPCMPEQD Y12, Y12, Y12
	VPSLLD   $31, Y12, Y12
	VMOVDQU  iota<>+0(SB), Y13
	VMOVDQU  iota<>+32(SB), Y14

loop:
	ADDQ  R10, R9
	MOVQ  R9, AX
	MOVQ  R9, BX
	SHRQ  $30, BX
	XORQ  BX, AX
	IMULQ R11, AX
	MOVQ  AX, BX
	SHRQ  $27, BX
	XORQ  BX, AX
	IMULQ R12, AX
	MOVQ  AX, BX
	SHRQ  $31, BX
	XORQ  BX, AX

	// signs in all lanes
	VMOVD        AX, X0
	VPBROADCASTD X0, Y0

	// permutation within 8 lanes: lane m comes from lane m^turn
	MOVQ         AX, BX
	SHRQ         $16, BX
	MOVQ         BX, R13
	ANDQ         $7, BX
	VMOVD        BX, X1
	VPBROADCASTD X1, Y1
	VPXOR        Y13, Y1, Y1

	// row, and the half of the row for the first 8 elements
	SHRQ  $32, AX
	IMULQ R8, AX
	SHRQ  $32, AX
	SHLQ  $7, AX
	ADDQ  DI, AX
	ANDQ  $8, R13
	SHLQ  $3, R13
	LEAQ  (AX)(R13*1), BX
	XORQ  $64, R13
	ADDQ  R13, AX

	HALF(0, Y13, BX)
	HALF(32, Y14, AX)

	ADDQ $64, SI
	DECQ CX
	JNZ  loop

	VMOVDQU Y8, 0(DX)
	VMOVDQU Y9, 32(DX)
	VZEROUPPER
	RET
