//go:build !unix

package main

// limitedName is a command of systems with limits only.
const limitedName = "sgdwalk-limited"

func runLimited() {}
