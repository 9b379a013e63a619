package audit

import (
	"bytes"
	"slices"
	"testing"
)

func TestTableOfFindings(t *testing.T) {
	s := Summary{List: []Finding{
		{
			Check: SameTensor, Severity: Fault, Step: 20, Steps: []int64{0, 20}, Tensors: []string{"=a", "b\x1b[1m"},
			File: "run/step20.bin", FitsStep: optional(0), OrSteps: []int64{30, 40}, Value: some(0), Expected: some(1.5), Text: "equal, bit for bit",
		},
		{Check: UndecidedOrder, Severity: Event, Step: -1, Text: "no order"},
	}}
	table := s.Table()
	var b bytes.Buffer
	if err := table.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	const want = "check,severity,step,steps,tensors,file,value,expected,fits_step,or_steps,text\n" +
		"same_tensor,error,20,0 20,'=a; b\\x1b[1m,run/step20.bin,0,1.5,0,30 40,\"equal, bit for bit\"\n" +
		"undecided_order,event,,,,,,,,,no order\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	empty := new(Summary).Table()
	if err := empty.Validate(); err != nil || len(empty.Columns) != 11 {
		t.Errorf("without findings: %d columns, %v", len(empty.Columns), err)
	}
}

func TestAffected(t *testing.T) {
	for _, c := range []struct {
		finding Finding
		want    []int64
	}{
		{Finding{Check: SameCheckpoint, Step: 20, Steps: []int64{0, 20}}, []int64{20}},
		{Finding{Check: OtherBranch, Step: 20, Steps: []int64{10, 20}}, []int64{20}},
		{Finding{Check: WrongOrder, Step: 10, Steps: []int64{10, 20}}, []int64{10, 20}},
		{Finding{Check: Rounded, Step: 10, Steps: []int64{10, 20}}, []int64{10, 20}},
		{Finding{Check: Unreadable, Step: 0}, []int64{0}},
		{Finding{Check: Frozen, Step: -1}, nil},
	} {
		if got := c.finding.Affected(); !slices.Equal(got, c.want) {
			t.Errorf("%s: steps %v, want %v", c.finding.Check, got, c.want)
		}
	}
}
