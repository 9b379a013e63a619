package exchange

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// reading is the number that a rule finds in a name.
type reading struct {
	digits string
	how    string // in words: `the number after "step"`
	inName string // "file" or "folder"
}

// stepRule is one way to read a number from a name. Every file of a series is read by
// the same rule.
type stepRule struct {
	name   string // for documents and tests
	marked bool   // the name says that the number is a step, or a checkpoint's number
	isStep bool   // the name says that the number is a step: it must be the one of the metadata
	epochs bool   // the number is an epoch
	only   string // "file" or "folder" where only such a name is read; "" reads the file's name, else the folders'
	read   func([]word) (reading, bool)
}

// stepRules in the order of precedence.
var stepRules = []stepRule{
	{name: "step", marked: true, isStep: true, read: func(w []word) (reading, bool) {
		if r, ok := markedNumber(w, stepWords); ok {
			return r, true
		}
		return markedNumber(w, iterWords)
	}},
	{name: "checkpoint", marked: true, read: savedNumber},
	{name: "epoch", epochs: true, read: func(w []word) (reading, bool) { return markedNumber(w, epochWords) }},
	{name: "standalone", only: "file", read: standaloneNumber},
	{name: "attached", only: "file", read: attachedNumber},
	{name: "standalone", only: "folder", read: standaloneNumber},
	{name: "attached", only: "folder", read: attachedNumber},
}

// markedNumber returns the last number that directly follows one of the words, else
// the last one that directly precedes one.
func markedNumber(w []word, marks []string) (reading, bool) {
	for i := len(w) - 1; i > 0; i-- {
		if isWholeNumber(w, i) && isMark(w, i-1, marks) {
			if i+1 < len(w) && w[i+1].text == "000" && isWholeNumber(w, i+1) { // 1_000_000, which cannot be told from two numbers
				return reading{digits: w[i].text + "_" + w[i+1].text, how: fmt.Sprintf("the number after %q", w[i-1].text)}, true
			}
			return reading{digits: w[i].text, how: fmt.Sprintf("the number after %q", w[i-1].text)}, true
		}
	}
	for i := len(w) - 2; i >= 0; i-- {
		if isWholeNumber(w, i) && slices.Contains(marks, w[i+1].text) && !isQualified(w, i) && (i+2 == len(w) || !w[i+2].number) {
			return reading{digits: w[i].text, how: fmt.Sprintf("the number before %q", w[i+1].text)}, true
		}
	}
	return reading{}, false
}

// savedNumber returns the number after "checkpoint" or "ckpt". Where another number
// follows, the last one counts: checkpoint_EPOCH_UPDATES.
func savedNumber(w []word) (reading, bool) {
	r, ok := markedNumber(w, savedWords)
	if !ok {
		return r, false
	}
	for i := 1; i+1 < len(w); i++ {
		if isMark(w, i-1, savedWords) && isWholeNumber(w, i) && isWholeNumber(w, i+1) && !isDate(w, i+1) {
			return reading{digits: w[i+1].text, how: fmt.Sprintf("the second number after %q", w[i-1].text)}, true
		}
	}
	for i := 1; i < len(w); i++ {
		if isMark(w, i-1, savedWords) && isDate(w, i) {
			return reading{}, false
		}
	}
	return r, true
}

// standaloneNumber returns the last number between separators.
func standaloneNumber(w []word) (reading, bool) {
	for i := len(w) - 1; i >= 0; i-- {
		if w[i].number && !w[i].glued && isWholeNumber(w, i) && !isQualified(w, i) && !isDate(w, i) {
			return reading{digits: w[i].text, how: "the last whole number"}, true
		}
	}
	return reading{}, false
}

// attachedNumber returns the last number that ends a word: model100.
func attachedNumber(w []word) (reading, bool) {
	for i := len(w) - 1; i > 0; i-- {
		if w[i].number && w[i].glued && !w[i-1].glued && isWholeNumber(w, i) && !isQualified(w, i) {
			return reading{digits: w[i].text, how: fmt.Sprintf("the number after %q", w[i-1].text)}, true
		}
	}
	return reading{}, false
}

// isWholeNumber reports whether word i is a number that is not the start of something
// longer, such as 4B, 160m or a hexadecimal hash. Words that mark steps may follow.
func isWholeNumber(w []word, i int) bool {
	if !w[i].number {
		return false
	}
	if i+1 == len(w) || !w[i+1].glued {
		return true
	}
	next := w[i+1].text
	isVersion := next == "v" && i+2 < len(w) && w[i+2].number && w[i+2].glued
	return isVersion || slices.Contains(slices.Concat(stepWords, iterWords, savedWords, epochWords), next)
}

