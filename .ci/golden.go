// golden compares two directories that two versions of sgdwalk wrote: tables byte by
// byte, recorded rows without their wall times, and the keys, numbers and names of JSON
// files. Sentences, figures, plans and times are left out.
package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

func main() {
	differences, compared := 0, map[string]int{}
	report := func(format string, args ...any) {
		differences++
		fmt.Printf("golden: "+format+"\n", args...)
	}
	a, b := files(os.Args[1]), files(os.Args[2])
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if !b[name] {
			report("%s is missing", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if !a[name] {
			report("%s is new", name)
			continue
		}
		before, after := filepath.Join(os.Args[1], name), filepath.Join(os.Args[2], name)
		kind := kindOf(name)
		compared[kind]++
		switch kind {
		case "run":
			compareRuns(name, filepath.Dir(before), filepath.Dir(after), report)
		case "JSON":
			compareJSON(name, before, after, report)
		case "table":
			if !bytes.Equal(table(before), table(after)) {
				report("%s differs: compare %s with %s", name, before, after)
			}
		}
	}
	fmt.Printf("golden: %d tables, %d JSON files, %d runs compared; %d other files are left out; %d differences\n",
		compared["table"], compared["JSON"], compared["run"], compared[""], differences)
	if differences > 0 || compared["table"] == 0 || compared["run"] == 0 {
		os.Exit(1)
	}
}

// kindOf says how a file is compared; "" leaves it out.
func kindOf(name string) string {
	base := filepath.Base(name)
	if top, _, _ := strings.Cut(filepath.ToSlash(name), "/"); strings.HasPrefix(top, "plan-") {
		return ""
	}
	switch {
	case base == "status":
		return "table"
	case base == "header.json":
		return "run"
	case strings.HasPrefix(base, "steps-"): // the rows of a run
		return ""
	}
	switch filepath.Ext(base) {
	case ".json":
		return "JSON"
	case ".csv", ".arrow", ".safetensors":
		return "table"
	}
	return ""
}

func files(dir string) map[string]bool {
	all := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			base := filepath.Base(name)
			isText := strings.HasPrefix(base, "out-") && !strings.HasSuffix(base, ".json")
			if !isText && !strings.HasPrefix(base, "input-") { // the input of a plan has its hash as its name
				all[name] = true
			}
		}
		return err
	})
	check(err)
	return all
}

// compareRuns compares every row except its wall times.
func compareRuns(name, before, after string, report func(string, ...any)) {
	a, err := arrowfile.Open(before)
	check(err)
	defer a.Close()
	b, err := arrowfile.Open(after)
	check(err)
	defer b.Close()
	compareJSON(name, filepath.Join(before, "header.json"), filepath.Join(after, "header.json"), report)
	if a.Len() != b.Len() {
		report("%s: the run has %d rows, and had %d", name, b.Len(), a.Len())
		return
	}
	for i := range a.Len() {
		x, err := a.Read(i, record.AllParts)
		check(err)
		y, err := b.Read(i, record.AllParts)
		check(err)
		if bits(x) != bits(y) {
			report("%s: row %d differs", name, i)
			return
		}
	}
}

// bits formats a row without its wall times: NaN equals NaN.
func bits(s record.Step) string {
	v := reflect.ValueOf(s)
	var b strings.Builder
	for i := range v.NumField() {
		if field := v.Type().Field(i); !strings.HasPrefix(field.Name, "Wall") {
			fmt.Fprintf(&b, "%s=%v\n", field.Name, v.Field(i))
		}
	}
	return b.String()
}

// compareJSON compares keys, numbers, truth values and names; strings with a space are
// sentences.
func compareJSON(name, before, after string, report func(string, ...any)) {
	var a, b any
	decode(before, &a)
	decode(after, &b)
	compareValues(name, "", a, b, report)
}

// isUnstable says of a key or a column whether two calls of one program write different
// values: times, and how far the recorder was behind.
func isUnstable(name string) bool {
	return name == "software" || name == "most_queued" || name == "time_share" || strings.Contains(name, "seconds") ||
		strings.HasPrefix(name, "wall")
}

// table returns a file without the columns that are unstable.
func table(path string) []byte {
	b := read(path)
	if filepath.Ext(path) != ".csv" {
		return b
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || !slices.ContainsFunc(rows[0], isUnstable) {
		return b
	}
	var out bytes.Buffer
	for _, row := range rows {
		for i, cell := range row {
			if !isUnstable(rows[0][i]) {
				fmt.Fprintf(&out, "%q,", cell)
			}
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}

func compareValues(name, at string, a, b any, report func(string, ...any)) {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			report("%s: %q is no object any more", name, at)
			return
		}
		for _, key := range slices.Sorted(maps.Keys(x)) {
			switch other, ok := y[key]; {
			case !ok:
				report("%s: %q is absent now", name, at+"."+key)
			case !isUnstable(key):
				compareValues(name, at+"."+key, x[key], other, report)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(y)) {
			if _, ok := x[key]; !ok {
				report("%s: %q is new", name, at+"."+key)
			}
		}
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			report("%s: %q has other elements", name, at)
			return
		}
		for i := range x {
			compareValues(name, fmt.Sprintf("%s[%d]", at, i), x[i], y[i], report)
		}
	case string:
		y, ok := b.(string)
		bothText := strings.Contains(x, " ") && strings.Contains(y, " ")
		if !ok || x != y && !bothText {
			report("%s: %q is %v, and was %q", name, at, b, x)
		}
	default:
		if a != b {
			report("%s: %q is %v, and was %v", name, at, b, a)
		}
	}
}

func decode(path string, v any) {
	d := json.NewDecoder(bytes.NewReader(read(path)))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		check(fmt.Errorf("%s: %w", path, err))
	}
}

func read(path string) []byte {
	b, err := os.ReadFile(path)
	check(err)
	return b
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "golden:", err)
		os.Exit(1)
	}
}
