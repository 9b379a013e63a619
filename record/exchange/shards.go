package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// indexEnding ends the name of an index, such as model.safetensors.index.json.
const indexEnding = ".index.json"

// shardName matches model-00001-of-00003.safetensors.
var shardName = regexp.MustCompile(`^(.*)-(\d{4,})-of-(\d{4,})(\.\w+)$`)

// shardOf returns the name of the index of a shard, and the number of shards; ok is false
// when the name is not that of a shard.
func shardOf(name string) (index, count string, ok bool) {
	m := shardName.FindStringSubmatch(name)
	if m == nil {
		return "", "", false
	}
	return m[1] + m[4] + indexEnding, strings.TrimLeft(m[3], "0"), true
}

// singleShard is the number of shards of a model that needs no index.
const singleShard = "1"

// isIndex reports whether a name is that of an index of shards.
func isIndex(name string) bool {
	file, ok := strings.CutSuffix(name, indexEnding)
	return ok && hasEnding(file)
}

// shardIndex has the files of a model in shards, and the file of each tensor.
type shardIndex struct {
	path       string
	files      []string          // names, in natural order
	fileOf     map[string]string // file of each tensor
	totalBytes int64             // bytes of all tensors; 0 when the index does not have it
}

// maxIndexBytes bounds an index; one of 100,000 tensors has 10 MB.
const maxIndexBytes = 256 << 20

