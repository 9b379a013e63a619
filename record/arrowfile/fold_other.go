//go:build noasm || !amd64

package arrowfile

// canFold is false: hash/crc32 is used alone.
const canFold = false

func fold(*foldState, *byte, int) { panic("arrowfile: fold is not available on this processor") }
