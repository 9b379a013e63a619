package align

import (
	"fmt"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Result is the alignment of b with a. The caller owns it.
type Result struct {
	Permutations Permutations // of the units of b
	Theta        []float32    // the permuted copy of b
	Summary      Summary
	// Tensors has one row for every tensor of theta: tensor, distance_before (between a and
	// b), distance_after (between a and the permuted copy of b).
	Tensors record.Table
	// Places has one row for every place of every hidden unit: units, place, unit (of b, which
	// moves to the place).
	Places record.Table

	specification *Specification
	tensors       []tensorRow
	places        []placeRow
}

// Summary has the numbers of an alignment.
type Summary struct {
	Layers         []Layer         `json:"layers"`
	Units          int             `json:"units"`           // hidden units of all layers
	Moved          int             `json:"moved"`           // units that change their place
	DistanceBefore float64         `json:"distance_before"` // |b - a|
	DistanceAfter  float64         `json:"distance_after"`  // |permuted b - a|
	DistanceRatio  record.Optional `json:"distance_ratio"`  // after / before; absent when a equals b
	// Distances are the distances after the search in every order. The search ends early when
	// the points coincide.
	Distances []float64    `json:"distances"`
	BestOrder int          `json:"best_order"` // index in Distances
	Sweeps    int          `json:"sweeps"`     // of the best order over all layers
	Null      *NullSummary `json:"null,omitempty"`
}

// Layer has the numbers of hidden units that are permuted together. With shortcuts they are
// the units of several layers, and have the name of the first one.
type Layer struct {
	Name  string `json:"name"`
	Units int    `json:"units"`
	Moved int    `json:"moved"`
}

// State returns the running statistics of b, permuted as theta is; nil for nil.
func (r *Result) State(state []float32) []float32 {
	return r.specification.State(r.Permutations, state)
}

// tensorRow is a row of Result.Tensors.
type tensorRow struct {
	Tensor string  `col:"tensor"`
	Before float64 `col:"distance_before"`
	After  float64 `col:"distance_after"`
}

// placeRow is a row of Result.Places.
type placeRow struct {
	Units string `col:"units"`
	Place int    `col:"place"`
	Unit  int    `col:"unit"`
}

// summarize fills in everything that follows from the permutations.
func (r *Result) summarize(a, b []float32) {
	s := &r.Summary
	for u, units := range r.specification.units {
		moved := r.Permutations.Moved(u)
		s.Layers = append(s.Layers, Layer{units.Name, units.Count, moved})
		s.Units, s.Moved = s.Units+units.Count, s.Moved+moved
	}
	if s.DistanceBefore = distance(a, b); s.DistanceBefore > 0 {
		s.DistanceRatio = record.Some(s.DistanceAfter / s.DistanceBefore)
	}
	for _, t := range r.specification.theta {
		r.tensors = append(r.tensors, tensorRow{t.Name, distance(t.View(a), t.View(b)), distance(t.View(a), t.View(r.Theta))})
	}
	for u, units := range r.specification.units {
		for i, from := range r.Permutations[u] {
			r.places = append(r.places, placeRow{units.Name, i, from})
		}
	}
	r.Tensors, r.Places = column.Of(r.tensors), column.Of(r.places)
}

// Pair names the two points of an alignment in tables of several.
type Pair struct {
	From string `json:"from" col:"from"`
	To   string `json:"to" col:"to"`
}

// Tables joins the tables of several alignments. The columns from and to come first.
func Tables(pairs []Pair, results []*Result) (tensors, places record.Table) {
	type pairTensor struct {
		Pair
		tensorRow
	}
	type pairPlace struct {
		Pair
		placeRow
	}
	var t column.Builder[pairTensor]
	var p column.Builder[pairPlace]
	for i, r := range results {
		for _, row := range r.tensors {
			t.Add(pairTensor{pairs[i], row})
		}
		for _, row := range r.places {
			p.Add(pairPlace{pairs[i], row})
		}
	}
	return t.Table(), p.Table()
}

// maxNamed is the number of layers that a sentence names.
const maxNamed = 4

// String says what the alignment did to the distance, and what it does to points that have
// nothing to do with each other.
func (s *Summary) String() string {
	var names []string
	for _, l := range s.Layers {
		if l.Moved > 0 {
			names = append(names, l.Name)
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("no permutation of hidden units that was found brings the ends closer than %.4g",
			s.DistanceBefore)
	}
	list := strings.Join(names[:min(len(names), maxNamed)], ", ")
	if more := len(names) - maxNamed; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	text := fmt.Sprintf("alignment permutes %d of %d hidden units, in %d of %s (%s): the distance shrinks from %.4g to "+
		"%.4g", s.Moved, s.Units, len(names), analyze.Count(len(s.Layers), "layer"), list, s.DistanceBefore, s.DistanceAfter)
	if s.DistanceRatio.Valid {
		text += ", by " + analyze.Percent(1-s.DistanceRatio.Value)
	}
	if s.Null != nil {
		text += fmt.Sprintf(" (%s: by %s)", s.Null.Points, analyze.Percent(1-s.Null.DistanceRatio.Mean.Value))
	}
	return text
}
