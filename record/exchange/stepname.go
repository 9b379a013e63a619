package exchange

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// nameNumber is the number that a rule finds in a name.
type nameNumber struct {
	digits      string
	description string // for messages: `the number after "step"`
	inName      string // "file" or "folder"
}

// stepRule is one way to read a number from a name. All files of a series are read by the
// same rule, because different rules would mix different kinds of numbers.
type stepRule struct {
	name   string // for documents and tests
	marked bool   // the name marks the number as that of a step or a checkpoint
	isStep bool   // the name marks the number as a step, so it must equal that of the metadata
	epochs bool   // the number is an epoch
	only   string // "file" or "folder": read only such names; "" reads the file's name, then the folders'
	read   func([]word) (nameNumber, bool)
}

// attachedRule reads the number at the end of a word, as in model100. Files that it
// reads must agree on the word.
const attachedRule = "attached"

// stepRules are in the order of precedence.
var stepRules = []stepRule{
	{name: "step", marked: true, isStep: true, read: func(w []word) (nameNumber, bool) {
		if r, ok := markedNumber(w, stepWords); ok {
			return r, true
		}
		return markedNumber(w, iterWords)
	}},
	{name: "checkpoint", marked: true, read: savedNumber},
	{name: "epoch", epochs: true, read: func(w []word) (nameNumber, bool) { return markedNumber(w, epochWords) }},
	{name: "standalone", only: "file", read: standaloneNumber},
	{name: attachedRule, only: "file", read: attachedNumber},
	{name: "standalone", only: "folder", read: standaloneNumber},
	{name: attachedRule, only: "folder", read: attachedNumber},
}

// markedNumber returns the last number that directly follows one of the marks, otherwise
// the last number that directly precedes one.
func markedNumber(w []word, marks []string) (nameNumber, bool) {
	for i := len(w) - 1; i > 0; i-- {
		if isWholeNumber(w, i) && isMark(w, i-1, marks) {
			// 1_000_000 looks like several numbers; the text is kept, so that the error shows it
			if i+1 < len(w) && w[i+1].text == "000" && isWholeNumber(w, i+1) {
				return nameNumber{
					digits:      w[i].text + "_" + w[i+1].text,
					description: fmt.Sprintf("the number after %q", w[i-1].text),
				}, true
			}
			return nameNumber{digits: w[i].text, description: fmt.Sprintf("the number after %q", w[i-1].text)}, true
		}
	}
	for i := len(w) - 2; i >= 0; i-- {
		if isWholeNumber(w, i) && slices.Contains(marks, w[i+1].text) && !isQualified(w, i) && (i+2 == len(w) ||
			!w[i+2].isNumber) {
			return nameNumber{digits: w[i].text, description: fmt.Sprintf("the number before %q", w[i+1].text)}, true
		}
	}
	return nameNumber{}, false
}

// savedNumber returns the number after "checkpoint" or "ckpt". When a second number
// follows, it returns that one: fairseq writes checkpoint_EPOCH_UPDATES.
func savedNumber(w []word) (nameNumber, bool) {
	r, ok := markedNumber(w, savedWords)
	if !ok {
		return r, false
	}
	for i := 1; i+1 < len(w); i++ {
		if isMark(w, i-1, savedWords) && isWholeNumber(w, i) && isWholeNumber(w, i+1) && !isDate(w, i+1) {
			return nameNumber{digits: w[i+1].text, description: fmt.Sprintf("the second number after %q",
				w[i-1].text)}, true
		}
	}
	for i := 1; i < len(w); i++ {
		if isMark(w, i-1, savedWords) && isDate(w, i) {
			return nameNumber{}, false
		}
	}
	return r, true
}

// standaloneNumber returns the last number between separators.
func standaloneNumber(w []word) (nameNumber, bool) {
	for i := len(w) - 1; i >= 0; i-- {
		if w[i].isNumber && !w[i].isAttached && isWholeNumber(w, i) && !isQualified(w, i) && !isDate(w, i) {
			return nameNumber{digits: w[i].text, description: "the last whole number"}, true
		}
	}
	return nameNumber{}, false
}

