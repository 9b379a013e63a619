package align

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sgdwalk/record"
)

// ErrNoAxes is wrapped by the error of New when no tensor names its axes.
var ErrNoAxes = errors.New("no tensor names its axes")

// maxUnits bounds the units of one name: the search needs a matrix of units x units.
const maxUnits = 8192

// Specification says which axes of which tensors have the same hidden units. It does not
// change after New and is safe for concurrent use.
type Specification struct {
	theta, state record.Layout
	units        []Units
	inTheta      []tensorAxes // of each tensor of theta
	inState      []tensorAxes
}

// Units are hidden units that are permuted together.
type Units struct {
	Name    string
	Count   int
	Tensors []string // of theta, which have these units on an axis
}

// tensorAxes are the axes of a tensor.
type tensorAxes []axis

// axis is an axis of a tensor with its units.
type axis struct {
	length, outer, inner int
	parts                []part
}

// part is a range of the units of an axis.
type part struct {
	units int // index in Specification.units; -1 for units that are never permuted
	start int // among the units of the axis
	count int
}

// width returns the number of units of the axis.
func (a *axis) width() int { return a.length / (a.outer * a.inner) }

// New reads the specification of a model from the names of axes in the layouts of theta and
// of the running statistics, which it borrows. Tensors without names are not permuted. The
// error names the tensor, the axis and what does not fit: lengths that differ, a name that no
// other axis has, or a tensor of theta or state without names although others have them. It
// wraps ErrNoAxes when there are no names at all.
func New(theta, state record.Layout) (*Specification, error) {
	r := &reader{counts: make(map[string]int), first: make(map[string]string), times: make(map[string]int)}
	var names [2][][]axisName
	for i, l := range []record.Layout{theta, state} {
		if err := l.Validate(); err != nil {
			return nil, fmt.Errorf("align: %w", err)
		}
		for _, t := range l {
			parsed, err := r.parse(t)
			if err != nil {
				return nil, fmt.Errorf("align: %w", err)
			}
			names[i] = append(names[i], parsed)
		}
	}
	if len(r.order) == 0 {
		return nil, fmt.Errorf("align: %w", ErrNoAxes)
	}
	for _, t := range slices.Concat(theta, state) {
		if len(t.Axes) == 0 && len(t.Shape) > 0 {
			return nil, fmt.Errorf("align: %s names no axes, and other tensors do: name its %d axes, with null for an axis "+
				"that is never permuted", t.Name, len(t.Shape))
		}
	}
	if err := r.solve(); err != nil {
		return nil, fmt.Errorf("align: %w", err)
	}
	s := &Specification{theta: theta, state: state}
	index := make(map[string]int)
	for _, name := range r.order {
		switch n := r.counts[name]; {
		case slices.Contains(fixedNames, name):
			index[name] = -1
		case r.times[name] < 2:
			return nil, fmt.Errorf("align: %s has the units %q, which no other axis has: hidden units are an axis of at least "+
				"two tensors; is the name misspelt?", r.first[name], name)
		case n > maxUnits:
			return nil, fmt.Errorf("align: %s has %d units %q; at most %d can be permuted: leave the name of the axis empty",
				r.first[name], n, name, maxUnits)
		default:
			index[name] = len(s.units)
			s.units = append(s.units, Units{Name: name, Count: n})
		}
	}
	if len(s.units) == 0 {
		return nil, fmt.Errorf("align: the axes name no hidden units, only %s", strings.Join(r.order, ", "))
	}
	s.inTheta, s.inState = r.axes(theta, names[0], index), r.axes(state, names[1], index)
	for i, t := range theta {
		for u := range s.inTheta[i].units() {
			s.units[u].Tensors = append(s.units[u].Tensors, t.Name)
		}
	}
	for _, u := range s.units {
		if len(u.Tensors) == 0 {
			return nil, fmt.Errorf("align: only running statistics have the units %q; no tensor of theta has them", u.Name)
		}
	}
	return s, nil
}

