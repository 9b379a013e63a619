package figure

import "fmt"

// Map is the meaning of the colours of a [Landscape].
type Map string

// The maps. The zero value is Sequential.
const (
	Sequential Map = "sequential" // lower is darker: a loss
	Reversed   Map = "reversed"   // higher is darker: an accuracy, so that the good is dark here too
	// Diverging has zero in the middle: pale at zero, blue below and red above,
	// as dark on either side as the value is far from zero. A grey print does not
	// tell the sides apart, so contours below zero are dashed.
	Diverging Map = "diverging"
)

func (m Map) validate(name string) error {
	switch m {
	case "", Sequential, Reversed, Diverging:
		return nil
	}
	return fmt.Errorf("%w: %s is %q; it must be \"\", %q, %q or %q", ErrInput, name, m, Sequential, Reversed, Diverging)
}
