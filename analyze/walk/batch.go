package walk

import "sgdwalk/record"

// batch is a list of points on several segments, and the span that has them. Consecutive
// segments share the iterate between them.
type batch struct {
	w         *evaluator
	places    []place
	points    map[int]int // index of the iterate of a row in the span
	gradients map[int]int // index of the gradient of a row
	span      record.Span
}

// place is a point of a batch: point from of the span, plus scale times the difference to
// another point or times a gradient.
type place struct {
	from, to int
	scale    float64
	state    []float32
}

func newBatch(w *evaluator) *batch {
	return &batch{w: w, points: make(map[int]int), gradients: make(map[int]int)}
}

// add appends the point at alpha of the loaded segment, with its state.
func (b *batch) add(alpha float64) {
	w := b.w
	row, next := w.segments[w.loaded].row, w.segments[w.loaded].next
	p := place{state: w.states.at(alpha), scale: alpha}
	switch {
	case w.opts.Direction == Gradient:
		p.from = indexOf(b.points, &b.span.Points, row, w.from.Theta)
		p.to = indexOf(b.gradients, &b.span.Directions, row, w.from.Grad)
		p.scale *= -w.from.LearningRate.Value
	case alpha == 0:
		p.from = indexOf(b.points, &b.span.Points, row, w.from.Theta)
	case alpha == 1:
		p.from, p.scale = indexOf(b.points, &b.span.Points, next, w.to.Theta), 0
	default:
		p.from = indexOf(b.points, &b.span.Points, row, w.from.Theta)
		p.to = indexOf(b.points, &b.span.Points, next, w.to.Theta)
	}
	b.places = append(b.places, p)
}

// coordinates returns the coordinates of all points.
func (b *batch) coordinates() []record.Coordinates {
	at := make([]record.Coordinates, len(b.places))
	for i, p := range b.places {
		at[i] = record.Coordinates{Base: p.from, State: p.state}
		if p.scale == 0 {
			continue
		}
		at[i].Along = make([]float64, b.span.Len())
		if b.w.opts.Direction == Gradient {
			p.to += len(b.span.Points)
		}
		at[i].Along[p.to] = p.scale
	}
	return at
}

// indexOf returns the index of the vector of a row. It appends a vector that is new.
func indexOf(known map[int]int, vectors *[][]float32, row int, vector []float32) int {
	i, ok := known[row]
	if !ok {
		i = len(*vectors)
		known[row], *vectors = i, append(*vectors, vector)
	}
	return i
}
