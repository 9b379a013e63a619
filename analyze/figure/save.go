package figure

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// Save writes fig as base.svg, base.png and base.pdf (or the formats given) and
// what is drawn as base.csv, and returns the paths in that order. Everything is
// drawn before anything is written, and every file appears under a temporary name
// and is renamed, so a reader never sees half of one. Files of these names are
// replaced.
func Save(fig Figure, base string, formats ...Format) ([]string, error) {
	if len(formats) == 0 {
		formats = []Format{SVG, PNG, PDF}
	}
	type file struct {
		path string
		data []byte
	}
	var files []file
	for _, f := range formats {
		data, err := render(fig, f)
		if err != nil {
			return nil, err
		}
		files = append(files, file{base + "." + string(f), data})
	}
	var table bytes.Buffer
	t := fig.Table()
	if err := t.WriteCSV(&table); err != nil {
		return nil, fmt.Errorf("figure: %s.csv: %w", base, err)
	}
	files = append(files, file{base + ".csv", table.Bytes()})
	var paths []string
	for _, f := range files {
		if err := writeFile(f.path, f.data); err != nil {
			return paths, err
		}
		paths = append(paths, f.path)
	}
	return paths, nil
}

func writeFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("figure: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("figure: %w", err)
		}
	}()
	if _, err = f.Write(data); err == nil {
		err = f.Chmod(0o644) // CreateTemp gives 0600
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
