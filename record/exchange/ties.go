package exchange

import "sgdwalk/record"

// ties groups the names of tensors that share their values in some file of the series. It
// is needed because a safetensors file keeps only one of these names, and not every file
// keeps the same one.
type ties map[string]string // from a name to the first name found for its values

// add adds the names that a file ties.
func (t ties) add(c *container) {
	for _, a := range c.arrays {
		if a.tiedTo == "" {
			continue
		}
		from, to := t.first(a.name), t.first(a.tiedTo)
		for name, first := range t {
			if first == from {
				t[name] = to
			}
		}
		t[from], t[a.name], t[to] = to, to, to
	}
}

// first returns the first name found for the values of a name; the name itself when it is not tied.
func (t ties) first(name string) string {
	if first, ok := t[name]; ok {
		return first
	}
	return name
}

// rename gives a tensor of a file the name that the run uses for its values. It applies
// only when the file lacks that name, and the run lacks the tensor's name.
func (t ties) rename(c *container, wanted []record.Tensor) {
	if len(t) == 0 {
		return
	}
	have, known := map[string]bool{}, map[string]bool{}
	for _, a := range c.arrays {
		have[a.name] = true
	}
	missing := map[string]string{} // by the first name of their values
	for _, w := range wanted {
		if known[w.Name] = true; !have[w.Name] {
			missing[t.first(w.Name)] = w.Name
		}
	}
	for i := range c.arrays {
		a := &c.arrays[i]
		name, ok := missing[t.first(a.name)]
		if !ok || known[a.name] {
			continue
		}
		delete(missing, t.first(a.name))
		c.note("tensor %q is read as %q: another file has the same values under both names", a.name, name)
		a.name = name
	}
}
