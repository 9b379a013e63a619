package optim

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestScheduleFactors(t *testing.T) {
	// 10 updates in an epoch, 100 in the run.
	for _, c := range []struct {
		text string
		want map[int64]float64
	}{
		{"constant", map[int64]float64{0: 1, 50: 1, 99: 1}},
		{"step:3:0.1", map[int64]float64{0: 1, 29: 1, 30: 0.1, 59: 0.1, 60: 0.01, 90: 0.001}},
		{"step:0.5:0.5", map[int64]float64{0: 1, 4: 1, 5: 0.5, 10: 0.25}},
		{"at:2,5:0.1", map[int64]float64{0: 1, 19: 1, 20: 0.1, 49: 0.1, 50: 0.01, 99: 0.01}},
		{"cosine", map[int64]float64{0: 1, 25: (1 + math.Sqrt2/2) / 2, 50: 0.5, 75: (1 - math.Sqrt2/2) / 2, 100: 0}},
		{"cosine:0.2", map[int64]float64{0: 1, 50: 0.6, 100: 0.2}},
		{"warmup:4", map[int64]float64{0: 0.2, 1: 0.4, 2: 0.6, 3: 0.8, 4: 1, 5: 1}},
		{"warmup:20+cosine", map[int64]float64{0: 1. / 21, 19: 20. / 21, 20: 1, 60: 0.5, 100: 0}},
		{"warmup:30+step:3:0.1", map[int64]float64{0: 0.1 / 31, 29: 3. / 31, 30: 0.1, 60: 0.01}},
		{"warmup:200+cosine", map[int64]float64{0: 1. / 201, 99: 100. / 201}},
		{"linear", map[int64]float64{0: 1, 25: 0.75, 99: 0.01, 100: 0}},
		{"linear:0.2", map[int64]float64{0: 1, 50: 0.6, 100: 0.2}},
		{"warmup:20+linear", map[int64]float64{0: 1. / 21, 19: 20. / 21, 20: 1, 60: 0.5, 96: 0.05}},
		{"wsd:0.2", map[int64]float64{0: 1, 80: 1, 81: 0.95, 90: 0.5, 99: 0.05}},
		{"wsd:0.25:0.1", map[int64]float64{0: 1, 75: 1, 80: 0.82, 99: 0.136}},
		{"wsd:1", map[int64]float64{0: 1, 50: 0.5}},
		{"wsd:0.005", map[int64]float64{98: 1, 99: 1}}, // less than a step
		{"warmup:10+wsd:0.2", map[int64]float64{0: 1. / 11, 9: 10. / 11, 10: 1, 80: 1, 90: 0.5}},
		{"warmup:90+wsd:0.2", map[int64]float64{0: 0.5 / 91, 90: 0.5, 95: 0.25}},
		// The way up ends at step 0.3*100-1 = 29, the way down at step 99.
		{"onecycle", map[int64]float64{0: 0.04, 29: 1, 64: (1 + 0.04/1e4) / 2, 99: 0.04 / 1e4}},
		{"onecycle:0.61", map[int64]float64{0: 0.04, 20: 0.04 + 0.96*0.25, 30: 0.52, 60: 1, 99: 0.04 / 1e4}},
		{"onecycle:0.01", map[int64]float64{0: 1, 99: 0.04 / 1e4}},
	} {
		s, err := ParseSchedule(c.text)
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range c.want {
			if got := s.Factor(k, 10, 100); math.Abs(got-want) > 1e-12 {
				t.Errorf("%s: factor of step %d is %v, want %v", c.text, k, got, want)
			}
		}
	}
	// Epochs of an optimizer with an inner loop need not have a whole number of
	// steps.
	s, _ := ParseSchedule("step:2:0.1")
	if a, b := s.Factor(4, 2.5, 100), s.Factor(5, 2.5, 100); a != 1 || math.Abs(b-0.1) > 1e-12 {
		t.Errorf("factors before and after 2 epochs of 2.5 steps are %v and %v", a, b)
	}
}

