package exchange

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// commitHash is the name of a snapshot in the cache of the Hugging Face hub.
var commitHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

// isHubCache reports whether a folder is a model in the cache of the Hugging Face hub. Its
// checkpoints are the snapshots, whose files are links to blobs.
func isHubCache(entries []fs.DirEntry) bool {
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name && e.IsDir() })
	}
	return has("snapshots") && has("blobs") && has("refs")
}

// snapshotName returns the revision of a snapshot folder MODEL/snapshots/HASH in the
// cache of the Hugging Face hub: the name of the file in MODEL/refs that has the hash,
// such as step1000. It is "" for other folders and for a hash without a name.
func snapshotName(dir string) string {
	hash, snapshots := filepath.Base(dir), filepath.Dir(dir)
	if !commitHash.MatchString(hash) || filepath.Base(snapshots) != "snapshots" {
		return ""
	}
	found := ""
	refs := filepath.Join(filepath.Dir(snapshots), "refs")
	// A refs folder that is missing or cannot be read has no names.
	_ = filepath.WalkDir(refs, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > 100 {
			return nil
		}
		if text, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(text)) == hash {
			found = filepath.Base(path)
		}
		return nil
	})
	return found
}
