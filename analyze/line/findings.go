package line

import (
	"encoding/json"
	"fmt"

	"sgdwalk/analyze"
)

var _ analyze.Summary = (*Summary)(nil)

// DecodeSummary decodes the summary of a result of the analysis line. The result's options
// say which iterates its ends are.
func DecodeSummary(text, options []byte) (*Summary, error) {
	s := new(Summary)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, err
	}
	ends := Ends{From: -1}
	if err := json.Unmarshal(options, &ends); err == nil && ends.From >= 0 {
		s.Ends = &ends
	}
	return s, nil
}

// Findings returns what the line says.
func (s *Summary) Findings() []analyze.Finding {
	var f analyze.Findings
	ends := ""
	if s.Ends != nil {
		ends = s.Ends.String() + ", "
	}
	f.Add(analyze.Barriers, "%sdistance %.4g: loss %s at the first end and %s at the second", ends, s.Line.Distance,
		analyze.Number(s.Line.LossStart), analyze.Number(s.Line.LossEnd))
	f.Add(analyze.Barriers, "%s", s.Line.rise())
	if s.Alignment != nil {
		f.Add(analyze.Barriers, "%s", s.Alignment.String())
	}
	if s.Aligned != nil {
		f.Add(analyze.Barriers, "%s", Barriers(&s.Line, s.Aligned))
	}
	if p := s.Path; p != nil && p.MaxResidualRatio.Valid {
		f.Add(analyze.Detail, "the path leaves the line by up to %s of its length, at step %d",
			analyze.Percent(p.MaxResidualRatio.Value), p.MaxResidualStep)
	}
	if s.Curve != nil {
		f.Add(analyze.Barriers, "%s", s.Curve.barriers())
	}
	return f
}

// rise says whether the loss rises between the ends; it is empty when a loss is not
// finite. It names a rise that rounding to float32 can cause.
func (s *LossSummary) rise() string {
	if s.Monotone == nil || !s.LargestRise.Valid {
		return ""
	}
	start, end := s.LossStart.Value, s.LossEnd.Value
	switch rise := s.LargestRise.Value; {
	case *s.Monotone && end < start:
		return "the loss falls all the way"
	case *s.Monotone:
		return "the loss neither rises nor falls on the way"
	case rise < 0x1p-23*max(start, end):
		return fmt.Sprintf("the loss rises by up to %.4g on the way, which rounding to float32 can cause", rise)
	default:
		return fmt.Sprintf("the loss rises by up to %.4g on the way (barrier above the higher end: %s)", rise,
			analyze.Number(s.BarrierOverEnds))
	}
}

// Barriers compares the barrier on a line with the barrier on the line to the aligned end.
func Barriers(line, aligned *LossSummary) string {
	if !line.BarrierOverEnds.Valid || !aligned.BarrierOverEnds.Valid {
		return "the barriers before and after the alignment are unknown, because a loss is not finite"
	}
	text := fmt.Sprintf("the barrier above the higher end is %.4g before the alignment and %.4g after it",
		line.BarrierOverEnds.Value, aligned.BarrierOverEnds.Value)
	if line.BarrierOverEnds.Value <= 0 && aligned.BarrierOverEnds.Value <= 0 {
		text += ": no point is above both ends"
	}
	return text
}

// barriers compares the trained curve with the straight line. Barriers are above the
// higher end.
func (s *ConnectSummary) barriers() string {
	barrier := func(c *CurveSummary) string {
		switch o := c.BarrierEnds; {
		case !o.Valid:
			return "an unknown barrier, because a loss on it is not finite"
		case o.Value <= 0:
			return "no point above the higher end"
		default:
			return fmt.Sprintf("a barrier of %.4g above the higher end", o.Value)
		}
	}
	text := fmt.Sprintf("the %s curve that was trained for %d steps has %s; the straight line has %s", s.Form, s.Steps,
		barrier(&s.Curve), barrier(&s.Straight))
	if !s.Settled && !s.Diverged {
		text += "; the curve had not settled when its training ended"
	}
	return text
}
