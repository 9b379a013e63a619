package exchange

import "sgdwalk/record"

// ties are names of tensors that a file of the series has for the same values. A
// safetensors file keeps one name of them, and not always the same one.
type ties map[string]string // from a name to the first name that was met for its values

// learn remembers the names that a file ties.
func (t ties) learn(c *container) {
	for _, a := range c.arrays {
		if a.same == "" {
			continue
		}
		from, to := t.first(a.name), t.first(a.same)
		for name, first := range t {
			if first == from {
				t[name] = to
			}
		}
		t[from], t[a.name], t[to] = to, to, to
	}
}

func (t ties) first(name string) string {
	if first, ok := t[name]; ok {
		return first
	}
	return name
}

// rename gives a tensor the name of a tensor of the run that another file ties it to. The
// file lacks that name, and the run lacks the tensor's own name.
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
		c.note("tensor %q is taken for %q: another file has the same values under both names", a.name, name)
		a.name = name
	}
}
