package audit

import (
	"fmt"
	"maps"
	"slices"
)

// shards returns the steady tracks of every file, where the checkpoints have several files with
// at least two of them.
func (j *judge) shards(steady []int) [][]int {
	files := map[string][]int{} // by the tensors of a file, because its name differs from step to step
	for i := range j.steps {
		byPath := map[string][]int{}
		for _, t := range steady {
			if c := &j.tracks[t].contents[i]; c.isPresent {
				byPath[c.tensor.Path] = append(byPath[c.tensor.Path], t)
			}
		}
		for _, tracks := range byPath {
			if len(byPath) > 1 && len(tracks) > 1 {
				files[fmt.Sprint(tracks)] = tracks
			}
		}
	}
	var out [][]int
	for _, k := range slices.Sorted(maps.Keys(files)) {
		out = append(out, files[k])
	}
	return out
}

// sameFile returns the parameters in the file that has track t of checkpoint i.
func (j *judge) sameFile(i, t int) []int {
	path := j.tracks[t].contents[i].tensor.Path
	return slices.DeleteFunc(j.parameters(), func(o int) bool {
		c := &j.tracks[o].contents[i]
		return !c.isPresent || c.tensor.Path != path
	})
}

// shardOf returns the file of these tensors when they are all tensors of one of several files of
// a checkpoint.
func (j *judge) shardOf(i int, names []string) (path string, ok bool) {
	tensors := j.catalog.Entries[i].Tensors
	files := map[string]int{}
	for _, t := range tensors {
		if tr := j.tracks[j.byName[t.Name]]; tr.changes() && !tr.isState {
			files[t.Path]++
		}
	}
	if len(files) < 2 || len(names) == 0 {
		return "", false
	}
	path = j.contentOf(i, names[0]).tensor.Path
	for _, n := range names {
		if c := j.contentOf(i, n); !c.isPresent || c.tensor.Path != path {
			return "", false
		}
	}
	return path, len(names) >= files[path]
}
