package main

import "testing"

// TestVectorInstructions compares the words of instructions with those of the GNU
// assembler.
func TestVectorInstructions(t *testing.T) {
	for _, c := range []struct {
		instruction vectorInstruction
		operands    []string
		want        string
	}{
		{fadd, []string{"V29", "V2", "V1"}, "\tWORD $0x4e3dd441 // FADD V1.4S, V2.4S, V29.4S\n"},
		{fsub, []string{"V29", "V2", "V1"}, "\tWORD $0x4ebdd441 // FSUB V1.4S, V2.4S, V29.4S\n"},
		{fmul, []string{"V29", "V2", "V1"}, "\tWORD $0x6e3ddc41 // FMUL V1.4S, V2.4S, V29.4S\n"},
		{fmla0, []string{"V29", "V2", "V1"}, "\tWORD $0x4f9d1041 // FMLA V1.4S, V2.4S, V29.S[0]\n"},
		{fcmgt, []string{"V29", "V2", "V1"}, "\tWORD $0x6ebde441 // FCMGT V1.4S, V2.4S, V29.4S\n"},
		{fcmeq, []string{"V29", "V2", "V1"}, "\tWORD $0x4e3de441 // FCMEQ V1.4S, V2.4S, V29.4S\n"},
		{bic, []string{"V29", "V2", "V1"}, "\tWORD $0x4e7d1c41 // BIC V1.16B, V2.16B, V29.16B\n"},
		{fcmleZero, []string{"V29", "V1"}, "\tWORD $0x6ea0dba1 // FCMLE V1.4S, V29.4S, #0.0\n"},
	} {
		a := &assembly{isa: neon}
		a.vector(c.instruction, c.operands...)
		if got := a.String(); got != c.want {
			t.Errorf("%s\nwant\n%s", got, c.want)
		}
	}
}
