package analyze

import "fmt"

// Warnings collects warnings in the order in which they are added.
type Warnings []Warning

// Add adds a warning when the condition holds. The text is formatted as by fmt.Sprintf.
func (w *Warnings) Add(when bool, code, format string, args ...any) {
	if when {
		*w = append(*w, Warning{Code: code, Text: fmt.Sprintf(format, args...)})
	}
}
