package arrowfile

import (
	"path/filepath"
	"runtime"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/recordtest"
)

// FuzzSegment reads any bytes in the place of the fixture's first segment.
// Nothing may panic, take memory beyond what the file's size explains, or hand
// out a value that was not recorded.
func FuzzSegment(f *testing.F) { fuzzSegment(f, newest) }

// FuzzHalf is the same with vectors in two bytes an element.
func FuzzHalf(f *testing.F) { fuzzSegment(f, fixtures[2]) }

func fuzzSegment(f *testing.F, fixture fixture) {
	first := mustRead(f, filepath.Join(fixture.dir, segmentName(0)))
	second := mustRead(f, filepath.Join(fixture.dir, segmentName(1)))
	_, rows := fixture.run()
	f.Add(first)
	f.Add(first[:len(first)-20])
	f.Add(first[:3000])
	f.Add(first[:100])
	f.Add([]byte{})
	f.Add(second)
	for _, at := range []int{12, 1548, 2700, len(first) - 1500, len(first) - 9} {
		b := append([]byte(nil), first...)
		b[at] ^= 0x40
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		source := func(path string) (byteSource, error) {
			if filepath.Base(path) == segmentName(0) {
				return memorySource(b), nil
			}
			return memorySource(second), nil
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := open(fixture.dir, source)
		if err == nil {
			for i := range min(r.Len(), 1000) {
				got, err := r.Read(i, record.AllParts)
				if err != nil {
					continue
				}
				if i >= len(rows) {
					t.Fatalf("row %d was read; %d were recorded", i, len(rows))
				}
				if d := recordtest.Diff(&got, &rows[i]); d != "" {
					t.Fatalf("row %d: %s", i, d)
				}
			}
			r.Close()
		}
		if _, err := check(fixture.dir, func(error) {}, source); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 4<<20+20*uint64(len(b)) {
			t.Errorf("%d bytes of a file cost %d bytes of memory", len(b), taken)
		}
	})
}
