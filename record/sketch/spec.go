package sketch

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Spec says how rows are reduced. The zero value does not change them. The text form has
// parts joined by plus signs, in this order:
//
//	subset:P,P,...    the tensors whose name matches a pattern (record.MatchName)
//	project:K         a random projection to K dimensions, with seed 0
//	project:K:SEED    the same with another seed
//	float16           values rounded to 16 bits, and stored in 16 bits
//	bfloat16          the same with the range of float32
//
// The seed does not depend on the seed of the run, because runs can be compared only if
// their projections have the same seed.
type Spec struct {
	Subset    []string  // patterns of tensor names; nil keeps all tensors
	Project   int       // dimensions to project to, a multiple of 4 from MinProject to MaxProject; 0 does not project
	Seed      uint64    // of the projection
	Precision Precision // of theta and grad

	// Workers is how many goroutines project a vector; 0 means 1. It changes no
	// result and is not part of the text.
	Workers int
}

// ParseSpec reads the text form; the empty string is the zero Spec.
func ParseSpec(text string) (Spec, error) {
	var s Spec
	if text == "" {
		return s, nil
	}
	last := -1
	for part := range strings.SplitSeq(text, "+") {
		place, err := s.parse(part)
		if err == nil && place <= last {
			err = fmt.Errorf("%q is at the wrong place; the order is subset, project, float16 or bfloat16, each at "+
				"most once", part)
		}
		if err != nil {
			return Spec{}, fmt.Errorf("sketch: %q: %w", text, err)
		}
		last = place
	}
	if err := s.Validate(); err != nil {
		return Spec{}, err
	}
	return s, nil
}

// parse reads one part, and returns its place in the required order.
func (s *Spec) parse(part string) (int, error) {
	name, value, hasValue := strings.Cut(part, ":")
	switch {
	case name == "subset" && hasValue:
		s.Subset = strings.Split(value, ",")
		return 0, nil
	case name == "project" && hasValue:
		k, seed, hasSeed := strings.Cut(value, ":")
		var err1, err2 error
		if s.Project, err1 = strconv.Atoi(k); err1 != nil {
			return 0, fmt.Errorf("project is %q; it must be a whole number", k)
		}
		if hasSeed {
			if s.Seed, err2 = strconv.ParseUint(seed, 10, 64); err2 != nil {
				return 0, fmt.Errorf("the seed of project is %q; it must be a whole number from 0 to 2^64-1", seed)
			}
		}
		return 1, validateDimension(s.Project)
	case part == Float16.String():
		s.Precision = Float16
		return 2, nil
	case part == BFloat16.String():
		s.Precision = BFloat16
		return 2, nil
	}
	return 0, fmt.Errorf("%q is not a part of a sketch; allowed are subset:PATTERN,..., project:K, project:K:SEED, "+
		"float16 and bfloat16", part)
}

// Validate names the field, its value and what is allowed.
func (s Spec) Validate() error {
	for _, p := range s.Subset {
		if p == "" || strings.ContainsAny(p, "+,") {
			return fmt.Errorf("sketch: subset has the pattern %q; a pattern must not be empty, and must not contain "+
				"+ or a comma", p)
		}
	}
	if s.Subset != nil && len(s.Subset) == 0 {
		return errors.New("sketch: subset has no pattern; nil keeps all tensors")
	}
	if s.Project != 0 {
		if err := validateDimension(s.Project); err != nil {
			return err
		}
	}
	switch {
	case s.Project == 0 && s.Seed != 0:
		return fmt.Errorf("sketch: seed is %d, but nothing is projected", s.Seed)
	case s.Precision > BFloat16:
		return fmt.Errorf("sketch: precision is %d; allowed are float32, float16 and bfloat16", s.Precision)
	case s.Workers < 0:
		return fmt.Errorf("sketch: workers is %d; it must not be negative", s.Workers)
	}
	return nil
}

// IsZero reports whether rows are not changed.
func (s Spec) IsZero() bool { return s.Subset == nil && s.Project == 0 && s.Precision == Float32 }

// String returns the text form.
func (s Spec) String() string {
	var parts []string
	if s.Subset != nil {
		parts = append(parts, "subset:"+strings.Join(s.Subset, ","))
	}
	if s.Project != 0 {
		part := "project:" + strconv.Itoa(s.Project)
		if s.Seed != 0 {
			part += ":" + strconv.FormatUint(s.Seed, 10)
		}
		parts = append(parts, part)
	}
	if s.Precision != Float32 {
		parts = append(parts, s.Precision.String())
	}
	return strings.Join(parts, "+")
}

// MarshalText returns the text form.
func (s Spec) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the text form.
func (s *Spec) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSpec(string(text))
	return err
}
