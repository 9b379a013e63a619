package figure

import (
	"bytes"
	"fmt"

	"sgdwalk/record/safefile"
)

// Save writes fig as base.svg, base.png and base.pdf (or the formats given) and
// what is drawn as base.csv, and returns the paths in that order. Everything is
// drawn before anything is written, and every file appears under a temporary name
// and is renamed, so a reader never sees half of one. Files of these names are
// replaced.
func Save(fig Figure, base string, formats ...Format) ([]string, error) {
	if len(formats) == 0 {
		formats = Formats
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
		if err := safefile.WriteBytes(f.path, f.data); err != nil {
			return paths, fmt.Errorf("figure: %w", err)
		}
		paths = append(paths, f.path)
	}
	return paths, nil
}