// Units returns all hidden units, in the order in which the tensors name them. The slice is
// borrowed.
func (s *Specification) Units() []Units { return s.units }

// units returns the indices of the units of a tensor.
func (t tensorAxes) units() map[int]bool {
	found := make(map[int]bool)
	for _, a := range t {
		for _, p := range a.parts {
			if p.units >= 0 {
				found[p.units] = true
			}
		}
	}
	return found
}

// reader finds how many units every name has.
type reader struct {
	order  []string          // of the names
	counts map[string]int    // units of every name that is known so far
	first  map[string]string // where it was first
	times  map[string]int    // axes that have it
	open   []openAxis
}

// openAxis is an axis that may have names with an unknown number of units.
type openAxis struct {
	where string
	names []string
	width int // units of all names
}

// parse reads the names of the axes of a tensor.
func (r *reader) parse(t record.Tensor) ([]axisName, error) {
	names := make([]axisName, len(t.Axes))
	for k, text := range t.Axes {
		where := fmt.Sprintf("axis %d of %s", k, t.Name)
		a, err := parseAxis(text)
		if err != nil {
			return nil, fmt.Errorf("%s is named %q: %w", where, text, err)
		}
		names[k] = a
		if a.names == nil {
			continue
		}
		if block := a.outer * a.inner; t.Shape[k]%block != 0 {
			return nil, fmt.Errorf("%s is named %q, but its length %d is not a multiple of %d", where, text, t.Shape[k], block)
		}
		for _, name := range a.names {
			if r.times[name]++; r.times[name] == 1 {
				r.order, r.first[name] = append(r.order, name), where
			}
		}
		r.open = append(r.open, openAxis{where, a.names, t.Shape[k] / (a.outer * a.inner)})
	}
	return names, nil
}

// solve finds the numbers of units: an axis with one unknown name determines it. Then it
// compares all axes with the numbers.
func (r *reader) solve() error {
	for progress := true; progress; {
		progress = false
		for _, a := range r.open {
			known, unknown := r.sum(a.names)
			if len(unknown) != 1 {
				continue
			}
			if known >= a.width {
				return fmt.Errorf("%s has %d units, and the names besides %q have %d already", a.where, a.width, unknown[0],
					known)
			}
			r.counts[unknown[0]], r.first[unknown[0]], progress = a.width-known, a.where, true
		}
	}
	for _, a := range r.open {
		sum, unknown := r.sum(a.names)
		switch {
		case len(unknown) > 0:
			return fmt.Errorf("how many units %q has does not follow from the axes: give the units of %s one name, or use "+
				"%q alone on another axis", unknown[0], a.where, unknown[0])
		case sum == a.width:
		case len(a.names) == 1:
			return fmt.Errorf("%s has %d units %q; %s has %d", a.where, a.width, a.names[0], r.first[a.names[0]], sum)
		default:
			return fmt.Errorf("%s has %d units; %s have %d", a.where, a.width, strings.Join(a.names, " and "), sum)
		}
	}
	return nil
}

// sum returns the units of the names that are known, and the unknown names.
func (r *reader) sum(names []string) (known int, unknown []string) {
	for _, name := range names {
		if n, ok := r.counts[name]; ok {
			known += n
		} else {
			unknown = append(unknown, name)
		}
	}
	return known, unknown
}

// axes returns the axes of the tensors of a layout.
func (r *reader) axes(l record.Layout, names [][]axisName, index map[string]int) []tensorAxes {
	all := make([]tensorAxes, len(l))
	for i, t := range l {
		all[i] = make(tensorAxes, len(t.Shape))
		for k, n := range names[i] {
			a := axis{length: t.Shape[k], outer: n.outer, inner: n.inner}
			start := 0
			for _, name := range n.names {
				a.parts = append(a.parts, part{index[name], start, r.counts[name]})
				start += r.counts[name]
			}
			all[i][k] = a
		}
	}
	return all
}
