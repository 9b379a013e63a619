package line

import (
	"fmt"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Findings says the line between the iterates of two steps in sentences.
func (s *Summary) Findings(from, to int64) []string {
	out := []string{fmt.Sprintf("step %d to step %d, distance %.4g: loss %s at the one end, %s at the other", from, to, s.Distance, text(s.LossStart), text(s.LossEnd))}
	if way := s.way(); way != "" {
		out = append(out, way)
	}
	return out
}

// way says whether the loss rises between the ends; empty when some of it is not
// finite. A rise that float32 rounding can make says so.
func (s *Summary) way() string {
	if s.Monotone == nil || !s.LargestRise.Valid {
		return ""
	}
	start, end := s.LossStart.Value, s.LossEnd.Value
	switch rise := s.LargestRise.Value; {
	case *s.Monotone && end < start:
		return "the loss falls all the way"
	case *s.Monotone:
		return "the loss does not rise on the way, and does not fall"
	case rise < 0x1p-23*max(start, end):
		return fmt.Sprintf("the loss rises by up to %.4g on the way, which is less than rounding to float32 can make", rise)
	default:
		return fmt.Sprintf("the loss rises by up to %.4g on the way (barrier over the higher end: %s)", rise, text(s.BarrierOverEnds))
	}
}

// Sentence says how far the path leaves the line; empty when that is not known.
func (s *PathSummary) Sentence() string {
	if !s.MaxResidualRatio.Valid {
		return ""
	}
	return fmt.Sprintf("the path leaves the line by up to %s of its length, at step %d", analyze.Percent(s.MaxResidualRatio.Value), s.MaxResidualStep)
}

func text(v record.Optional) string {
	if !v.Valid {
		return "unknown"
	}
	return fmt.Sprintf("%.4g", v.Value)
}
