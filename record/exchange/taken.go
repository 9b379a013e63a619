package exchange

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/record"
)

// isTensor reports whether an array can be a tensor of the run.
func (s *checkpoints) isTensor(a *array) bool {
	return a.element.isFloat() && !slices.Contains(a.shape, 0) && !s.excluded(a.name)
}

// tensorsOf returns the arrays of a file that are tensors of the run, in the order of the
// file. When several names share the same values (tied tensors), it returns only one of
// them: the name that the layout has, otherwise the first.
func (s *checkpoints) tensorsOf(c *container) []*array {
	known := s.knownNames()
	aliases := map[string]bool{} // first names of the values that are already taken
	for i := range c.arrays {
		if a := &c.arrays[i]; s.isTensor(a) && known(a.name) {
			aliases[firstName(a)] = true
		}
	}
	var out []*array
	for i := range c.arrays {
		a := &c.arrays[i]
		if !s.isTensor(a) || !known(a.name) && aliases[firstName(a)] {
			continue
		}
		aliases[firstName(a)] = true
		out = append(out, a)
	}
	return out
}

// firstName returns the first name that the file has for the values of an array.
func firstName(a *array) string {
	if a.tiedTo != "" {
		return a.tiedTo
	}
	return a.name
}

// knownNames returns a function that reports whether a tensor of the run has this name. The
// layout file or the first checkpoint decides; for the first checkpoint itself no name is
// known.
func (s *checkpoints) knownNames() func(name string) bool {
	switch {
	case s.layout != nil:
		return s.layout.has
	case s.header != nil:
		return func(name string) bool { return s.tensorNames[name] }
	}
	return func(string) bool { return false }
}

// excluded reports whether the options leave out a tensor with this name.
func (s *checkpoints) excluded(name string) bool {
	return slices.ContainsFunc(s.options.Exclude, func(p string) bool { return record.MatchName(p, name) })
}

// warnAboutArrays counts conversions, and adds warnings about arrays that are left out,
// one for each name, even if many files have the array.
func (s *checkpoints) warnAboutArrays(c *container) {
	for _, note := range c.notes {
		if !s.seenNotes[note] {
			s.seenNotes[note] = true
			s.warn("%s", note)
		}
	}
	// names: from the first name of values to the name in the run
	taken, names := map[string]bool{}, map[string]string{}
	for _, a := range s.tensorsOf(c) {
		taken[a.name], names[firstName(a)] = true, a.name
		if t := a.element.name; t != "float32" {
			if s.converted[t]++; s.converted[t] == 1 {
				s.conversions = append(s.conversions, t)
			}
		}
	}
	var others byType
	for i := range c.arrays {
		a := &c.arrays[i]
		if s.excluded(a.name) || s.warnedArrays[a.name] || taken[a.name] {
			continue
		}
		s.warnedArrays[a.name] = true
		switch {
		case !a.element.isFloat():
			others.add(a)
		case slices.Contains(a.shape, 0):
			s.warn("tensor %q of shape %v is left out: it has no elements", a.name, a.shape)
		default:
			s.warn("tensor %q is left out: it shares its values with %q", a.name, names[firstName(a)])
		}
	}
	for _, name := range others.types {
		s.warn("%s", leftOut(name, others.names[name]))
	}
}

// byType groups the names of arrays by the type of their elements.
type byType struct {
	types []string // in the order in which they were found
	names map[string][]string
}

// add adds the name of an array.
func (b *byType) add(a *array) {
	if b.names == nil {
		b.names = make(map[string][]string)
	}
	t := a.element.name
	if b.names[t] == nil {
		b.types = append(b.types, t)
	}
	b.names[t] = append(b.names[t], a.name)
}

// leftOut explains why arrays of a type are not recorded. It is one sentence for all of
// them, because every normalization layer has a counter of type int64.
func leftOut(typeName string, names []string) string {
	reason := "parameters are floating-point numbers"
	if strings.HasPrefix(typeName, "complex") || typeName == "C64" {
		reason = "complex tensors are not recorded; torch.view_as_real makes pairs of real numbers, which are"
	}
	if len(names) == 1 {
		return fmt.Sprintf("array %q of type %s is left out: %s", names[0], typeName, reason)
	}
	const most = 3
	listed := make([]string, 0, most+1)
	for _, name := range names[:min(most, len(names))] {
		listed = append(listed, strconv.Quote(name))
	}
	if n := len(names) - most; n > 0 {
		listed = append(listed, fmt.Sprintf("and %d more", n))
	}
	return fmt.Sprintf("%d arrays of type %s are left out: %s (%s)", len(names), typeName, reason, strings.Join(listed,
		", "))
}

// warnAboutConversions adds a warning for each type that is converted, also to the comment
// in the header.
func (s *checkpoints) warnAboutConversions() {
	var all []string
	for _, t := range s.conversions {
		text := describeConversion(t, fmt.Sprintf("tensors of all files: %d", s.converted[t]))
		s.warn("%s", text)
		all = append(all, text)
	}
	if s.header.Comment != "" {
		all = slices.Insert(all, 0, s.header.Comment)
	}
	s.header.Comment = strings.Join(all, "; ")
}

// describeConversion says how values of a type are converted to float32.
func describeConversion(from, of string) string {
	if from == "float64" {
		return fmt.Sprintf("float64 is rounded to float32 (%s)", of)
	}
	return fmt.Sprintf("%s is widened to float32, exactly (%s)", from, of)
}
