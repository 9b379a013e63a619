package exchange

import (
	"slices"
	"strings"
)

// wrapperParts are the parts of a tensor's name that only wrappers of PyTorch add:
// torch.compile, FSDP, activation checkpointing and Lightning. A model has no such names.
var wrapperParts = []string{"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}

// parallelPart is the part that DataParallel and AveragedModel add. A model may use this
// name too, so it counts as a wrapper only if all parameters have it at the same place.
const parallelPart = "module"

// removeWrapperParts removes the parts of names that wrappers around the model added,
// because the model that evaluates a loss later has no wrappers. It keeps the names that
// the layout file has, and the names in files of this program.
func (s *checkpoints) removeWrapperParts(c *container) error {
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
			if a.tiedTo != "" {
				a.tiedTo, _ = rename(a.tiedTo)
			}
		}
	}
	if len(removed) == 0 {
		return nil
	}
	seen := map[string]bool{}
	for _, a := range c.arrays {
		if seen[a.name] {
			return c.errorf("two tensors have the name %q after the prefixes of wrappers are removed; leave one out "+
				"with --exclude", a.name)
		}
		seen[a.name] = true
	}
	for _, part := range append(slices.Clone(wrapperParts), parallelPart) {
		if removed[part+"."] {
			c.note("the prefix %q of a wrapper is removed from the names of the tensors", part+".")
		}
	}
	return nil
}

// wrapperIn returns a function that removes one wrapper's part from a name and also
// returns the part, or nil when no name has such a part.
func (s *checkpoints) wrapperIn(c *container) func(string) (string, string) {
	for _, part := range wrapperParts {
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
		if rest, ok := strings.CutPrefix(name, prefix+parallelPart+"."); ok {
			return prefix + rest, parallelPart
		}
		return name, ""
	}
}

// parallelPrefix returns the prefix before "module." that the names of all parameters
// share: "", or "model." in a Lightning checkpoint.
func (s *checkpoints) parallelPrefix(c *container) (string, bool) {
	prefix, found := "", false
	for i := range c.arrays {
		a := &c.arrays[i]
		if !s.isTensor(a) {
			continue // a counter such as n_averaged
		}
		if !found {
			at := slices.Index(innerParts(a.name), parallelPart)
			if at < 0 {
				return "", false
			}
			for _, p := range innerParts(a.name)[:at] {
				prefix += p + "."
			}
			found = true
		}
		if !strings.HasPrefix(a.name, prefix+parallelPart+".") {
			return "", false
		}
	}
	return prefix, found
}

// innerParts returns the parts of a name without the last one, which names the tensor
// within its module.
func innerParts(name string) []string {
	parts := strings.Split(name, ".")
	return parts[:len(parts)-1]
}
