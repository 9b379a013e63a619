package exchange

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// skippedFiles collects the files that are left out, by their names without folders.
type skippedFiles struct {
	names []string // in the order in which they were found
	count map[string]int
}

// add adds a file, or a folder when the path ends in a separator.
func (s *skippedFiles) add(path string) {
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

// describe lists the files, as in "optimizer.pt (3 times), log.txt", after the given
// introduction. It returns "" when there are none.
func (s *skippedFiles) describe(lead string) string {
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
	return lead + strings.Join(joinNames(names), ", ")
}

// maxNames is the largest number of names in a note.
const maxNames = 12

// joinNames returns all names, or the first ones and the number of the others.
func joinNames(names []string) []string {
	if len(names) <= maxNames {
		return names
	}
	return append(slices.Clone(names[:maxNames-1]), fmt.Sprintf("and %d others", len(names)-maxNames+1))
}