// attachedNumber returns the last number that ends a word: model100.
func attachedNumber(w []word) (nameNumber, bool) {
	for i := len(w) - 1; i > 0; i-- {
		if w[i].isNumber && w[i].isAttached && !w[i-1].isAttached && isWholeNumber(w, i) && !isQualified(w, i) {
			return nameNumber{digits: w[i].text, description: fmt.Sprintf("the number after %q", w[i-1].text)}, true
		}
	}
	return nameNumber{}, false
}

// isWholeNumber reports whether word i is a number, and not the start of something longer
// such as 4B, 160m or a hexadecimal hash. Words that mark steps may follow it.
func isWholeNumber(w []word, i int) bool {
	if !w[i].isNumber {
		return false
	}
	if i+1 == len(w) || !w[i+1].isAttached {
		return true
	}
	next := w[i+1].text
	isVersion := next == "v" && i+2 < len(w) && w[i+2].isNumber && w[i+2].isAttached
	return isVersion || slices.Contains(slices.Concat(stepWords, iterWords, savedWords, epochWords), next)
}

// isMark reports whether word i is one of the marks, and not part of the name of a setting
// such as warmup_steps.
func isMark(w []word, i int, marks []string) bool {
	text := w[i].text
	is := slices.Contains(marks, text)
	for _, end := range longEndings {
		is = is || slices.Contains(marks, end) && strings.HasSuffix(text, end)
	}
	return is && !notBefore[text] && (i == 0 || !notBefore[w[i-1].text])
}

// isQualified reports whether the word before i gives the number another meaning, or
// already marks it.
func isQualified(w []word, i int) bool {
	if i == 0 {
		return false
	}
	before := w[i-1].text
	return otherNumbers[before] || notBefore[before] || isMark(w, i-1, slices.Concat(stepWords, iterWords, savedWords,
		epochWords))
}

// isDate reports whether word i is a date such as 20240115, a date with a time, or the
// time after a date.
func isDate(w []word, i int) bool {
	if !w[i].isNumber {
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

// nameParts are the names in the path of a checkpoint that may have its step: the name of
// the file, and the names of the folders from the nearest to the farthest.
type nameParts struct {
	fileWords   []word // nil where all files have the same name
	folderWords [][]word
}

// read applies a rule to the file's name first, then to the folders' names.
func (p nameParts) read(rule stepRule) (nameNumber, bool) {
	if r, ok := rule.read(p.fileWords); ok && rule.only != "folder" {
		r.inName = "file"
		return r, true
	}
	for _, folder := range p.folderWords {
		if r, ok := rule.read(folder); ok && rule.only != "file" {
			r.inName = "folder"
			return r, true
		}
	}
	return nameNumber{}, false
}

// maxStepFolders is how many folders above a file are searched for its step.
const maxStepFolders = 4

// partsOf divides the paths of a series into names. It leaves out the parts that all
// paths share, because these cannot tell the steps apart: the folders above all files
// and, if dropSame is set, the name of the files when all are equal.
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
		all[i][last] = trimFormat(all[i][last])
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
			out[i].fileWords = splitWords(names[last])
		}
		for f := last - 1; f >= max(common, last-maxStepFolders); f-- {
			if len(paths) == 1 && f < last-1 && !isStepFolder(names[f]) {
				break // folders far above a single file have nothing to do with its step
			}
			out[i].folderWords = append(out[i].folderWords, splitWords(names[f]))
		}
	}
	return out
}

// isStepFolder reports whether the name of a folder is only a step, such as
// checkpoint-500 or global_step10.
func isStepFolder(name string) bool {
	w := splitWords(name)
	last := len(w) - 1
	return last > 0 && last <= 2 && isWholeNumber(w, last) &&
		slices.Contains(slices.Concat(stepWords, iterWords, savedWords), w[last-1].text)
}

// endings are those of checkpoint files, longer ones first.
var endings = []string{
	".safetensors.index.json", ".bin.index.json", ".pth.tar", ".safetensors", ".npz", ".npy",
	".ckpt", ".pth", ".pt", ".bin", ".tar", ".zip",
}

// trimFormat returns the name of a file without the ending of its format.
func trimFormat(name string) string {
	lower := strings.ToLower(name)
	for _, end := range endings {
		if strings.HasSuffix(lower, end) {
			return name[:len(name)-len(end)]
		}
	}
	return name
}
