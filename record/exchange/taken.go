package exchange

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/record"
)

// usable reports whether an array can be a tensor of the run.
func (s *checkpoints) usable(a *array) bool {
	return a.element.isFloat() && !slices.Contains(a.shape, 0) && !s.excluded(a.name)
}

// taken returns the arrays of a file that are tensors of the run, in the order of the
// file. Of several names for the same values (tied tensors) one is taken: the one that
// the layout has, else the first.
func (s *checkpoints) taken(c *container) []*array {
	known := s.known()
	aliases := map[string]bool{} // the first names of values that a known name has
	for i := range c.arrays {
		if a := &c.arrays[i]; s.usable(a) && known(a.name) {
			aliases[first(a)] = true
		}
	}
	var out []*array
	for i := range c.arrays {
		a := &c.arrays[i]
		if !s.usable(a) || !known(a.name) && aliases[first(a)] {
			continue
		}
		aliases[first(a)] = true
		out = append(out, a)
	}
	return out
}

// first is the first name of an array's values in its file.
func first(a *array) string {
	if a.same != "" {
		return a.same
	}
	return a.name
}

// known returns what tells the names of the run's tensors: those of the layout file, or
// of the first checkpoint. For the first checkpoint itself no name is known.
func (s *checkpoints) known() func(name string) bool {
	switch {
	case s.layout != nil:
		return s.layout.has
	case s.header != nil:
		return func(name string) bool { return s.names[name] }
	}
	return func(string) bool { return false }
}

func (s *checkpoints) excluded(name string) bool {
	return slices.ContainsFunc(s.options.Exclude, func(p string) bool { return record.MatchName(p, name) })
}

// notice counts what is converted and warns of what is left out, once for each
// array however many files have it.
func (s *checkpoints) notice(c *container) {
	for _, note := range c.notes {
		if !s.noted[note] {
			s.noted[note] = true
			s.warn("%s", note)
		}
	}
	taken, names := map[string]bool{}, map[string]string{} // and the name under which values are taken
	for _, a := range s.taken(c) {
		taken[a.name], names[first(a)] = true, a.name
		if t := a.element.name; t != "float32" {
			if s.converted[t]++; s.converted[t] == 1 {
				s.conversions = append(s.conversions, t)
			}
		}
	}
	var others byType
	for i := range c.arrays {
		a := &c.arrays[i]
		if s.excluded(a.name) || s.left[a.name] || taken[a.name] {
			continue
		}
		s.left[a.name] = true
		switch {
		case !a.element.isFloat():
			others.add(a)
		case slices.Contains(a.shape, 0):
			s.warn("tensor %q of shape %v is left out: it has no elements", a.name, a.shape)
		default:
			s.warn("tensor %q is left out: its values are those of %q", a.name, names[first(a)])
		}
	}
	for _, name := range others.types {
		s.warn("%s", leftOut(name, others.names[name]))
	}
}

// byType are the names of arrays by the type of their elements.
type byType struct {
	types []string // in the order in which they came
	names map[string][]string
}

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

// leftOut says why arrays of a type are not recorded: one line for all of them, since
// every normalization layer has a counter.
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
	return fmt.Sprintf("%d arrays of type %s are left out: %s (%s)", len(names), typeName, reason, strings.Join(listed, ", "))
}

// sayConversions warns of types that are converted, and has the header say so too.
func (s *checkpoints) sayConversions() {
	var all []string
	for _, t := range s.conversions {
		text := conversion(t, fmt.Sprintf("tensors of all files: %d", s.converted[t]))
		s.warn("%s", text)
		all = append(all, text)
	}
	if s.header.Comment != "" {
		all = slices.Insert(all, 0, s.header.Comment)
	}
	s.header.Comment = strings.Join(all, "; ")
}

// conversion says in words what becomes of values of a type.
func conversion(from, of string) string {
	if from == "float64" {
		return fmt.Sprintf("float64 is rounded to float32 (%s)", of)
	}
	return fmt.Sprintf("%s is widened to float32, exactly (%s)", from, of)
}
