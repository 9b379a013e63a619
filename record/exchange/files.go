package exchange

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// checkpointFile is one checkpoint of a series: a file, or the index of a model in
// shards.
type checkpointFile struct {
	path    string
	shards  *shardIndex // nil for a file
	isNamed bool        // the user named the file, or a folder that has only this checkpoint
	broken  error       // why the checkpoint cannot be opened; nil otherwise
}

// checkpointEndings are the endings of files that are checkpoints when they are in a
// folder. A file that the user names may have any name.
var checkpointEndings = []string{".safetensors", ".npz", ".npy", ".pt", ".pth", ".pth.tar", ".ckpt", ".bin"}

// hasEnding reports whether a name has the ending of a checkpoint.
func hasEnding(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(checkpointEndings, func(end string) bool { return strings.HasSuffix(name, end) })
}

// maxDepth is how deep folders are searched. It suffices for
// lightning_logs/version_0/checkpoints/FILE and iter_0000100/mp_rank_00/FILE.
const maxDepth = 4

// ErrNoCheckpoint is wrapped by the error for a folder without checkpoints.
var ErrNoCheckpoint = errors.New("has no file with an ending of checkpoints")

// collector finds the checkpoints in files and folders.
type collector struct {
	members []checkpointFile
	skipped skippedFiles
	// keepBroken makes a broken member of a model whose shards do not fit together, and of what cannot
	// be opened. Otherwise they are errors.
	keepBroken bool
}

// collect returns the checkpoints of the paths: each file, and the checkpoints in each
// folder, in the natural order of their paths (ckpt-2 before ckpt-10). The notes name
// the files of the folders that are left out.
func collect(paths []string, keepBroken bool) ([]checkpointFile, []string, error) {
	c := collector{keepBroken: keepBroken}
	for _, p := range paths {
		p = filepath.Clean(p)
		info, err := os.Stat(p)
		if err != nil {
			return nil, nil, fmt.Errorf("exchange: %w", err)
		}
		if !info.IsDir() {
			c.members = append(c.members, checkpointFile{path: p, isNamed: true})
			continue
		}
		before := len(c.members)
		if err := c.walk(p, 0); err != nil {
			return nil, nil, err
		}
		found := c.members[before:]
		if len(found) == 0 {
			return nil, nil, fmt.Errorf("exchange: directory %s %w (%s)%s", p, ErrNoCheckpoint,
				strings.Join(checkpointEndings, ", "), c.skipped.describe("; it has "))
		}
		slices.SortStableFunc(found, func(a, b checkpointFile) int { return compareNatural(a.path, b.path) })
		found[0].isNamed = len(found) == 1
	}
	if len(c.members) == 0 {
		return nil, nil, fmt.Errorf("exchange: no file to import")
	}
	var err error
	if c.members, err = joinShards(c.members); err != nil { // of files that the user named
		return nil, nil, err
	}
	if err := checkMembers(c.members); err != nil {
		return nil, nil, err
	}
	var notes []string
	if text := c.skipped.describe(""); text != "" {
		notes = append(notes, "left out of the folders: "+text)
	}
	return c.members, notes, nil
}

// walk adds the checkpoints in a folder and in its subfolders.
func (c *collector) walk(dir string, depth int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return c.keep(dir, fmt.Errorf("exchange: %w", err), depth > 0)
	}
	if depth > 0 && isRecording(entries) {
		c.skipped.add(dir + string(filepath.Separator))
		return nil
	}
	var files []string
	isCache := isHubCache(entries)
	for _, e := range entries {
		if isCache && (e.Name() == "blobs" || e.Name() == "refs") {
			continue // the files of the snapshots, and the names of the snapshots
		}
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		switch {
		case err != nil && hasEnding(e.Name()) && c.keepBroken:
			files = append(files, e.Name()) // a link to nothing, which cannot be opened either
		case err != nil && hasEnding(e.Name()):
			return fmt.Errorf("exchange: %w", err)
		case err != nil:
			c.skipped.add(path)
		case info.IsDir() && (strings.HasPrefix(e.Name(), ".") || e.Type()&fs.ModeSymlink != 0 || depth == maxDepth):
			c.skipped.add(path + string(filepath.Separator))
		case info.IsDir():
			if err := c.walk(path, depth+1); err != nil {
				return err
			}
		case !info.Mode().IsRegular() && hasEnding(e.Name()):
			err := fmt.Errorf("exchange: %s: it is %s; a checkpoint is a regular file", path, typeName(info.Mode()))
			if err := c.keep(path, err, true); err != nil {
				return err
			}
		case !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), "."):
			c.skipped.add(path)
		default:
			files = append(files, e.Name())
		}
	}
	return c.choose(dir, files)
}

