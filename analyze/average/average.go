package average

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Scheme is a way to average iterates.
type Scheme string

// The schemes.
const (
	// Iterate is no average: the iterate itself, with which the averages are compared.
	Iterate Scheme = "iterate"
	// Window is the mean of the last Length iterates.
	Window Scheme = "window"
	// LAWA is the mean of the last Length iterates that were kept every Every steps: latest
	// weight averaging (Kaddour 2022). An iterate is kept if Every divides its step.
	LAWA Scheme = "lawa"
	// SWA is the mean of the iterates from step Start on, every Every steps: stochastic weight
	// averaging (Izmailov et al. 2018).
	SWA Scheme = "swa"
	// EMA is the exponential average with decay Decay: iterate t-k has the weight Decay^k. The
	// weights are divided by their sum, so the start of the recording adds no bias.
	EMA Scheme = "ema"
)

// Average is one average of the iterates up to a step. Fields that the scheme does not name
// are zero.
type Average struct {
	Scheme Scheme  `json:"scheme"`
	Length int     `json:"length,omitempty"` // number of iterates, at least 2
	Every  int64   `json:"every,omitempty"`  // steps between two iterates of the mean, at least 1
	Start  int64   `json:"start,omitempty"`  // first step, at least 0
	Decay  float64 `json:"decay,omitempty"`  // in (0, 1)
}

// String returns the name of the average in tables: "window 64", "lawa 5:100", "swa 500",
// "swa 500:29", "ema 0.99".
func (a Average) String() string {
	switch a.Scheme {
	case Window:
		return fmt.Sprintf("window %d", a.Length)
	case LAWA:
		return fmt.Sprintf("lawa %d:%d", a.Length, a.Every)
	case SWA:
		if a.Every > 1 {
			return fmt.Sprintf("swa %d:%d", a.Start, a.Every)
		}
		return fmt.Sprintf("swa %d", a.Start)
	case EMA:
		return "ema " + strconv.FormatFloat(a.Decay, 'g', -1, 64)
	}
	return string(a.Scheme)
}

// Describe returns the average in words, such as "the mean of the last 64 iterates".
func (a Average) Describe() string {
	switch a.Scheme {
	case Window:
		return fmt.Sprintf("the mean of the last %d iterates", a.Length)
	case LAWA:
		return fmt.Sprintf("the mean of the last %d iterates kept every %d steps (LAWA)", a.Length, a.Every)
	case SWA:
		if a.Every > 1 {
			return fmt.Sprintf("the mean of the iterates from step %d on, every %d steps (SWA)", a.Start, a.Every)
		}
		return fmt.Sprintf("the mean of the iterates from step %d on (SWA)", a.Start)
	case EMA:
		return fmt.Sprintf("the exponential average with decay %v (EMA)", a.Decay)
	}
	return "the iterate"
}

// validate names the first value that is not allowed.
func (a Average) validate() error {
	switch {
	case (a.Scheme == Window || a.Scheme == LAWA) && a.Length < 2:
		return fmt.Errorf("average: %s averages %d iterates; it must be at least 2", a.Scheme, a.Length)
	case (a.Scheme == LAWA || a.Scheme == SWA) && a.Every < 1:
		return fmt.Errorf("average: %s keeps an iterate every %d steps; it must be at least 1", a.Scheme, a.Every)
	case a.Scheme == SWA && a.Start < 0:
		return fmt.Errorf("average: swa starts at step %d; it must be at least 0", a.Start)
	case a.Scheme == EMA && !(a.Decay > 0 && a.Decay < 1):
		return fmt.Errorf("average: the decay of an ema is %v; it must be above 0 and below 1", a.Decay)
	case a.Scheme != Window && a.Scheme != LAWA && a.Scheme != SWA && a.Scheme != EMA:
		return fmt.Errorf("average: scheme is %q; allowed are %q, %q, %q and %q", a.Scheme, Window, LAWA, SWA, EMA)
	}
	return nil
}

// ParseAverages reads averages of one scheme from a list with commas: lengths of windows
// ("2,8,64"), decays ("0.9,0.99"), LENGTH:EVERY for LAWA ("5:100"), and START or START:EVERY
// for SWA ("500", "500:29"). The empty text is an empty list.
func ParseAverages(m Scheme, text string) ([]Average, error) {
	if text == "" {
		return nil, nil
	}
	var list []Average
	for part := range strings.SplitSeq(text, ",") {
		a, err := parseAverage(m, strings.TrimSpace(part))
		if err == nil {
			err = a.validate()
		}
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

func parseAverage(m Scheme, text string) (Average, error) {
	form := map[Scheme]string{
		Window: "a number of iterates", LAWA: "LENGTH:EVERY, such as 5:100", SWA: "START or START:EVERY, such as 500:29",
		EMA: "a decay, such as 0.99",
	}[m]
	wrong := fmt.Errorf("average: %s is %q; it must be %s", m, text, form)
	if m == EMA {
		d, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(d) {
			return Average{}, wrong
		}
		return Average{Scheme: EMA, Decay: d}, nil
	}
	first, second, two := strings.Cut(text, ":")
	n, err := strconv.ParseInt(first, 10, 32)
	every := int64(1)
	if err == nil && two {
		every, err = strconv.ParseInt(second, 10, 32)
	}
	if err != nil || m == Window && two || m == LAWA && !two {
		return Average{}, wrong
	}
	switch m {
	case Window:
		return Average{Scheme: Window, Length: int(n)}, nil
	case LAWA:
		return Average{Scheme: LAWA, Length: int(n), Every: every}, nil
	default:
		return Average{Scheme: SWA, Start: n, Every: every}, nil
	}
}

// settledWeight is the largest weight that an exponential average may leave to what came
// before the recording. Earlier iterates have no average with this decay.
const settledWeight = 0.01

// settled returns the number of iterates from which an exponential average exists.
func settled(decay float64) int { return int(math.Ceil(math.Log(settledWeight) / math.Log(decay))) }

// effective returns 1 / sum of c^2 for weights c with the sum 1: the number of independent
// values whose plain mean has the same variance. n is the number of averaged iterates.
func (a Average) effective(n int) float64 {
	if a.Scheme != EMA {
		return float64(n)
	}
	// sum d^2k / (sum d^k)^2, both over k < n
	d := a.Decay
	return (1 + d) / (1 - d) * -math.Expm1(float64(n)*math.Log(d)) / (1 + math.Pow(d, float64(n)))
}

// lagShare returns how much of the age of an average counts against its gain compared with
// the null, when the loss falls steadily by s a step. The average loses s times its age, and
// the null, whose iterates are those of the run, loses s sum_k k r(k). The share is
// 1 - sum_k k r(k) / age, with r(k) as for the null: k r(k) adds up to (w^2-1)/(6w) for w
// iterates of age (w-1)/2, and to d/(1-d^2) for a decay d of age d/(1-d).
func (a Average) lagShare(n int) float64 {
	if a.Scheme == EMA {
		return a.Decay / (1 + a.Decay)
	}
	w := float64(n)
	return 1 - (w+1)/(3*w)
}
