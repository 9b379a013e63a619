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
