//go:build !unix

package safefile

// safeFlags is empty: these systems have no such flags.
const safeFlags = 0