// keep adds a broken member, if broken members are kept and this path may be one. Otherwise it
// returns the error.
func (c *collector) keep(path string, err error, mayBeMember bool) error {
	if !c.keepBroken || !mayBeMember {
		return err
	}
	c.members = append(c.members, checkpointFile{path: path, broken: err})
	return nil
}

// isRecording reports whether a folder is a run that this program recorded. Analyses write
// arrays into such a folder, which are not checkpoints.
func isRecording(entries []fs.DirEntry) bool {
	has := func(start, end string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
			return strings.HasPrefix(e.Name(), start) && strings.HasSuffix(e.Name(), end)
		})
	}
	return has("header.json", "") && has("steps-", ".arrow")
}

// choose adds the checkpoints among the files of one folder, and skips the other files.
func (c *collector) choose(dir string, files []string) error {
	indexes, shards, err := findShards(dir, files)
	if err != nil {
		return c.keep(dir, err, true)
	}
	var names []string
	for _, name := range files {
		isFile := shards[name] == "" && hasEnding(name) && !isNonModelName(name) &&
			mayBeCheckpoint(filepath.Join(dir, name))
		switch {
		case indexes[name] || isFile:
			names = append(names, name)
		case shards[name] == "":
			c.skipped.add(filepath.Join(dir, name))
		}
	}
	names, others := chooseModel(names)
	for _, name := range others {
		c.skipped.add(filepath.Join(dir, name))
	}
	for _, name := range files { // shards of a model that is imported in another format
		if index := shards[name]; index != "" && !slices.Contains(names, index) {
			c.skipped.add(filepath.Join(dir, name))
		}
	}
	for _, name := range names {
		m := checkpointFile{path: filepath.Join(dir, name)}
		if indexes[name] {
			if twin := strings.TrimSuffix(name, indexEnding); slices.Contains(others, twin) ||
				slices.Contains(names, twin) {
				return fmt.Errorf("exchange: %s has both %s and %s, and one of them may be out of date; give the one "+
					"to import by its name", dir, twin, name)
			}
			if m.shards, err = readIndex(m.path); err != nil && !c.keepBroken {
				return err
			}
			m.broken = err
		}
		c.members = append(c.members, m)
	}
	return nil
}

// chooseModel divides the files of a folder into checkpoints and other files. When a file
// has the usual name of a model, files without a number are other files.
func chooseModel(names []string) (checkpoints, others []string) {
	i := slices.IndexFunc(modelFiles, func(m string) bool { return slices.Contains(names, m) })
	if i < 0 {
		return names, nil
	}
	for _, name := range names {
		words := nameParts{fileWords: splitWords(trimFormat(name))}
		isNumbered := slices.ContainsFunc(stepRules, func(r stepRule) bool { _, ok := words.read(r); return ok })
		if name == modelFiles[i] || isNumbered {
			checkpoints = append(checkpoints, name)
		} else {
			others = append(others, name)
		}
	}
	return checkpoints, others
}

// modelFiles are the usual names of the model in a folder that also has other files, such
// as an exponential average or another format. The first name that exists is the model.
var modelFiles = []string{
	"model.safetensors" + indexEnding, "model.safetensors", "pytorch_model.safetensors",
	"pytorch_model.bin" + indexEnding, "pytorch_model.bin",
	"diffusion_pytorch_model.safetensors" +
		indexEnding, "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin",
	"adapter_model.safetensors", "adapter_model.bin",
	"model.pt", "model.pth", "model.ckpt", "model.bin", "model.npz",
}

// nonModelName matches the names of other files that a training script saves next to a
// model, such as the state of the optimizer.
var nonModelName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`(?i)^(opt\d+|training_args|args|vocab|tokenizer|sampler.*|dataloader.*|` +
			`(.*[^a-z])?(optimizers?|optim|optim_states|optimizer_states?|schedulers?|lr_scheduler|rng|rng_states?|` +
			`random_states?|scaler|grad_scaler|trainer_state|train_state)([^a-z].*)?)$`)
})

// isNonModelName reports whether a file is not a model, judged by its name.
func isNonModelName(name string) bool {
	name = trimFormat(name)
	// Megatron saves model and optimizer in one file
	return nonModelName().MatchString(name) && !strings.HasPrefix(name, "model_optim_rng")
}

