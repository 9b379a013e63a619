package analyze

import "sgdwalk/record"

// Segments says which segments of a recording an analysis evaluates. Segment k is
// the piece between iterate k and iterate k+1; it has the step and the epoch of
// row k. record.Steps has the grammar.
type Segments = record.Steps

// ParseSegments reads the text form; the empty string is all.
func ParseSegments(text string) (Segments, error) { return record.ParseSteps(text) }
