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

// indexEnding is what the name of an index ends in: model.safetensors.index.json.
const indexEnding = ".index.json"

// shardName matches model-00001-of-00003.safetensors.
var shardName = regexp.MustCompile(`^(.*)-(\d{4,})-of-(\d{4,})(\.\w+)$`)

// shardOf returns the name of the index that a shard belongs to, and how many shards
// there are; ok is false for other names.
func shardOf(name string) (index, count string, ok bool) {
	m := shardName.FindStringSubmatch(name)
	if m == nil {
		return "", "", false
	}
	return m[1] + m[4] + indexEnding, strings.TrimLeft(m[3], "0"), true
}

// onlyShard is the count of a model in one shard, which is whole without an index.
const onlyShard = "1"

func isIndex(name string) bool {
	file, ok := strings.CutSuffix(name, indexEnding)
	return ok && hasEnding(file)
}

// shardIndex says which tensor of a model is in which file.
type shardIndex struct {
	path  string
	files []string          // names, in natural order
	where map[string]string // file of each tensor
	total int64             // bytes of all tensors; 0 where the index does not say
}

// maxIndexBytes bounds an index; one of 100,000 tensors has 10 MB.
const maxIndexBytes = 256 << 20

// readIndex reads an index and checks that the folder has the shards that it names,
// and no others.
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
		return nil, x.errorf("it is not an index of shards: %w", err)
	}
	if len(content.WeightMap) == 0 {
		return nil, x.errorf(`its "weight_map" names no tensor`)
	}
	if size, err := content.Metadata.TotalSize.Float64(); err == nil {
		x.total = int64(size)
	}
	x.where = content.WeightMap
	for _, tensor := range slices.Sorted(maps.Keys(x.where)) {
		file := x.where[tensor]
		if file == "" || file == "." || file == ".." || strings.ContainsAny(file, "/\\\x00:") {
			return nil, x.errorf("tensor %q is in the file %q; a shard must be a file in the folder of the index", tensor, file)
		}
		if !slices.Contains(x.files, file) {
			x.files = append(x.files, file)
		}
	}
	slices.SortFunc(x.files, compareNatural)
	return x, x.checkFolder()
}

func (x *shardIndex) errorf(format string, args ...any) error {
	return fmt.Errorf("exchange: %s: "+format, append([]any{x.path}, args...)...)
}

// checkFolder refuses a missing and an extra shard.
func (x *shardIndex) checkFolder() error {
	entries, err := os.ReadDir(filepath.Dir(x.path))
	if err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = true
		if index, _, ok := shardOf(e.Name()); ok && index == filepath.Base(x.path) && !slices.Contains(x.files, e.Name()) {
			return x.errorf("shard %s is in the folder and not in the index: one of them is out of date", e.Name())
		}
	}
	for _, file := range x.files {
		if !there[file] {
			return x.errorf("shard %s is in the index and not in the folder", file)
		}
	}
	return nil
}

// findShards sorts out the files of one folder that belong to models in shards: the
// names of the indexes, and for each shard the name of its index.
func findShards(dir string, files []string) (indexes map[string]bool, shards map[string]string, err error) {
	indexes, shards = map[string]bool{}, map[string]string{}
	for _, name := range files {
		if isIndex(name) && !isCompanion(strings.TrimSuffix(name, indexEnding)) {
			indexes[name] = true
		}
	}
	for _, name := range files {
		index, count, ok := shardOf(name)
		if !ok || isCompanion(name) || !hasEnding(name) {
			continue
		}
		if !indexes[index] && count == onlyShard {
			continue // a whole model
		}
		if !indexes[index] {
			return nil, nil, fmt.Errorf("exchange: %s is one of %s shards of a model, and their index %s is missing", filepath.Join(dir, name), count, index)
		}
		shards[name] = index
	}
	return indexes, shards, nil
}

// joinListed replaces the shards that the user named by the index that joins them. All
// shards of a model must be there.
func joinListed(members []member) ([]member, error) {
	listed := map[string]bool{}
	for _, m := range members {
		listed[m.path] = true
	}
	var out []member
	joined := map[string]bool{}
	for _, m := range members {
		index := m.path
		if !isIndex(filepath.Base(m.path)) {
			name, count, ok := shardOf(filepath.Base(m.path))
			if !ok {
				out = append(out, m)
				continue
			}
			index = filepath.Join(filepath.Dir(m.path), name)
			_, err := os.Stat(index)
			if missing := errors.Is(err, os.ErrNotExist); missing && count == onlyShard {
				out = append(out, m)
				continue
			} else if missing {
				return nil, fmt.Errorf("exchange: %s is one of %s shards of a model, and their index %s is missing", m.path, count, name)
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
				return nil, fmt.Errorf("exchange: %s is one of %d shards of a model, and the shard %s is not given; give the index %s, which joins them", m.path, len(x.files), file, index)
			}
		}
		out = append(out, member{path: index, shards: x, named: m.named})
	}
	return out, nil
}

// closers closes several files.
type closers []io.Closer

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
	whole := &container{path: x.path, key: key}
	for _, name := range x.files {
		c, err := openContainer(filepath.Join(filepath.Dir(x.path), name), key)
		if err != nil {
			return nil, err
		}
		files = append(files, c)
		for _, a := range c.arrays {
			if in, ok := x.where[a.name]; !ok || in != name {
				return nil, x.errorf("the index is out of date: shard %s has the tensor %q, which the index has in %q", name, a.name, in)
			}
		}
		whole.arrays = append(whole.arrays, c.arrays...)
		whole.notes = append(whole.notes, c.notes...)
		if whole.metadata == nil || whole.metadata[metaStep] == "" {
			whole.metadata = c.metadata
		}
	}
	if err := x.checkTensors(whole); err != nil {
		return nil, err
	}
	whole.closer = files
	return whole, nil
}

// checkTensors refuses an index with a tensor that no shard has, or with other sizes.
func (x *shardIndex) checkTensors(whole *container) error {
	there := map[string]bool{}
	all, once, known := int64(0), int64(0), true
	for i := range whole.arrays {
		a := &whole.arrays[i]
		there[a.name] = true
		n, ok := payloadBytes(a.shape, a.element.width)
		known = known && ok && a.element.width > 0
		all += n
		if a.same == "" {
			once += n
		}
	}
	for _, tensor := range slices.Sorted(maps.Keys(x.where)) {
		if !there[tensor] {
			return x.errorf("the index is out of date: it has the tensor %q in %s, which does not have it", tensor, x.where[tensor])
		}
	}
	if known && x.total > 0 && x.total != all && x.total != once {
		return x.errorf("the index is out of date: its total_size is %d bytes, and the tensors in the shards have %d", x.total, all)
	}
	return nil
}
