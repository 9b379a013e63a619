package align

import (
	"fmt"
	"strconv"
	"strings"
)

// fixedNames are the units that are never permuted: the inputs and the classes.
var fixedNames = []string{"input", "output"}

// axisName is a parsed name of an axis: the units of several names one after the other. Each
// unit has inner consecutive elements, and all of that is there outer times. No names mean an
// axis without units.
type axisName struct {
	names        []string
	outer, inner int
}

// parseAxis reads a name such as "c1", "c1*25", "4*(c1+c2)" or "".
func parseAxis(text string) (a axisName, err error) {
	a = axisName{outer: 1, inner: 1}
	if text == "" {
		return a, nil
	}
	for factor := range strings.SplitSeq(text, "*") {
		factor = strings.TrimSpace(factor)
		if n, err := strconv.Atoi(factor); err == nil {
			side := &a.outer
			if a.names != nil {
				side = &a.inner
			}
			if n < 1 || n > maxFactor/max(*side, 1) {
				return a, fmt.Errorf("the factor %d must be 1 to %d", n, maxFactor)
			}
			*side *= n
			continue
		}
		if a.names != nil {
			return a, fmt.Errorf("only one factor may have names; write units that follow each other as (x+y)")
		}
		inside, open := strings.CutPrefix(factor, "(")
		inside, closed := strings.CutSuffix(inside, ")")
		if a.names = strings.Split(inside, "+"); open != closed || len(a.names) > 1 && !open && factor != strings.TrimSpace(text) {
			return a, fmt.Errorf("brackets are missing; write 4*(x+y)")
		}
		for i, name := range a.names {
			name = strings.TrimSpace(name)
			if name == "" || strings.ContainsAny(name, "()") {
				return a, fmt.Errorf("%q is not a name of units", name)
			}
			if _, err := strconv.Atoi(name); err == nil {
				return a, fmt.Errorf("%q is a number; names of units need another character", name)
			}
			a.names[i] = name
		}
	}
	if a.names == nil {
		return a, fmt.Errorf("it has no name of units; an axis without units is null or empty")
	}
	return a, nil
}

// maxFactor bounds the elements of a unit on one axis.
const maxFactor = 1 << 30
