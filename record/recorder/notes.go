package recorder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/record/safefile"
)

// NotesName is the file of a user's notes about a run: one JSON object of type Note a line. It is not a part of the
// recording, and analyses do not read it.
const NotesName = "notes.jsonl"

// Largest sizes in bytes of a note and of a tag.
const (
	maxNote = 64 << 10
	maxTag  = 64
)

// Note is what a user wrote about a run at one time: a text, tags for the run, or both.
type Note struct {
	Time time.Time `json:"time"`
	Text string    `json:"text,omitempty"`
	Tags []string  `json:"tags,omitempty"`
	// RemovedTags are tags that the run no longer has.
	RemovedTags []string `json:"removed_tags,omitempty"`
}

// Notes are the notes of a run. Their texts and tags may have any characters: another person may have written them.
type Notes struct {
	Tags  []string `json:"tags"`  // that the run has now, sorted
	Notes []Note   `json:"notes"` // with a text, in the order of the file
	// Problem says why notes are missing; "" when all were read.
	Problem string `json:"notes_problem,omitempty"`
}

// validate checks a note before it is written.
func (n *Note) validate() error {
	if n.Text == "" && len(n.Tags) == 0 && len(n.RemovedTags) == 0 {
		return record.Optionf("the note is empty; give a text or a tag")
	}
	if len(n.Text) > maxNote {
		return record.Optionf("the note has %d bytes; at most %d are allowed", len(n.Text), maxNote)
	}
	if !utf8.ValidString(n.Text) {
		return record.Optionf("the note is not valid UTF-8 text")
	}
	for _, tag := range slices.Concat(n.Tags, n.RemovedTags) {
		bad := strings.IndexFunc(tag, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == ',' })
		if tag == "" || len(tag) > maxTag || bad >= 0 || !utf8.ValidString(tag) {
			return record.Optionf("the tag %q is not valid; a tag has 1 to %d bytes, and no space, comma or control "+
				"character", tag, maxTag)
		}
	}
	return nil
}

// AddNote adds a note to the run in dir. Processes that add notes at the same time do not lose one another's notes,
// and a note does not disturb a process that records the run.
func AddNote(dir string, n Note) error {
	if err := n.validate(); err != nil {
		return err
	}
	line, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return safefile.Append(filepath.Join(dir, NotesName), string(line))
}

// ReadNotes returns the notes of the run in dir. A line that cannot be read does not cost the others.
func ReadNotes(dir string) Notes {
	all := Notes{Tags: []string{}, Notes: []Note{}}
	text, err := ReadFile(dir, NotesName)
	if errors.Is(err, fs.ErrNotExist) {
		return all
	}
	if err != nil {
		all.Problem = printable.OneLine(err)
		return all
	}
	damaged := 0
	for line := range bytes.Lines(text) {
		var n Note
		switch err := json.Unmarshal(line, &n); {
		case len(bytes.TrimSpace(line)) == 0:
			continue
		case err != nil:
			damaged++
			continue
		}
		all.Tags = slices.DeleteFunc(append(all.Tags, n.Tags...), func(tag string) bool {
			return slices.Contains(n.RemovedTags, tag)
		})
		if n.Text != "" {
			all.Notes = append(all.Notes, n)
		}
	}
	slices.Sort(all.Tags)
	all.Tags = slices.Compact(all.Tags)
	if damaged > 0 {
		all.Problem = fmt.Sprintf("%s has lines that are not notes (%d); they are left out", filepath.Join(dir, NotesName),
			damaged)
	}
	return all
}

// IsEmpty reports whether there are no notes, no tags and no problem.
func (n *Notes) IsEmpty() bool { return len(n.Tags) == 0 && len(n.Notes) == 0 && n.Problem == "" }