func TestScheduleTextForm(t *testing.T) {
	for text, want := range map[string]string{
		"": "constant", "constant": "constant", "cosine": "cosine", "cosine:0": "cosine", "cosine:0.10": "cosine:0.1",
		"step:30:.1": "step:30:0.1", "at:150,225:0.1": "at:150,225:0.1",
		"linear:0": "linear", "linear:.5": "linear:0.5", "wsd:0.20": "wsd:0.2", "wsd:0.2:0": "wsd:0.2", "wsd:1:.1": "wsd:1:0.1",
		"onecycle": "onecycle", "onecycle:0.30": "onecycle", "onecycle:0.5": "onecycle:0.5",
		"warmup:100": "warmup:100+constant", "warmup:100+cosine:0.5": "warmup:100+cosine:0.5",
	} {
		s, err := ParseSchedule(text)
		if err != nil || s.String() != want {
			t.Errorf("%q becomes %q (%v), want %q", text, s, err, want)
		}
	}
	if (Schedule{}).String() != "constant" || (Schedule{}).Factor(5, 1, 10) != 1 {
		t.Error("the zero schedule is not constant")
	}
	rapid.Check(t, func(t *rapid.T) {
		number := func(label string) string {
			return strconv.FormatFloat(rapid.Float64Range(1e-3, 1).Draw(t, label), 'g', -1, 64)
		}
		text := rapid.SampledFrom([]string{
			"constant", "cosine", "cosine:" + number("floor"), "step:" + number("epochs") + ":" + number("factor"),
			fmt.Sprintf("at:%v,%v:%s",
				rapid.IntRange(1, 9).Draw(t, "first"), rapid.IntRange(10, 20).Draw(t, "second"), number("factor")),
			"linear", "linear:" + number("floor"), "wsd:" + number("share"), "wsd:" + number("share") + ":" + number("floor"),
			"onecycle", "onecycle:" + number("share"),
		}).Draw(t, "shape")
		if n := rapid.IntRange(0, 50).Draw(t, "warmup"); n > 0 && !strings.HasPrefix(text, "onecycle") {
			text = fmt.Sprintf("warmup:%d+%s", n, text)
		}
		s, err := ParseSchedule(text)
		if err != nil || s.String() != text {
			t.Fatalf("%q becomes %q: %v", text, s, err)
		}
		for k := range int64(101) {
			if f := s.Factor(k, 5, 100); !(f >= 0 && f <= 1) {
				t.Fatalf("%s: factor of step %d is %v", s, k, f)
			}
		}
	})
}

func TestScheduleErrors(t *testing.T) {
	for text, want := range map[string]string{
		"triangle": `optim: learning-rate schedule "triangle": schedule is "triangle"; allowed is ` +
			ScheduleForms,
		"linear:2":                    `floor is "2"; allowed is a number from 0 to 1`,
		"wsd":                         `schedule is "wsd"`,
		"wsd:":                        `share of the decay is ""; allowed is a number above 0, at most 1`,
		"wsd:0":                       `share of the decay is "0"`,
		"wsd:1.5":                     `share of the decay is "1.5"`,
		"wsd:NaN":                     `share of the decay is "NaN"`,
		"wsd:0.5:-1":                  `floor is "-1"`,
		"onecycle:0":                  `share of the way up is "0"`,
		"onecycle:x":                  `share of the way up is "x"`,
		"warmup:5+onecycle":           `schedule is "onecycle"`,
		"constant:1":                  `schedule is "constant:1"`,
		"step":                        `schedule is "step:"`,
		"step:30":                     `schedule is "step:30"`,
		"step:0:0.1":                  `number of epochs is "0"; allowed is a finite number above 0`,
		"step:NaN:0.1":                `number of epochs is "NaN"`,
		"step:30:-1":                  `factor is "-1"; allowed is a finite number above 0`,
		"step:30:x":                   `factor is "x"`,
		"step:1,2:0.1":                `number of epochs is "1,2"`,
		"at:3,2:0.1":                  `number of epochs is "2"; allowed is more than the one before it`,
		"at:3,3:0.1":                  `number of epochs is "3"; allowed is more than the one before it`,
		"at::0.1":                     `number of epochs is ""`,
		"cosine:2":                    `floor is "2"; allowed is a number from 0 to 1`,
		"cosine:":                     `floor is ""`,
		"cosine:NaN":                  `floor is "NaN"`,
		"warmup:0":                    `number of warm-up steps is "0"; allowed is a whole number from 1 on`,
		"warmup:1.5":                  `number of warm-up steps is "1.5"`,
		"warmup:10+":                  `schedule after the warm-up is ""`,
		"warmup:5+warmup:5":           `schedule is "warmup:5"`,
		"warmup:5+step:1":             `schedule is "step:1"`,
		"cosine+constant":             `schedule is "cosine+constant"`,
		"step:1e999:0.1":              `number of epochs is "1e999"`,
		"warmup:99999999999999999999": `number of warm-up steps is "99999999999999999999"`,
	} {
		_, err := ParseSchedule(text)
		var oe *OptionError
		if !errors.As(err, &oe) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSchedule(%q): %v, want %q", text, err, want)
		}
	}
}
