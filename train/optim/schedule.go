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
//	linear               a straight line from the base rate to 0 at the end of the run
//	linear:F             the same, down to F times the base rate
//	wsd:S                the base rate, and a straight line to 0 over the last share S of
//	                     the run: warm-up, stable, decay (Hu et al. 2024, with the linear
//	                     decay of Haegele et al. 2024)
//	wsd:S:F              the same, down to F times the base rate
//	warmup:N+REST        N steps with equally growing rates, up to the rate of REST;
//	                     warmup:N alone continues as constant
//	onecycle             half a cosine from 1/25 of the base rate up to the base rate, over
//	                     the first 0.3 of the run, and half a cosine down to 1/250000 of
//	                     it (Smith and Topin 2018, in the form of PyTorch's OneCycleLR;
//	                     the momentum stays)
//	onecycle:S           the same, with the share S of the run for the way up
//
// Epochs are counted from the start of the run and may be fractions. Cosine and linear
// cover the steps after the warm-up. The zero value is constant.
type Schedule struct {
	warmup int64
	shape  string    // step, at, cosine, linear, wsd, onecycle; "" is constant
	epochs []float64 // step: one; at: increasing
	share  float64   // of the run: wsd for the decay, onecycle for the way up
	factor float64   // of a stage; the last factor of cosine, linear and wsd
}

// Constants of onecycle, with which PyTorch presets them.
const (
	cycleShare = 0.3
	cycleStart = 1. / 25
	cycleEnd   = cycleStart / 1e4
)

// ScheduleForms lists the forms that ParseSchedule accepts.
const ScheduleForms = "constant, step:EPOCHS:FACTOR, at:EPOCH,EPOCH,...:FACTOR, cosine, cosine:FLOOR, linear, " +
	"linear:FLOOR, wsd:SHARE, wsd:SHARE:FLOOR, each also after warmup:STEPS+, onecycle, onecycle:SHARE"

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
	case name == "cosine" || name == "linear":
		s.shape = name
		if given {
			s.factor, err = parseNumber("floor", arguments, 0, 1)
		}
	case name == "wsd" && given:
		share, floor, hasFloor := strings.Cut(arguments, ":")
		s.shape = name
		if s.share, err = parseShare("share of the decay", share); err == nil && hasFloor {
			s.factor, err = parseNumber("floor", floor, 0, 1)
		}
	case name == "onecycle" && s.warmup == 0:
		s.shape, s.share = name, cycleShare
		if given {
			s.share, err = parseShare("share of the way up", arguments)
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

// parseShare reads a share of a run.
func parseShare(field, text string) (float64, error) {
	v, err := parseNumber(field, text, 0, 1)
	if err != nil || v == 0 {
		return 0, &OptionError{field, strconv.Quote(text), "a number above 0, at most 1"}
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
	case "cosine", "linear", "wsd":
		shape = s.shape
		if s.shape == "wsd" {
			shape += ":" + number(s.share)
		}
		if s.factor != 0 {
			shape += ":" + number(s.factor)
		}
	case "onecycle":
		if shape = s.shape; s.share != cycleShare {
			shape += ":" + number(s.share)
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
		return between(s.factor, 1, halfCosine(step, float64(s.warmup), float64(steps)))
	case "linear":
		return between(s.factor, 1, 1-progress(step, float64(s.warmup), float64(steps)))
	case "wsd":
		return between(s.factor, 1, 1-progress(step, float64(steps)*(1-s.share), float64(steps)))
	case "onecycle":
		top, end := s.share*float64(steps)-1, float64(steps-1)
		if float64(step) < top {
			return between(cycleStart, 1, 1-halfCosine(step, 0, top))
		}
		return between(cycleEnd, 1, halfCosine(step, max(0, top), end))
	}
	return 1
}

// between returns low for 0 and high for 1.
func between(low, high, share float64) float64 { return low + float64((high-low)*share) }

// progress returns how far a step is on the way between two steps, 0 before and 1 after it.
func progress(step int64, from, to float64) float64 {
	if to <= from {
		return 0
	}
	return min(1, max(0, (float64(step)-from)/(to-from)))
}

// halfCosine falls from 1 to 0 between two steps.
func halfCosine(step int64, from, to float64) float64 {
	return (1 + math.Cos(math.Pi*progress(step, from, to))) / 2
}
