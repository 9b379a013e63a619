package audit

import (
	"slices"

	"sgdwalk/record/exchange"
)

// mostContents is the number of contents, tensors times checkpoints, up to which rare tensors
// are examined too.
const mostContents = 1 << 22

// withoutRare leaves out the tensors that fewer than one in 16 checkpoints have, if the series has
// too many of them: the memory of an audit grows with the number of different tensors times the
// number of checkpoints. It returns the names that are left out, and the catalog itself when
// there are none.
func withoutRare(c *exchange.Catalog, most int) (*exchange.Catalog, []string) {
	const share = 16
	n := len(c.Entries)
	counts := map[string]int{}
	var names []string
	for i := range c.Entries {
		for _, t := range c.Entries[i].Tensors {
			if counts[t.Name]++; counts[t.Name] == 1 {
				names = append(names, t.Name)
			}
		}
	}
	if len(names)*n <= most {
		return c, nil
	}
	isRare := func(name string) bool { return counts[name]*share < n }
	rare := slices.DeleteFunc(names, func(name string) bool { return !isRare(name) })
	if len(rare) == 0 {
		return c, nil
	}
	kept := *c
	kept.Entries = slices.Clone(c.Entries)
	for i := range kept.Entries {
		e := &kept.Entries[i]
		e.Tensors = slices.DeleteFunc(slices.Clone(e.Tensors), func(t exchange.TensorEntry) bool { return isRare(t.Name) })
	}
	return &kept, rare
}
