package optim

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Schedule says how the learning rate changes during a run. It is a value with a
// text form, which [ParseSchedule] reads and String writes:
//
//	constant             the base rate throughout
//	step:E:F             times F after every E epochs
//	at:E1,E2,...:F       times F after E1, after E2, ... epochs
//	cosine               half a cosine from the base rate to 0 at the end of the run
//	                     (Loshchilov and Hutter 2017, without restarts)
//	cosine:F             the same, down to F times the base rate
//	warmup:N+REST        N steps with equally growing rates, up to the rate of REST;
//	                     warmup:N alone continues as constant
//
// Epochs are counted from the start of the run and may be fractions. The cosine
// covers the steps after the warm-up. The zero value is constant.
type Schedule struct {
	warmup int64
	shape  string    // step, at, cosine; "" is constant
	epochs []float64 // step: one; at: increasing
	factor float64   // of a stage; for cosine the last factor
}

// ScheduleForms lists the forms that ParseSchedule accepts.
const ScheduleForms = "constant, step:EPOCHS:FACTOR, at:EPOCH,EPOCH,...:FACTOR, cosine, cosine:FLOOR, " +
	"each also after warmup:STEPS+"

// maxWarmup keeps step counts exact in float64.
const maxWarmup = 1 << 53

// ParseSchedule reads the text form; "" is constant. The error is an *OptionError.
func ParseSchedule(text string) (Schedule, error) {
	s, err := parseSchedule(text)
	if err != nil {
		return Schedule{}, fmt.Errorf("optim: learning-rate schedule %q: %w", text, err)
	}
	return s, nil
}

func parseSchedule(text string) (s Schedule, err error) {
	rest := text
	if after, found := strings.CutPrefix(text, "warmup:"); found {
		steps, shape, joined := strings.Cut(after, "+")
		n, err := strconv.ParseInt(steps, 10, 64)
		if err != nil || n < 1 || n > maxWarmup {
			return s, &OptionError{"number of warm-up steps", strconv.Quote(steps), "a whole number from 1 on"}
		}
		if joined && shape == "" {
			return s, &OptionError{"schedule after the warm-up", `""`, ScheduleForms}
		}
		s.warmup, rest = n, shape
	}
	name, arguments, given := strings.Cut(rest, ":")
	switch {
	case (name == "" || name == "constant") && !given:
	case name == "step" || name == "at":
		err = s.parseStages(name, arguments)
	case name == "cosine":
		s.shape = name
		if given {
			s.factor, err = parseNumber("floor", arguments, 0, 1)
		}
	default:
		err = &OptionError{"schedule", strconv.Quote(rest), ScheduleForms}
	}
	return s, err
}

// parseStages reads the arguments of step and at.
func (s *Schedule) parseStages(name, arguments string) error {
	epochs, factor, found := strings.Cut(arguments, ":")
	if !found {
		return &OptionError{"schedule", strconv.Quote(name + ":" + arguments), ScheduleForms}
	}
	list := []string{epochs}
	if name == "at" {
		list = strings.Split(epochs, ",")
	}
	for _, e := range list {
		v, err := parseNumber("number of epochs", e, math.SmallestNonzeroFloat64, math.MaxFloat64)
		if err != nil {
			return err
		}
		if n := len(s.epochs); n > 0 && v <= s.epochs[n-1] {
			return &OptionError{"number of epochs", strconv.Quote(e), "more than the one before it"}
		}
		s.epochs = append(s.epochs, v)
	}
	v, err := parseNumber("factor", factor, math.SmallestNonzeroFloat64, math.MaxFloat64)
	s.shape, s.factor = name, v
	return err
}

// parseNumber reads a number in a range. A range above 0 has no practical upper limit.
func parseNumber(field, text string, from, to float64) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= from && v <= to) {
		allowed := fmt.Sprintf("a number from %g to %g", from, to)
		if from > 0 {
			allowed = "a finite number above 0"
		}
		return 0, &OptionError{field, strconv.Quote(text), allowed}
	}
	return v, nil
}

// String returns the text form.
func (s Schedule) String() string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	shape := "constant"
	switch s.shape {
	case "step", "at":
		epochs := make([]string, len(s.epochs))
		for i, e := range s.epochs {
			epochs[i] = number(e)
		}
		shape = s.shape + ":" + strings.Join(epochs, ",") + ":" + number(s.factor)
	case "cosine":
		shape = "cosine"
		if s.factor != 0 {
			shape += ":" + number(s.factor)
		}
	}
	if s.warmup > 0 {
		return fmt.Sprintf("warmup:%d+%s", s.warmup, shape)
	}
	return shape
}

// Factor returns the factor of the base learning rate in an update, from 0, of a
// run of steps updates, with perEpoch updates per epoch (a fraction if an
// optimizer draws several mini-batches per step). It depends on nothing else, so
// a run can be resumed from any step.
func (s Schedule) Factor(step int64, perEpoch float64, steps int64) float64 {
	if step < s.warmup {
		// The last step of the warm-up is followed by the first one of the rest.
		return float64(step+1) / float64(s.warmup+1) * s.afterWarmup(s.warmup, perEpoch, steps)
	}
	return s.afterWarmup(step, perEpoch, steps)
}

// afterWarmup returns the factor without the warm-up.
func (s Schedule) afterWarmup(step int64, perEpoch float64, steps int64) float64 {
	epoch := float64(step) / perEpoch
	switch s.shape {
	case "step":
		return math.Pow(s.factor, math.Floor(epoch/s.epochs[0]))
	case "at":
		passed := 0
		for _, e := range s.epochs {
			if epoch >= e {
				passed++
			}
		}
		return math.Pow(s.factor, float64(passed))
	case "cosine":
		if span := steps - s.warmup; span > 0 {
			progress := min(1, float64(step-s.warmup)/float64(span))
			return s.factor + (1-s.factor)*(1+math.Cos(math.Pi*progress))/2
		}
	}
	return 1
}
