package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"

	"sgdwalk/record/printable"
)

// Screen is a block of lines at the end of a terminal, which Paint replaces.
type Screen struct {
	file  *os.File
	lines int // of the block that is shown
}

// NewScreen returns a screen on out. It is nil if out is not a terminal that can move the cursor.
func NewScreen(out io.Writer) *Screen {
	f, ok := out.(*os.File)
	if !ok || !isTerminal(f) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	if w, h := size(f); w < 20 || h < 3 {
		return nil // /dev/null is such a device
	}
	return &Screen{file: f}
}

// Paint writes lines to out over the lines of the call before. It calls lines with the number
// of columns, and leaves out the lines that do not fit. It uses only sequences that every
// terminal knows: up, to the left, erase to the end of the line and of the screen.
func (s *Screen) Paint(out io.Writer, lines func(width int) []string) error {
	width, height := size(s.file)
	list := lines(width - 1)
	list = list[:max(1, min(len(list), height-1))]
	var b strings.Builder
	if s.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", s.lines)
	}
	for _, line := range list {
		b.WriteString(printable.Line(line) + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	s.lines = len(list)
	_, err := io.WriteString(out, b.String())
	return err
}
