//go:build !race

package arrowfile

const raceEnabled = false
