package landscape

import (
	"context"
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/align"
	"sgdwalk/analyze/line"
	"sgdwalk/record"
)

// Point is a point of a plane through points.
type Point struct {
	Name  string
	Theta []float32
	State []float32 // running statistics; nil when the loss uses its own
	// Match is the alignment with the first point; nil for the first point.
	Match *align.Result
}

// Between is the loss on the straight lines between the points of a plane, before and after
// their alignment with the first one.
type Between struct {
	Lines    record.Table // as line.Pairs
	Tensors  record.Table // as align.Tables, of the points after the first
	Places   record.Table
	Summary  []BetweenSummary
	Warnings []analyze.Warning
}

// betweenWarnings are the warnings about a line that a landscape repeats.
var betweenWarnings = []string{"nonfinite_losses", "nonfinite_aligned_losses", "aligned_end_differs"}

// BetweenSummary has the numbers of the line between two points.
type BetweenSummary struct {
	From      string           `json:"from"`
	To        string           `json:"to"`
	Line      line.LossSummary `json:"line"`
	Aligned   line.LossSummary `json:"aligned"`
	Alignment *align.Summary   `json:"alignment,omitempty"` // of the second point; only of lines from the first point
}

// BetweenPoints evaluates the loss on the lines between two or three points, of which the
// first one is not permuted. s is the specification of the alignment. Two permuted points are
// the same two functions as the first of them and the second one permuted back, so this line
// has the same losses.
func BetweenPoints(ctx context.Context, s *align.Specification, points []Point, loss analyze.Loss, store analyze.Store,
	progress analyze.Progress,
) (*Between, error) {
	b := &Between{}
	var pairs []align.Pair
	var lines []*line.Result
	for i := range points {
		for k := i + 1; k < len(points); k++ {
			from, to := &points[i], &points[k]
			o := line.Options{
				Mode: line.Connectivity, Progress: progress, Aligned: to.Match.Theta,
				Store: analyze.Prefixed(store, fmt.Sprintf("line %d %d ", i, k)),
			}
			if from.State != nil && to.State != nil {
				o.States = line.States{A: from.State, B: to.State, Aligned: to.Match.State(to.State)}
			}
			if from.Match != nil {
				back := from.Match.Permutations.Inverse()
				o.Aligned, o.States.Aligned = s.Theta(back, o.Aligned), s.State(back, o.States.Aligned)
			}
			r, err := line.Between(ctx, from.Theta, to.Theta, loss, o)
			if err != nil {
				return nil, fmt.Errorf("landscape: between %s and %s: %w", from.Name, to.Name, err)
			}
			pairs, lines = append(pairs, align.Pair{From: from.Name, To: to.Name}), append(lines, r)
			sum := BetweenSummary{From: from.Name, To: to.Name, Line: r.Summary, Aligned: *r.Aligned}
			if from.Match == nil {
				sum.Alignment = &to.Match.Summary
			}
			b.Summary = append(b.Summary, sum)
			for _, w := range r.Warnings {
				if !slices.Contains(betweenWarnings, w.Code) {
					continue
				}
				w.Text = fmt.Sprintf("between %s and %s: %s", from.Name, to.Name, w.Text)
				b.Warnings = append(b.Warnings, w)
			}
		}
	}
	b.Lines = line.Pairs(pairs, lines)
	var matches []*align.Result
	for i := range points[1:] {
		matches = append(matches, points[1+i].Match)
	}
	b.Tensors, b.Places = align.Tables(pairs[:len(matches)], matches)
	return b, nil
}

// between adds what the lines between the points say.
func (s *Summary) between(f *analyze.Findings) {
	for i := range s.Between {
		b := &s.Between[i]
		if b.Alignment != nil {
			f.Add(analyze.Barriers, "%s to %s: %s", b.From, b.To, b.Alignment)
		}
		with := ""
		if b.Alignment == nil {
			with = fmt.Sprintf("; both are aligned with %s and not with each other", s.Between[0].From)
		}
		f.Add(analyze.Barriers, "%s to %s: %s%s", b.From, b.To, line.Barriers(&b.Line, &b.Aligned), with)
	}
}
