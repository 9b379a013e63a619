package landscape

import "testing"

func TestParsePair(t *testing.T) {
	for _, c := range []struct {
		text string
		low  int
		want [2]int
		ok   bool
	}{
		{"", 1, [2]int{1, 2}, true},
		{"3,1", 1, [2]int{3, 1}, true},
		{"1,-1", -MaxEigenvector, [2]int{1, -1}, true},
		{"1,-1", 1, [2]int{}, false},
		{"1,1", 1, [2]int{}, false},
		{"1,+1", 1, [2]int{}, false},
		{"0,1", -1, [2]int{}, false},
		{"1,51", 1, [2]int{}, false},
		{"1", 1, [2]int{}, false},
		{"1,2,3", 1, [2]int{}, false},
		{"a,b", 1, [2]int{}, false},
	} {
		got, err := ParsePair("--components", c.text, c.low)
		if (err == nil) != c.ok || c.ok && got != c.want {
			t.Errorf("ParsePair(%q, %d) is %v, %v; want %v", c.text, c.low, got, err, c.want)
		}
	}
}

func TestParsePoint(t *testing.T) {
	for _, c := range []struct {
		text, run string
		step      int64
		ok        bool
	}{
		{"12", "", 12, true},
		{"-1", "", -1, true},
		{"@3", "", 3, true},
		{"run", "run", -1, true},
		{"a@b@4", "a@b", 4, true},
		{"run@-1", "run", -1, true},
		{"run@-2", "", 0, false},
		{"run@x", "", 0, false},
	} {
		run, step, err := ParsePoint(c.text)
		if (err == nil) != c.ok || c.ok && (run != c.run || step != c.step) {
			t.Errorf("ParsePoint(%q) is %q, %d, %v; want %q, %d", c.text, run, step, err, c.run, c.step)
		}
	}
}
