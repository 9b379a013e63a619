package exchange

import (
	"fmt"
	"slices"
	"strings"

	"sgdwalk/record"
)

// wrappers are what modules around the model put before the names of all tensors:
// DataParallel and torch.compile. The model that evaluates a loss later has none.
var wrappers = []string{"module.", "_orig_mod."}

// unwrap takes the prefixes of wrappers off, unless the layout file has them or the
// file is one of ours, whose names are those of its header.
func (s *checkpoints) unwrap(c *container) {
	if _, ours := c.metadata[metaHeader]; ours || len(c.arrays) == 0 {
		return
	}
	for again := true; again; {
		again = false
		for _, prefix := range wrappers {
			lacks := func(a array) bool { return len(a.name) <= len(prefix) || !strings.HasPrefix(a.name, prefix) }
			known := func(a array) bool { return s.layout != nil && s.layout.has(a.name) }
			if slices.ContainsFunc(c.arrays, lacks) || slices.ContainsFunc(c.arrays, known) {
				continue
			}
			for i := range c.arrays {
				a := &c.arrays[i]
				a.name, a.same = a.name[len(prefix):], strings.TrimPrefix(a.same, prefix)
			}
			c.note("the prefix %q is taken off the names of the tensors", prefix)
			again = true
		}
	}
}

// taken returns the arrays of a file that are tensors of the run.
func (s *checkpoints) taken(c *container) []*array {
	var out []*array
	names := map[string]bool{}
	for i := range c.arrays {
		a := &c.arrays[i]
		if a.element.isFloat() && !slices.Contains(a.shape, 0) && !s.excluded(a.name) && !s.tied(a, names) {
			out = append(out, a)
			names[a.name] = true
		}
	}
	return out
}

// tied reports whether an array is left out because another one, by the layout file
// or among those that are taken, has its values.
func (s *checkpoints) tied(a *array, taken map[string]bool) bool {
	if s.layout != nil {
		return a.same != "" && !s.layout.has(a.name)
	}
	return taken[a.same]
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
	taken := map[string]bool{}
	for _, a := range s.taken(c) {
		taken[a.name] = true
		if t := a.element.name; t != "float32" {
			if s.converted[t]++; s.converted[t] == 1 {
				s.conversions = append(s.conversions, t)
			}
		}
	}
	for i := range c.arrays {
		a := &c.arrays[i]
		if s.excluded(a.name) || s.left[a.name] || taken[a.name] {
			continue
		}
		s.left[a.name] = true
		switch {
		case !a.element.isFloat():
			s.warn("array %q of type %s is left out: parameters are floating-point numbers", a.name, a.element.name)
		case slices.Contains(a.shape, 0):
			s.warn("tensor %q of shape %v is left out: it has no elements", a.name, a.shape)
		default:
			s.warn("tensor %q is left out: its values are those of %q", a.name, a.same)
		}
	}
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
