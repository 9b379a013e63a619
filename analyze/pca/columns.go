package pca

import (
	"fmt"
	"slices"

	"sgdwalk/record"
)

// span is a range of coordinates of theta: first included, end not.
type span struct{ first, end int }

// choose returns the coordinates that take part, as spans in order that do not
// touch, and the names of the tensors in and out.
func choose(layout record.Layout, o *Options) (spans []span, in, out []string, err error) {
	for _, name := range o.Tensors {
		if _, ok := layout.Lookup(name); !ok {
			names := make([]string, len(layout))
			for i, t := range layout {
				names[i] = t.Name
			}
			return nil, nil, nil, fmt.Errorf("pca: tensors has %q; the run has %q", name, names)
		}
	}
	kinds, err := o.Kinds.list()
	if err != nil {
		return nil, nil, nil, err
	}
	for _, t := range layout {
		taken := slices.Contains(kinds, t.Kind)
		if len(o.Tensors) > 0 {
			taken = slices.Contains(o.Tensors, t.Name)
		}
		if !taken {
			out = append(out, t.Name)
			continue
		}
		in = append(in, t.Name)
		if n := len(spans); n > 0 && spans[n-1].end == t.Offset {
			spans[n-1].end += t.Len()
		} else {
			spans = append(spans, span{t.Offset, t.Offset + t.Len()})
		}
	}
	if len(spans) == 0 {
		return nil, nil, nil, fmt.Errorf("pca: kinds is %q, and no tensor of the run is of these kinds; %q takes "+
			"every coordinate", o.Kinds, All)
	}
	return spans, in, out, nil
}

// block is a range of coordinates that is worked on at a time, and the part of
// it that takes part, relative to its first coordinate.
type block struct {
	span
	in    []span
	index int // of the block
}

func (b block) len() int { return b.end - b.first }

// blocks cuts p coordinates into pieces of the given width.
func blocks(p, width int, taken []span) []block {
	var l []block
	for first := 0; first < p; first += width {
		b := block{span: span{first, min(first+width, p)}, index: len(l)}
		for _, s := range taken {
			if lo, hi := max(s.first, b.first), min(s.end, b.end); lo < hi {
				b.in = append(b.in, span{lo - first, hi - first})
			}
		}
		l = append(l, b)
	}
	return l
}

// inside returns the number of coordinates of the block that take part.
func (b block) inside() int {
	n := 0
	for _, s := range b.in {
		n += s.end - s.first
	}
	return n
}

// out returns the part of the block that takes no part.
func (b block) out() []span {
	var out []span
	next := 0
	for _, s := range append(b.in[:len(b.in):len(b.in)], span{b.len(), b.len()}) {
		if s.first > next {
			out = append(out, span{next, s.first})
		}
		next = s.end
	}
	return out
}
