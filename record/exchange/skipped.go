package exchange

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// skipped are files that are left out, by their names without the folders.
type skipped struct {
	names []string // in the order in which they were met
	count map[string]int
}

func (s *skipped) add(path string) {
	name := filepath.Base(path)
	if strings.HasSuffix(path, string(filepath.Separator)) {
		name += "/"
	}
	if s.count == nil {
		s.count = map[string]int{}
	}
	if s.count[name]++; s.count[name] == 1 {
		s.names = append(s.names, name)
	}
}

// inWords lists the files: "optimizer.pt (3 times), log.txt", after a lead if there
// are any.
func (s *skipped) inWords(lead string) string {
	if len(s.names) == 0 {
		return ""
	}
	names := slices.Clone(s.names)
	slices.SortFunc(names, compareNatural)
	for i, name := range names {
		if n := s.count[name]; n > 1 {
			names[i] = fmt.Sprintf("%s (%d times)", name, n)
		}
	}
	return lead + strings.Join(shorten(names), ", ")
}

// mostNames is how many names a note lists.
const mostNames = 12

// shorten lists all of a few names, and the first of many with the number of the rest.
func shorten(names []string) []string {
	if len(names) <= mostNames {
		return names
	}
	return append(slices.Clone(names[:mostNames-1]), fmt.Sprintf("and %d others", len(names)-mostNames+1))
}
