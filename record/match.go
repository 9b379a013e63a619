package record

import (
	"fmt"
	"slices"
	"strings"
)

// MatchName reports whether a tensor's name matches a pattern: a star matches
// any number of characters, also none, a question mark matches one character, and
// every other character matches itself. Unlike a file pattern's, a star crosses dots and slashes, so
// that "layer1*" matches both "layer1.0.conv1.weight" and "layer1/conv/kernel".
// Every pattern is valid.
func MatchName(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	i, j := 0, 0
	star, retry := -1, 0 // the last star, and where in the name to continue when the rest does not match
	for j < len(n) {
		switch {
		case i < len(p) && p[i] == '*':
			star, retry = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i, j = i+1, j+1
		case star >= 0:
			retry++
			i, j = star+1, retry
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// Select returns the indices of the tensors whose names match at least one of
// the patterns (see MatchName), in the order of the layout. A pattern that
// matches no tensor is an error, which lists the tensors, because a misspelt pattern
// would otherwise go unnoticed.
func (l Layout) Select(patterns ...string) ([]int, error) {
	for _, p := range patterns {
		if !slices.ContainsFunc(l, func(t Tensor) bool { return MatchName(p, t.Name) }) {
			return nil, fmt.Errorf("record: pattern %q matches no tensor; the tensors are %s", p, l.tensorNames())
		}
	}
	var taken []int
	for i, t := range l {
		if slices.ContainsFunc(patterns, func(p string) bool { return MatchName(p, t.Name) }) {
			taken = append(taken, i)
		}
	}
	return taken, nil
}

// tensorNames lists the names of the tensors for an error message, at most twelve.
func (l Layout) tensorNames() string {
	const most = 12
	var names []string
	for i, t := range l {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(l)-most))
			break
		}
		names = append(names, t.Name)
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}
