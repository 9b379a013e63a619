package analyze

import "sgdwalk/record"

// Segments selects the segments of a recording that an analysis evaluates. Segment k is
// the piece between iterate k and iterate k+1, and has the step and the epoch of row k.
// record.Steps documents the text form.
type Segments = record.Steps

// ParseSegments reads the text form; the empty string selects all segments.
func ParseSegments(text string) (Segments, error) { return record.ParseSteps(text) }
