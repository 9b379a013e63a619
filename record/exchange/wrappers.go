package exchange

import (
	"slices"
	"strings"
)

// reserved are the parts of a tensor's name that PyTorch's wrappers add and no model
// has by itself: torch.compile, FSDP, activation checkpointing and Lightning.
var reserved = []string{"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}

// parallel is the part that DataParallel and AveragedModel add. A model may use it
// too, so that it is a wrapper only where all parameters have it at the same place.
const parallel = "module"

// unwrap removes the parts of names that wrappers around the model added, in front and
// inside: the model that evaluates a loss later has none. Names that the layout file
// has stay, and so do those of our own files.
func (s *checkpoints) unwrap(c *container) error {
	if _, ours := c.metadata[metaHeader]; ours {
		return nil
	}
	if s.layout != nil && slices.ContainsFunc(c.arrays, func(a array) bool { return s.layout.has(a.name) }) {
		return nil
	}
	removed := map[string]bool{}
	for {
		rename := s.wrapperIn(c)
		if rename == nil {
			break
		}
		for i := range c.arrays {
			a := &c.arrays[i]
			var part string
			if a.name, part = rename(a.name); part != "" {
				removed[part+"."] = true
			}
			if a.same != "" {
				a.same, _ = rename(a.same)
			}
		}
	}
	if len(removed) == 0 {
		return nil
	}
	seen := map[string]bool{}
	for _, a := range c.arrays {
		if seen[a.name] {
			return c.errorf("two tensors have the name %q once the prefixes of wrappers are removed; leave one out with --exclude", a.name)
		}
		seen[a.name] = true
	}
	for _, part := range append(slices.Clone(reserved), parallel) {
		if removed[part+"."] {
			c.note("the prefix %q of a wrapper is removed from the names of the tensors", part+".")
		}
	}
	return nil
}

// wrapperIn returns a function that removes a wrapper's part from a name and returns
// the part; nil where the names have none.
func (s *checkpoints) wrapperIn(c *container) func(string) (string, string) {
	for _, part := range reserved {
		if slices.ContainsFunc(c.arrays, func(a array) bool { return slices.Contains(innerParts(a.name), part) }) {
			return func(name string) (string, string) {
				inner := innerParts(name)
				kept := slices.DeleteFunc(slices.Clone(inner), func(p string) bool { return p == part })
				if len(kept) == len(inner) {
					return name, ""
				}
				return strings.Join(append(kept, name[strings.LastIndexByte(name, '.')+1:]), "."), part
			}
		}
	}
	prefix, ok := s.parallelPrefix(c)
	if !ok {
		return nil
	}
	return func(name string) (string, string) {
		if rest, ok := strings.CutPrefix(name, prefix+parallel+"."); ok {
			return prefix + rest, parallel
		}
		return name, ""
	}
}

// parallelPrefix returns what stands in front of "module." in the names of all
// parameters: "", or "model." in a Lightning checkpoint.
func (s *checkpoints) parallelPrefix(c *container) (string, bool) {
	prefix, found := "", false
	for i := range c.arrays {
		a := &c.arrays[i]
		if !s.usable(a) {
			continue // a counter such as n_averaged
		}
		if !found {
			at := slices.Index(innerParts(a.name), parallel)
			if at < 0 {
				return "", false
			}
			for _, p := range innerParts(a.name)[:at] {
				prefix += p + "."
			}
			found = true
		}
		if !strings.HasPrefix(a.name, prefix+parallel+".") {
			return "", false
		}
	}
	return prefix, found
}

// innerParts are the parts of a name except the last one, which is the tensor's own.
func innerParts(name string) []string {
	parts := strings.Split(name, ".")
	return parts[:len(parts)-1]
}
