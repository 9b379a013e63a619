package arrowfile

import (
	"testing"
)

func TestRoundTrip(t *testing.T) {
	h := testHeader(5)
	rows := testRows(h, 7)
	for name, opts := range map[string]Options{"one segment": {}, "many segments": {SegmentBytes: 8000}, "one row a segment": {SegmentBytes: 1}} {
		t.Run(name, func(t *testing.T) {
			r := mustOpen(t, writeRun(t, h, rows, opts))
			if r.Len() != len(rows) || !r.Finished() || !r.Closed() || r.Torn() != 0 {
				t.Fatalf("%d rows, finished %v, closed %v, torn %d; want %d, true, true, 0", r.Len(), r.Finished(), r.Closed(), r.Torn(), len(rows))
			}
			t.Log(r.Segments(), r.Bytes())
			for i, want := range rows {
				got, err := r.At(i)
				if err != nil {
					t.Fatal(err)
				}
				if !sameStep(got, want) {
					t.Errorf("row %d: got %+v, want %+v", i, got, want)
				}
			}
		})
	}
}
