package report

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// entry is one BibTeX entry.
type entry struct {
	key  string
	text string // the unchanged text of the entry, from @ to the closing brace
}

// entries splits BibTeX into its entries. An entry ends with its closing brace. Text between
// entries and an entry without a closing brace are ignored.
func entries(bibtex string) []entry {
	var out []entry
	for {
		at := strings.IndexByte(bibtex, '@')
		if at < 0 {
			return out
		}
		bibtex = bibtex[at:]
		open, depth, end := strings.IndexByte(bibtex, '{'), 0, -1
		if open < 0 {
			return out
		}
		for i := open; i < len(bibtex) && end < 0; i++ {
			switch bibtex[i] {
			case '\\':
				i++
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					end = i + 1
				}
			}
		}
		if end < 0 {
			return out
		}
		key, _, _ := strings.Cut(bibtex[open+1:end-1], ",")
		out = append(out, entry{strings.TrimSpace(key), bibtex[:end]})
		bibtex = bibtex[end:]
	}
}

// bibliography returns the entries of all citations, sorted by key. If several entries have
// the same key, it keeps the first.
func bibliography(citations []string) []entry {
	var out []entry
	for _, c := range citations {
		for _, e := range entries(c) {
			if !slices.ContainsFunc(out, func(o entry) bool { return strings.EqualFold(o.key, e.key) }) {
				out = append(out, e)
			}
		}
	}
	slices.SortFunc(out, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return out
}

var field = regexp.MustCompile(`(?i)(\w+)\s*=\s*(?:\{((?:[^{}\\]|\\.|\{[^{}]*\})*)\}|"([^"]*)")`)

// line formats an entry as one line of a bibliography: authors, title, journal and year.
func (e entry) line() string {
	f := make(map[string]string)
	for _, m := range field.FindAllStringSubmatch(e.text, -1) {
		name := strings.ToLower(m[1])
		if _, there := f[name]; !there {
			f[name] = strings.Join(strings.Fields(strings.NewReplacer(`\{`, "{", `\}`, "}", "{", "", "}", "", `\&`,
				"&", "--", "\u2013").Replace(m[2]+m[3])), " ")
		}
	}
	var parts []string
	if a := f["author"]; a != "" {
		parts = append(parts, authors(a))
	}
	for _, name := range []string{"title", "journal", "booktitle", "note"} {
		if f[name] != "" {
			parts = append(parts, f[name])
		}
	}
	if f["year"] != "" {
		parts = append(parts, f["year"])
	}
	if len(parts) == 0 {
		return e.key + "."
	}
	return strings.Join(parts, ". ") + "."
}

// authors turns "Last, First and Last, First" into the last names of up to six.
func authors(s string) string {
	names := strings.Split(s, " and ")
	for i, n := range names {
		last, _, ok := strings.Cut(n, ",")
		if parts := strings.Fields(n); !ok && len(parts) > 0 {
			last = parts[len(parts)-1]
		}
		names[i] = strings.TrimSpace(last)
	}
	if len(names) > 6 {
		names = append(names[:5], "others")
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
