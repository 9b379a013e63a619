package exchange

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files returns the files to import in their order: those given, and of each
// directory given the ones in it whose names end as those of checkpoints do.
// The order is the natural one of their paths: ckpt-2 comes before ckpt-10. A
// directory without such a file, and a file that comes twice, are errors.
func Files(paths ...string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, fmt.Errorf("exchange: %w", err)
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		entries, err := os.ReadDir(p)
		if err != nil {
			return nil, fmt.Errorf("exchange: %w", err)
		}
		before := len(files)
		for _, e := range entries {
			if extensions[strings.ToLower(filepath.Ext(e.Name()))] && !e.IsDir() {
				files = append(files, filepath.Join(p, e.Name()))
			}
		}
		if len(files) == before {
			return nil, fmt.Errorf("exchange: directory %s has no file whose name ends in %s", p, extensionList())
		}
	}
	slices.SortFunc(files, compareNatural)
	for i := 1; i < len(files); i++ {
		if files[i] == files[i-1] {
			return nil, fmt.Errorf("exchange: file %s is given twice", files[i])
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("exchange: no file to import")
	}
	return files, nil
}
