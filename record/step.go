package record

import (
	"fmt"
	"strconv"
	"time"
)

// Optional is a number that may be absent. Absent is not NaN: a NaN loss was
// measured, and is kept and counted as such.
type Optional struct {
	Value float64
	Valid bool
}

// Some returns a present number.
func Some(v float64) Optional { return Optional{Value: v, Valid: true} }

// MarshalJSON writes null for an absent number and, because JSON has no word for
// them, the strings "NaN", "+Inf" and "-Inf" for numbers that are not finite.
func (o Optional) MarshalJSON() ([]byte, error) {
	if !o.Valid {
		return []byte("null"), nil
	}
	if o.Value-o.Value != 0 { // NaN or infinite
		return strconv.AppendQuote(nil, strconv.FormatFloat(o.Value, 'g', -1, 64)), nil
	}
	return strconv.AppendFloat(nil, o.Value, 'g', -1, 64), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (o *Optional) UnmarshalJSON(b []byte) error {
	text := string(b)
	if text == "null" {
		*o = Optional{}
		return nil
	}
	if s, err := strconv.Unquote(text); err == nil {
		text = s
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("record: %s is no number; allowed are numbers, \"NaN\", \"+Inf\", \"-Inf\" and null", b)
	}
	*o = Some(v)
	return nil
}

// Step is one row of a recording. Row k is taken before update k: it has
// theta_k, state_k, the loss and the gradient of batch k at theta_k, and the
// learning rate that update k uses. The row after the last update has theta_T,
// no batch, and therefore no BatchLoss, BatchAccuracy, LearningRate and Grad.
//
// Vectors that were not recorded are nil.
type Step struct {
	Step        int64     // k, from 0; for an inner iterate the outer step that it belongs to
	Substep     int32     // 0 for an iterate; 1, 2, ... for inner iterates of optimizers with inner loops
	Epoch       int32     // pass over the data that batch k belongs to, from 1; the last row repeats the last one
	Examples    int32     // number of examples in batch k; 0 when there is no batch
	Evaluations int64     // gradient evaluations made before this row
	WallTime    time.Time // when the row was taken; the only thing in which two runs of one command differ

	BatchLoss     Optional // mean loss over batch k at theta_k, without weight decay
	BatchAccuracy Optional // share of batch k classified correctly at theta_k, in [0, 1]
	LearningRate  Optional // learning rate that update k uses
	FullLoss      Optional // mean loss over the whole training set at theta_k, where it was measured
	TestLoss      Optional // mean loss over the held-out set at theta_k, where it was measured

	Theta []float32 // theta_k, length P
	Grad  []float32 // raw mini-batch gradient at theta_k, without weight decay, length P
	State []float32 // state_k, length S
}

// Last reports whether the row follows the last update of a run that came to
// its end: an iterate without a batch.
func (s *Step) Last() bool { return !s.BatchLoss.Valid && s.Substep == 0 }

// keep returns the row without the vectors that are not in parts.
func (s Step) keep(parts Parts) Step {
	if parts&ThetaPart == 0 {
		s.Theta = nil
	}
	if parts&GradPart == 0 {
		s.Grad = nil
	}
	if parts&StatePart == 0 {
		s.State = nil
	}
	return s
}