// readIndex reads an index, and checks that the folder has exactly its shards.
func readIndex(path string) (*shardIndex, error) {
	x := &shardIndex{path: path}
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxIndexBytes) {
		err = fmt.Errorf("the index %s is not a regular file of at most %d bytes", path, maxIndexBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	var content struct {
		Metadata struct {
			TotalSize json.Number `json:"total_size"`
		} `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &content); err != nil {
		return nil, fileErrorf(x.path, "it is not an index of shards: %w", err)
	}
	if len(content.WeightMap) == 0 {
		return nil, fileErrorf(x.path, `its "weight_map" has no tensor`)
	}
	if size, err := content.Metadata.TotalSize.Float64(); err == nil {
		x.totalBytes = int64(size)
	}
	x.fileOf = content.WeightMap
	for _, tensor := range slices.Sorted(maps.Keys(x.fileOf)) {
		file := x.fileOf[tensor]
		if file == "" || file == "." || file == ".." || strings.ContainsAny(file, "/\\\x00:") {
			return nil, fileErrorf(x.path,
				"tensor %q is in the file %q, but a shard must be in the folder of the index", tensor,
				file)
		}
		if !slices.Contains(x.files, file) {
			x.files = append(x.files, file)
		}
	}
	slices.SortFunc(x.files, compareNatural)
	return x, x.checkFolder()
}

// checkFolder returns an error for a missing shard and for an extra one.
func (x *shardIndex) checkFolder() error {
	entries, err := os.ReadDir(filepath.Dir(x.path))
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	exists := map[string]bool{}
	for _, e := range entries {
		exists[e.Name()] = true
		if index, _, ok := shardOf(e.Name()); ok && index == filepath.Base(x.path) &&
			!slices.Contains(x.files, e.Name()) {
			return fileErrorf(x.path, "shard %s is in the folder but not in the index; one of them is out of date",
				e.Name())
		}
	}
	for _, file := range x.files {
		if !exists[file] {
			return fileErrorf(x.path, "shard %s is in the index but not in the folder", file)
		}
	}
	return nil
}

// findShards finds the files of one folder that belong to models in shards. It returns the
// names of the indexes, and for each shard the name of its index.
func findShards(dir string, files []string) (indexes map[string]bool, shards map[string]string, err error) {
	indexes, shards = map[string]bool{}, map[string]string{}
	for _, name := range files {
		if isIndex(name) && !isNonModelName(strings.TrimSuffix(name, indexEnding)) {
			indexes[name] = true
		}
	}
	for _, name := range files {
		index, count, ok := shardOf(name)
		if !ok || isNonModelName(name) || !hasEnding(name) {
			continue
		}
		if !indexes[index] && count == singleShard {
			continue // one shard is a whole model
		}
		if !indexes[index] {
			return nil, nil, fmt.Errorf("exchange: %s is one of %s shards of a model, and their index %s is missing",
				filepath.Join(dir, name), count, index)
		}
		shards[name] = index
	}
	return indexes, shards, nil
}

// joinShards replaces shards that the user named by their index. The user must name all
// shards of a model, or the index.
func joinShards(members []checkpointFile) ([]checkpointFile, error) {
	listed := map[string]bool{}
	for _, m := range members {
		listed[m.path] = true
	}
	var out []checkpointFile
	joined := map[string]bool{}
	for _, m := range members {
		index := m.path
		if m.broken != nil || m.shards != nil {
			joined[m.path] = true
			out = append(out, m)
			continue
		}
		if !isIndex(filepath.Base(m.path)) {
			name, count, ok := shardOf(filepath.Base(m.path))
			if !ok {
				out = append(out, m)
				continue
			}
			index = filepath.Join(filepath.Dir(m.path), name)
			_, err := os.Stat(index)
			if missing := errors.Is(err, os.ErrNotExist); missing && count == singleShard {
				out = append(out, m)
				continue
			} else if missing {
				return nil, fmt.Errorf("exchange: %s is one of %s shards of a model, and their index %s is missing",
					m.path, count, name)
			}
		}
		if joined[index] {
			continue
		}
		joined[index] = true
		x, err := readIndex(index)
		if err != nil {
			return nil, err
		}
		for _, file := range x.files {
			if shard := filepath.Join(filepath.Dir(index), file); m.path != index && !listed[index] && !listed[shard] {
				return nil, fmt.Errorf("exchange: %s is one of %d shards of a model, but the shard %s is not given; "+
					"give the index %s, which has all of them", m.path, len(x.files), file, index)
			}
		}
		out = append(out, checkpointFile{path: index, shards: x, isNamed: m.isNamed})
	}
	return out, nil
}

// closers closes several files.
type closers []io.Closer

// Close closes all files, and returns all errors.
func (c closers) Close() error {
	var err error
	for _, one := range c {
		err = errors.Join(err, one.Close())
	}
	return err
}

// open opens all shards as one file of arrays.
func (x *shardIndex) open(key string) (_ *container, err error) {
	var files closers
	defer func() {
		if err != nil {
			files.Close()
		}
	}()
	all := &container{path: x.path, key: key}
	for _, name := range x.files {
		c, err := openContainer(filepath.Join(filepath.Dir(x.path), name), key)
		if err != nil {
			return nil, err
		}
		files = append(files, c)
		for i := range c.arrays {
			c.arrays[i].file = len(all.files)
		}
		all.files = append(all.files, c.files...)
		for _, a := range c.arrays {
			if in, ok := x.fileOf[a.name]; !ok || in != name {
				return nil, fileErrorf(x.path,
					"the index is out of date: shard %s has the tensor %q, but the index has it in "+
						"%q", name, a.name, in)
			}
		}
		all.arrays = append(all.arrays, c.arrays...)
		all.notes = append(all.notes, c.notes...)
		if all.metadata == nil || all.metadata[metaStep] == "" {
			all.metadata = c.metadata
		}
	}
	if err := x.checkTensors(all); err != nil {
		return nil, err
	}
	all.closer = files
	return all, nil
}

// checkTensors returns an error for a tensor that no shard has, and for a wrong total
// size. Programs differ in whether they count tied tensors once, so both sums are right.
func (x *shardIndex) checkTensors(all *container) error {
	exists := map[string]bool{}
	total, withoutTies, isKnown := int64(0), int64(0), true
	for i := range all.arrays {
		a := &all.arrays[i]
		exists[a.name] = true
		n, ok := payloadBytes(a.shape, a.element.width)
		isKnown = isKnown && ok && a.element.width > 0
		total += n
		if a.tiedTo == "" {
			withoutTies += n
		}
	}
	for _, tensor := range slices.Sorted(maps.Keys(x.fileOf)) {
		if !exists[tensor] {
			return fileErrorf(x.path, "the index is out of date: it has the tensor %q in %s, but that file does not have it",
				tensor, x.fileOf[tensor])
		}
	}
	if isKnown && x.totalBytes > 0 && x.totalBytes != total && x.totalBytes != withoutTies {
		return fileErrorf(x.path, "the index is out of date: its total_size is %d bytes, but the tensors in the "+
			"shards have %d",
			x.totalBytes, total)
	}
	return nil
}
