package exchange

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Numbering says where the step of a checkpoint comes from.
type Numbering string

// The numberings.
const (
	// ByAnything takes the first of the following that goes forward from file to
	// file: the metadata of the files, their names, their places.
	ByAnything Numbering = ""
	ByMetadata Numbering = "metadata" // key "step" of a safetensors file
	ByName     Numbering = "name"     // the last number in the file's name
	ByPlace    Numbering = "place"    // 0, 1, 2, ...
)

// numbers collects what files say of their steps.
type numbers struct {
	metadata, name, place []int64 // nil once a file says nothing or goes back
	missing               [2]string
	epochs                []int32
	header                map[string]bool
	headers               int
}

func (n *numbers) add(c *container) {
	i := len(n.place)
	n.place = append(n.place, int64(i))
	digits, ok := lastNumber(strings.TrimSuffix(filepath.Base(c.path), filepath.Ext(c.path)))
	n.extend(&n.name, 1, i, digits, ok, c.path)
	meta, ok := c.metadata[metaStep]
	n.extend(&n.metadata, 0, i, meta, ok, c.path)
	epoch, err := strconv.ParseInt(c.metadata[metaEpoch], 10, 32)
	if err != nil || epoch < 0 {
		epoch = 0
	}
	n.epochs = append(n.epochs, int32(epoch))
	if n.header == nil {
		n.header = map[string]bool{}
	}
	if h, ok := c.metadata[metaHeader]; ok && json.Valid([]byte(h)) {
		n.header[h] = true
	}
	n.headers = len(n.header)
}

func (n *numbers) extend(list *[]int64, which, i int, text string, ok bool, path string) {
	if len(*list) != i || n.missing[which] != "" {
		return
	}
	v, err := strconv.ParseInt(text, 10, 64)
	switch {
	case !ok || err != nil || v < 0:
		n.missing[which] = fmt.Sprintf("%s has %q for it, which is no whole number of at least 0", path, text)
		if !ok {
			n.missing[which] = path + " has none"
		}
	case i > 0 && v <= (*list)[i-1]:
		n.missing[which] = fmt.Sprintf("%s has %d after %d", path, v, (*list)[i-1])
	default:
		*list = append(*list, v)
	}
}

// number decides the steps of the rows.
func (s *checkpoints) number(n *numbers) error {
	all := len(s.files)
	s.epochs = n.epochs
	usable := map[Numbering]bool{ByMetadata: len(n.metadata) == all, ByName: len(n.name) == all, ByPlace: true}
	by := s.options.Steps
	if by == ByAnything {
		for _, by = range []Numbering{ByMetadata, ByName, ByPlace} {
			if usable[by] && (by != ByName || all > 1) { // the number in one name says little: resnet20
				break
			}
		}
	}
	switch by {
	case ByMetadata:
		s.steps = n.metadata
		if !usable[by] {
			return fmt.Errorf("exchange: the steps cannot be taken from the files' metadata: %s", n.missing[0])
		}
	case ByName:
		s.steps = n.name
		if !usable[by] {
			return fmt.Errorf("exchange: the steps cannot be taken from the files' names: %s", n.missing[1])
		}
	default:
		s.steps = n.place
	}
	if s.options.Steps == ByAnything {
		where := map[Numbering]string{ByMetadata: "the files' metadata", ByName: "the last number in the files' names", ByPlace: "the files' places in the list"}[by]
		s.warn("the steps, %d to %d, are taken from %s", s.steps[0], s.steps[all-1], where)
	}
	return nil
}
