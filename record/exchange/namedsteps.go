package exchange

import (
	"io/fs"
	"os"
	"path/filepath"
)

// CountSteps returns how many different steps the names in a folder have, of checkpoint files
// and of folders such as checkpoint-500 that hold at least one. It opens no file, so the folder
// only looks like a series when the number is at least 2; OpenSeries decides. entries is the
// content of the folder.
func CountSteps(dir string, entries []fs.DirEntry) int {
	steps := make(map[string]bool)
	for _, e := range entries {
		name := e.Name()
		switch {
		case e.IsDir() && isStepFolder(name):
			inside, err := os.ReadDir(filepath.Join(dir, name))
			if err != nil || !hasCheckpoint(inside) {
				continue
			}
		case !e.Type().IsRegular() || !hasEnding(name):
			continue
		}
		if _, _, isShard := shardOf(name); isShard {
			continue // a part of one model
		}
		words := splitWords(trimFormat(name))
		for _, rule := range stepRules {
			if n, ok := rule.read(words); ok && rule.only != "folder" {
				steps[n.digits] = true
				break
			}
		}
	}
	return len(steps)
}

// hasCheckpoint reports whether a folder has a file with the ending of a checkpoint.
func hasCheckpoint(entries []fs.DirEntry) bool {
	for _, e := range entries {
		if e.Type().IsRegular() && hasEnding(e.Name()) {
			return true
		}
	}
	return false
}
