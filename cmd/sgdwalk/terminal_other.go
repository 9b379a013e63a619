//go:build !unix

package main

import "os"

// terminalSize is not known on this system: lines are printed instead.
func terminalSize(*os.File) (width, height int) { return 0, 0 }
