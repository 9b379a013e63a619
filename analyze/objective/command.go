package objective

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// SplitCommand splits a command line into words at spaces, as a shell does:
// quotes of both kinds keep spaces, a backslash keeps the character behind it
// (except on Windows, where it is part of paths). Nothing else is special: there
// is no shell, no variable and no pattern.
func SplitCommand(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	started, escaped := false, false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'' && runtime.GOOS != "windows":
			escaped, started = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, started = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		default:
			word.WriteRune(r)
			started = true
		}
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("objective: the command %q has a quote %c that does not end", text, quote)
	case escaped:
		return nil, fmt.Errorf("objective: the command %q ends in a backslash", text)
	case started:
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("objective: the command is empty")
	}
	return words, nil
}