// isMark reports whether word i is one of the marks and not a setting of that name.
func isMark(w []word, i int, marks []string) bool {
	text := w[i].text
	is := slices.Contains(marks, text)
	for _, end := range longEndings {
		is = is || slices.Contains(marks, end) && strings.HasSuffix(text, end)
	}
	return is && !notBefore[text] && (i == 0 || !notBefore[w[i-1].text])
}

// isQualified reports whether the word before i says that the number is no step, or
// that it belongs to a mark.
func isQualified(w []word, i int) bool {
	if i == 0 {
		return false
	}
	before := w[i-1].text
	return otherNumbers[before] || notBefore[before] || isMark(w, i-1, slices.Concat(stepWords, iterWords, savedWords, epochWords))
}

// isDate reports whether word i is a date such as 20240115, a date with a time, or the
// time after a date.
func isDate(w []word, i int) bool {
	if !w[i].number {
		return false
	}
	for _, form := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.Parse(form, w[i].text); err == nil && t.Year() >= 1990 && t.Year() < 2100 {
			return true
		}
	}
	if n := len(w[i].text); i > 0 && (n == 4 || n == 6) {
		before := i - 1
		if w[before].text == "t" && before > 0 {
			before--
		}
		return len(w[before].text) == 8 && isDate(w, before)
	}
	return false
}

// nameParts are what the path of a checkpoint says of its step: the name of the file
// and those of the folders, from the nearest to the farthest.
type nameParts struct {
	file    []word // nil where all files have the same name
	folders [][]word
}

// read applies a rule: to the file's name first, then to the folders'.
func (p nameParts) read(rule stepRule) (reading, bool) {
	if r, ok := rule.read(p.file); ok && rule.only != "folder" {
		r.inName = "file"
		return r, true
	}
	for _, folder := range p.folders {
		if r, ok := rule.read(folder); ok && rule.only != "file" {
			r.inName = "folder"
			return r, true
		}
	}
	return reading{}, false
}

// farFolders is how many folders above a file can have its step.
const farFolders = 4

// partsOf cuts the paths of a series into names. What all paths have in common says
// nothing about the step: the folders above all of them and, on request, the name of
// the files where all files have the same.
func partsOf(paths []string, dropSame bool) []nameParts {
	all := make([][]string, len(paths)) // names from the root to the file
	sameFile := dropSame && len(paths) > 1
	for i, path := range paths {
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
		all[i] = strings.Split(filepath.ToSlash(path), "/")
		last := len(all[i]) - 1
		snapshot := snapshotName(filepath.Dir(path))
		if last > 0 && snapshot != "" {
			all[i][last-1] = snapshot
		}
		all[i][last] = bareName(all[i][last])
		sameFile = sameFile && all[i][last] == all[0][len(all[0])-1]
	}
	common := 0
	for len(paths) > 1 && slices.IndexFunc(all, func(names []string) bool {
		return common >= len(names)-1 || names[common] != all[0][common]
	}) < 0 {
		common++
	}
	out := make([]nameParts, len(paths))
	for i, names := range all {
		last := len(names) - 1
		if !sameFile {
			out[i].file = wordsOf(names[last])
		}
		for f := last - 1; f >= max(common, last-farFolders); f-- {
			if len(paths) == 1 && f < last-1 && !isStepFolder(names[f]) {
				break // the folders far above a single file are not about its step
			}
			out[i].folders = append(out[i].folders, wordsOf(names[f]))
		}
	}
	return out
}

// isStepFolder reports whether a folder has the name of a step and nothing else:
// checkpoint-500, global_step10.
func isStepFolder(name string) bool {
	w := wordsOf(name)
	last := len(w) - 1
	return last > 0 && last <= 2 && isWholeNumber(w, last) && slices.Contains(slices.Concat(stepWords, iterWords, savedWords), w[last-1].text)
}

// endings of checkpoint files, the longer ones first.
var endings = []string{".safetensors.index.json", ".bin.index.json", ".pth.tar", ".safetensors", ".npz", ".npy", ".ckpt", ".pth", ".pt", ".bin", ".tar", ".zip"}

// bareName is the name of a file without what says its format.
func bareName(name string) string {
	lower := strings.ToLower(name)
	for _, end := range endings {
		if strings.HasSuffix(lower, end) {
			return name[:len(name)-len(end)]
		}
	}
	return name
}
