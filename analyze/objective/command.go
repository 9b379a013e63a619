package objective

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// assignment is a word that sets a variable of the environment.
var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// shellOnly are the characters that mean something to a shell and nothing here.
const shellOnly = "|&;<>$`"

// ParseCommand splits a command line into words at spaces, as a shell does: quotes
// of both kinds keep spaces, a backslash keeps the character behind it (except on
// Windows, where it is part of paths). KEY=VALUE words in front of the program are
// returned as set, for its environment. A word, or a VALUE, that begins with ~ or ~/
// begins with the home directory. There is no shell: its operators and variables
// are an error unless they are quoted.
func ParseCommand(text string) (set, words []string, err error) {
	all, err := split(text)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range all {
		key := ""
		if len(words) == 0 && !w.quoted {
			key = assignment.FindString(w.text)
		}
		value := w.text[len(key):]
		if !w.quoted {
			if value, err = expandHome(value); err != nil {
				return nil, nil, fmt.Errorf("objective: the command %q: %w", text, err)
			}
		}
		if key != "" {
			set = append(set, key+value)
		} else {
			words = append(words, value)
		}
	}
	switch {
	case len(words) == 0 && len(set) > 0:
		return nil, nil, fmt.Errorf("objective: the command %q sets variables and names no program", text)
	case len(words) == 0:
		return nil, nil, errors.New("objective: the command is empty")
	}
	return set, words, nil
}

// expandHome puts the home directory in the place of a ~ at the start.
func expandHome(word string) (string, error) {
	if word != "~" && !strings.HasPrefix(word, "~/") {
		return word, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("~ is the home directory: %w", err)
	}
	return filepath.Join(home, word[1:]), nil
}

// word is a word of a command line.
type word struct {
	text   string
	quoted bool // it begins with a quote or a backslash: nothing in front of it is special
}

func split(text string) ([]word, error) {
	var words []word
	var current strings.Builder
	var quote rune
	started, escaped, quoted := false, false, false
	for _, r := range text {
		switch {
		case escaped:
			current.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'' && runtime.GOOS != "windows":
			quoted = quoted || !started
			escaped, started = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quoted = quoted || !started
			quote, started = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			if started {
				words = append(words, word{current.String(), quoted})
				current.Reset()
				started, quoted = false, false
			}
		case quote == 0 && strings.ContainsRune(shellOnly, r):
			return nil, fmt.Errorf("objective: the command %q has a %c, which only a shell understands, and the "+
				"command runs without a shell: quote the character, or use sh -c 'COMMAND'", text, r)
		default:
			current.WriteRune(r)
			started = true
		}
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("objective: the command %q has a quote %c that does not end", text, quote)
	case escaped:
		return nil, fmt.Errorf("objective: the command %q ends in a backslash", text)
	case started:
		words = append(words, word{current.String(), quoted})
	}
	return words, nil
}
