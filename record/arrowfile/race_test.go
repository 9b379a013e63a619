//go:build race

package arrowfile

// raceEnabled: the race detector makes everything some ten times slower, and
// damage in single bytes is no matter of concurrency.
const raceEnabled = true
