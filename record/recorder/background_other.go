//go:build !linux

package recorder

// RunInBackground does nothing: the system has no such policy.
func RunInBackground() {}
