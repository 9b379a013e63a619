package report

import (
	"math"
	"strconv"
	"strings"
)

// dash is the text of an absent number.
const dash = "\u2013"

// short formats a number with four digits, and a whole number with all its digits.
func short(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "+Inf"
	case math.IsInf(x, -1):
		return "-Inf"
	case x == math.Trunc(x) && math.Abs(x) < 1e15:
		return grouped(int64(x))
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// grouped formats a whole number with commas between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	head := len(s)
	first := 1
	if n < 0 {
		first = 2
	}
	for head -= 3; head >= first; head -= 3 {
		s = s[:head] + "," + s[head:]
	}
	return s
}

// words returns a snake_case name with spaces instead of underscores.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// sentence returns the text with a capital first letter and a full stop at the end.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	if c := s[0]; c >= 'a' && c <= 'z' {
		s = string(c-'a'+'A') + s[1:]
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?:") {
		s += "."
	}
	return s
}
