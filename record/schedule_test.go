package record_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sgdwalk/record"
)

func TestScheduleKeep(t *testing.T) {
	// Ten steps an epoch.
	for text, want := range map[string][]int64{
		"every:7":             {0, 7, 14, 21, 28},
		"first:3":             {0, 1, 2},
		"log:1":               {0, 1, 10},
		"log:2":               {0, 1, 3, 10},
		"log:3":               {0, 1, 2, 5, 10, 22},
		"steps:5":             {0, 5},
		"steps:5-7,20":        {0, 5, 6, 7, 20},
		"epochs:2":            {0, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19},
		"first:2+every:10":    {0, 1, 10, 20},
		"steps:29+epochs:9-9": {0, 29},
	} {
		s := mustSchedule(t, text)
		var got []int64
		for k := range int64(30) {
			if s.Keep(k, int32(1+k/10)) {
				got = append(got, k)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s keeps %v, want %v", text, got, want)
			continue
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s keeps %v, want %v", text, got, want)
				break
			}
		}
	}
	var all record.Schedule
	for _, s := range []record.Schedule{all, mustSchedule(t, ""), mustSchedule(t, "every:1")} {
		for k := range int64(20) {
			if !s.Keep(k, 1) {
				t.Errorf("%v does not keep step %d", s, k)
			}
		}
		if !s.Equal(all) || s.String() != "every:1" {
			t.Errorf("%v is not the schedule of every step", s)
		}
	}
}

// TestScheduleLog compares log:N with the rounded powers, counted up.
func TestScheduleLog(t *testing.T) {
	for n := 1; n <= 60; n++ {
		want := map[int64]bool{0: true}
		for i := 0; ; i++ {
			step := int64(math.Round(math.Pow(10, float64(i)/float64(n))))
			if step > 20_000 {
				break
			}
			want[step] = true
		}
		s := mustSchedule(t, "log:"+itoa(n))
		for k := range int64(20_001) {
			if s.Keep(k, 1) != want[k] {
				t.Fatalf("log:%d: step %d is kept: %v, want %v", n, k, s.Keep(k, 1), want[k])
			}
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// TestScheduleText: the text form reads back to a schedule that keeps the same.
func TestScheduleText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []string
		for range rapid.IntRange(1, 4).Draw(t, "rules") {
			n := itoa(rapid.IntRange(1, 50).Draw(t, "n"))
			switch kind := rapid.SampledFrom([]string{"every", "first", "log", "steps", "epochs"}).Draw(t,
				"kind"); kind {
			case "steps", "epochs":
				a := rapid.IntRange(1, 50).Draw(t, "a")
				parts = append(parts, kind+":"+n+","+itoa(a)+"-"+itoa(a+rapid.IntRange(0, 9).Draw(t, "more")))
			default:
				parts = append(parts, kind+":"+n)
			}
		}
		text := strings.Join(parts, "+")
		s, err := record.ParseSchedule(text)
		if err != nil {
			t.Fatal(err)
		}
		var again record.Schedule
		b, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalText(b); err != nil {
			t.Fatal(err)
		}
		if !s.Equal(again) {
			t.Fatalf("%q became %v", text, again)
		}
		for k := range int64(120) {
			if s.Keep(k, int32(1+k/10)) != again.Keep(k, int32(1+k/10)) {
				t.Fatalf("%q and %v differ at step %d", text, again, k)
			}
		}
	})
}

func TestScheduleRefuses(t *testing.T) {
	for _, text := range []string{
		"always", "every", "every:", "every:0", "every:-1", "every:1.5", "first:x", "log:0", "steps:", "steps:-1",
		"steps:5-3",
		"steps:1,,2", "epochs:0", "epochs:2-", "every:2+", "+every:2", "every:2 + first:1",
		"every:99999999999999999999",
	} {
		s, err := record.ParseSchedule(text)
		if err == nil {
			t.Errorf("%q was taken as %v", text, s)
		} else if !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("the error should name %q in one line: %v", text, err)
		}
	}
}