// mayBeCheckpoint reports whether a file can come from torch.save. It reads only .bin
// files, because other programs use that ending too. For a file that cannot be read it
// returns true, so that the error names the file later.
func mayBeCheckpoint(path string) bool {
	if !strings.EqualFold(filepath.Ext(path), ".bin") {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	start := make([]byte, 2)
	if _, err := f.ReadAt(start, 0); err != nil {
		return false
	}
	return string(start) == "PK" || start[0] == 0x80 && start[1] <= 5 // a zip archive or a pickle
}

// partName matches the number of the process in the names of parts of one model.
var partName = regexp.MustCompile(`(?i)(rank[_-]?)\d+((?:_\d+)*)|(consolidated\.)\d+`)

// worldSize matches names of parts that have the number of processes.
var worldSize = regexp.MustCompile(`(?i)world_size_(\d+)_rank_\d+`)

// checkMembers returns an error for a file that comes twice, and for parts of a model that
// cannot be joined.
func checkMembers(members []checkpointFile) error {
	paths, parts := map[string]bool{}, map[string]string{}
	for _, m := range members {
		if paths[m.path] {
			return fmt.Errorf("exchange: file %s is given twice", m.path)
		}
		paths[m.path] = true
		const advice = "join the parts into one file with the program that saved them"
		if size := worldSize.FindStringSubmatch(filepath.Base(m.path)); size != nil && size[1] != "1" {
			return fmt.Errorf("exchange: %s is only the part that one of %s processes saved; %s", m.path, size[1],
				advice)
		}
		whole := partName.ReplaceAllString(m.path, "$1$3*")
		if whole == m.path {
			continue
		}
		if first, again := parts[whole]; again {
			return fmt.Errorf("exchange: %s and %s are parts of one model, saved by several processes; %s", first,
				m.path, advice)
		}
		parts[whole] = m.path
	}
	return nil
}

// copyWords are words in the names of copies of another checkpoint.
var copyWords = []string{"last", "best", "latest", "final", "current", "newest"}

// dropCopies leaves out checkpoints of a folder whose names have no step, when others have
// one: last.ckpt, best.pt, and a model above the folders of the steps. They are mostly
// copies of a numbered checkpoint.
func dropCopies(members []checkpointFile) ([]checkpointFile, []string) {
	paths := pathsOf(members)
	n := newNumbering(paths, false)
	if n.rule.name == "" || n.nameErr == nil {
		return members, nil
	}
	var kept []checkpointFile
	var copies []string
	for i, m := range members {
		if !m.isNamed && i < len(n.names) && !n.names[i].hasStep && (isCopy(m.path) || isAbove(m.path, n.names)) {
			copies = append(copies, m.path)
			continue
		}
		kept = append(kept, m)
	}
	if len(copies) == 0 {
		return members, nil
	}
	return kept, []string{"left out, because the name has no step and the others have one: " +
		strings.Join(joinNames(copies), ", ")}
}

// isCopy reports whether the name of a file says that it is a copy of another checkpoint.
func isCopy(path string) bool {
	return slices.ContainsFunc(splitWords(trimFormat(filepath.Base(path))),
		func(w word) bool { return slices.Contains(copyWords, w.text) })
}

// isAbove reports whether a file is above the folders of all numbered checkpoints.
func isAbove(path string, names []fileStep) bool {
	dir := filepath.Dir(path)
	return !slices.ContainsFunc(names, func(f fileStep) bool {
		within, err := filepath.Rel(dir, filepath.Dir(f.path))
		return f.hasStep && (err != nil || within == "." || strings.HasPrefix(within, ".."))
	})
}

// open opens a file, or all shards of a model as one file.
func (m checkpointFile) open(key string) (*container, error) {
	if m.broken != nil {
		return nil, m.broken
	}
	if m.shards != nil {
		return m.shards.open(key)
	}
	return openContainer(m.path, key)
}

// isListed reports whether the user named every checkpoint.
func areNamed(members []checkpointFile) bool {
	return !slices.ContainsFunc(members, func(m checkpointFile) bool { return !m.isNamed })
}

// pathsOf returns the paths of the checkpoints.
func pathsOf(members []checkpointFile) []string {
	paths := make([]string, len(members))
	for i, m := range members {
		paths[i] = m.path
	}
	return paths
}
