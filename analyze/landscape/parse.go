package landscape

import (
	"strconv"
	"strings"

	"sgdwalk/record"
)

// MaxEigenvector is the highest number of a principal direction or an eigenvector of a plane.
const MaxEigenvector = 50

// ParsePair reads the numbers of the two directions of a plane, such as "1,-1". They must
// differ, must not be 0, and must be from low to MaxEigenvector. An empty text means "1,2"; name
// is what the error calls the text.
func ParsePair(name, text string, low int) (pair [2]int, err error) {
	if text == "" {
		return [2]int{1, 2}, nil
	}
	words := strings.Split(text, ",")
	isValid := len(words) == 2 && words[0] != words[1]
	for i := 0; isValid && i < 2; i++ {
		pair[i], err = strconv.Atoi(words[i])
		isValid = err == nil && pair[i] != 0 && pair[i] >= low && pair[i] <= MaxEigenvector
	}
	if !isValid || pair[0] == pair[1] {
		return pair, record.Optionf("%s is %q; it must be two different whole numbers of %d to %d, for example 1,2",
			name, text, low, MaxEigenvector)
	}
	return pair, nil
}

// ParsePoint reads a point of a plane: STEP of the analyzed run, RUN@STEP, or RUN for its last
// iterate. The run is empty for the analyzed one, and step -1 is the last iterate.
func ParsePoint(text string) (run string, step int64, err error) {
	if step, err = strconv.ParseInt(text, 10, 64); err == nil && step >= -1 {
		return "", step, nil
	}
	i := strings.LastIndexByte(text, '@')
	if i < 0 {
		return text, -1, nil
	}
	if step, err = strconv.ParseInt(text[i+1:], 10, 64); err != nil || step < -1 {
		return "", 0, record.Optionf("point %q: %q is not a step; it must be a whole number of 0 or more, or -1 for the last",
			text, text[i+1:])
	}
	return text[:i], step, nil
}
