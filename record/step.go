package record

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Optional is a number that may be absent. Absent is not NaN: a NaN loss was
// measured, because the run diverged, and analyses count it.
type Optional struct {
	Value float64
	Valid bool
}

// Some returns a present number.
func Some(v float64) Optional { return Optional{Value: v, Valid: true} }

// MarshalJSON writes null for an absent number and, because JSON cannot write
// them as numbers, the strings "NaN", "+Inf" and "-Inf" for numbers that are not finite.
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
		return fmt.Errorf("record: %s is not a number; allowed are numbers, \"NaN\", \"+Inf\", \"-Inf\" and null", b)
	}
	*o = Some(v)
	return nil
}

// Step is one row of a recording. Row k is taken before update k: it has
// theta_k, state_k, the loss and the gradient of batch k at theta_k, and the
// learning rate that update k uses. The row after the last update has theta_T,
// no batch, and therefore no BatchLoss, BatchAccuracy, LearningRate and Grad.
//
// An inner iterate is a further point that update k evaluates or computes. Its Theta is
// the point, and BatchLoss and Grad are those of a mini-batch there, absent where the
// optimizer has none.
//
// Vectors that were not recorded are nil.
type Step struct {
	Step        int64     // k, from 0; for an inner iterate the outer step that it belongs to
	Substep     int32     // 0 for an iterate; 1, 2, ... for inner iterates, the further points of the step
	Epoch       int32     // pass over the data that batch k belongs to, from 1; the last row repeats the last one
	Examples    int32     // number of examples in batch k; 0 when there is no batch
	Evaluations int64     // gradient evaluations made before this row
	WallTime    time.Time // when the row was taken; all other fields are equal in two runs of one command

	BatchLoss     Optional // mean loss over batch k at theta_k, without weight decay
	BatchAccuracy Optional // share of batch k classified correctly at theta_k, in [0, 1]
	LearningRate  Optional // learning rate that update k uses
	FullLoss      Optional // mean loss over the whole training set at theta_k, where it was measured
	TestLoss      Optional // mean loss over the held-out set at theta_k, where it was measured

	Theta []float32 // theta_k, length P
	Grad  []float32 // raw mini-batch gradient at theta_k, without weight decay, length P
	State []float32 // state_k, length S
}

// IsLast reports whether the row follows the last update of a run that came to
// its end: an iterate without a batch.
func (s *Step) IsLast() bool { return !s.BatchLoss.Valid && s.Substep == 0 }

// OptionalNames are the names of a row's optional numbers in files and tables, in
// the order of [Step.Optionals].
var OptionalNames = [5]string{"batch_loss", "batch_accuracy", "learning_rate", "full_loss", "test_loss"}

// Optionals returns pointers to the optional numbers of the row, in the order of
// OptionalNames. Formats use it, so that a new number is added in one place.
func (s *Step) Optionals() [5]*Optional {
	return [5]*Optional{&s.BatchLoss, &s.BatchAccuracy, &s.LearningRate, &s.FullLoss, &s.TestLoss}
}

// VectorNames are the names of a row's vectors in files and tables, in the order of
// [Step.Vectors]; bit i of [Parts] is vector i.
var VectorNames = [3]string{"theta", "grad", "state"}

// Vectors returns pointers to the vectors of the row, in the order of VectorNames.
func (s *Step) Vectors() [3]*[]float32 { return [3]*[]float32{&s.Theta, &s.Grad, &s.State} }

// UnixNano returns the wall time in nanoseconds since the beginning of 1970, as
// formats keep it; 0 for a row without a wall time.
func (s *Step) UnixNano() int64 {
	if s.WallTime.IsZero() {
		return 0
	}
	return s.WallTime.UnixNano()
}

// SetUnixNano is the reverse of UnixNano; 0 leaves the row without a wall time.
func (s *Step) SetUnixNano(ns int64) {
	s.WallTime = time.Time{}
	if ns != 0 {
		s.WallTime = time.Unix(0, ns).UTC()
	}
}

// withParts returns the row without the vectors that are not in parts.
func (s Step) withParts(parts Parts) Step {
	for i, v := range s.Vectors() {
		if parts&(1<<i) == 0 {
			*v = nil
		}
	}
	return s
}

// CloneInto returns a copy of the row whose vectors are copies in memory. It grows memory
// as needed, and the next call with the same memory overwrites them. Vectors that are nil
// stay nil.
func (s Step) CloneInto(memory *[3][]float32) Step {
	for i, v := range s.Vectors() {
		if *v != nil {
			memory[i] = append(memory[i][:0], *v...)
			*v = slices.Clip(memory[i])
		}
	}
	return s
}
