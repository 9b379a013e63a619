package exchange

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Numbering says where the steps of checkpoints come from: one of the constants below,
// or the steps themselves as text, "0,10,20", one for each checkpoint in its order.
type Numbering string

// The numberings.
const (
	// ByAnything takes the metadata if all files have a step there, else the first rule
	// for names that applies to a file. That rule must then apply to all files.
	// CHECKPOINTS.md has the rules in their order.
	ByAnything Numbering = ""
	ByMetadata Numbering = "metadata" // the key "step" of a safetensors file; numbers next to the state dict of a .pt file
	ByName     Numbering = "name"     // the rules for names
	ByOrder    Numbering = "order"    // 0, 1, 2, ... in the order of the files
	ByPlace    Numbering = "place"    // an older word for ByOrder
)

// list returns the steps that a numbering lists, or nil when it is one of the words.
func (n Numbering) list() ([]int64, error) {
	if !strings.ContainsAny(string(n), "0123456789") {
		return nil, nil
	}
	var steps []int64
	for _, text := range strings.Split(string(n), ",") {
		v, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("exchange: steps is %q; %q is not a whole number of at least 0. A list of steps looks like 0,10,20", n, text)
		}
		steps = append(steps, v)
	}
	return steps, nil
}

func (n Numbering) validate() error {
	if list, err := n.list(); list != nil || err != nil {
		return err
	}
	if !slices.Contains([]Numbering{ByAnything, ByMetadata, ByName, ByOrder, ByPlace}, n) {
		return fmt.Errorf("exchange: steps is %q; allowed are metadata, name, order, or a list such as 0,10,20", n)
	}
	return nil
}

// howToDecide ends a refusal: the flags that decide where the steps come from.
const howToDecide = "--steps order numbers the files in their order, --steps 0,10,... lists the steps"

// numbered is a checkpoint with its step and where that comes from.
type numbered struct {
	path string
	step int64
	from string // `the number after "step" in the file's name`
	has  bool
}

// numbering is what a series of files says about its steps.
type numbering struct {
	paths    []string
	metadata []string // the step that the file's metadata has, as text; "" for none
	listed   bool     // the user gave the files one by one, in an order
	names    []numbered
	rule     stepRule // of names; zero where no rule applies to any file
	problem  error    // why the names give no steps
}

// newNumbering reads the names of the files.
func newNumbering(paths []string, listed bool) *numbering {
	n := &numbering{paths: paths, listed: listed, metadata: make([]string, len(paths))}
	n.problem = n.readNames(partsOf(paths, true))
	if n.rule.name == "" {
		n.problem = n.readNames(partsOf(paths, false))
	}
	return n
}

// readNames finds the first rule that applies to a name and reads all names by it.
func (n *numbering) readNames(parts []nameParts) error {
	for _, n.rule = range stepRules {
		if len(n.paths) == 1 && !n.rule.marked && !n.rule.epochs {
			continue // a single unmarked number says little: resnet20
		}
		n.names = make([]numbered, len(n.paths))
		with := -1
		var tooLarge error
		for i, p := range parts {
			n.names[i].path = n.paths[i]
			r, ok := p.read(n.rule)
			if !ok {
				continue
			}
			step, err := strconv.ParseInt(r.digits, 10, 64)
			if err != nil && tooLarge == nil {
				tooLarge = fmt.Errorf("exchange: %s: %s in the %s's name is %s, which is not a whole number of at most %d; %s", n.paths[i], r.how, r.inName, r.digits, int64(math.MaxInt64), howToDecide)
			}
			n.names[i] = numbered{n.paths[i], step, fmt.Sprintf("%s in the %s's name", r.how, r.inName), true}
			if with < 0 {
				with = i
			}
		}
		if tooLarge != nil {
			return tooLarge
		}
		if with >= 0 {
			return n.allNamed(n.names[with])
		}
	}
	n.rule, n.names = stepRule{}, nil
	return fmt.Errorf("exchange: %s has no step in its name; %s", n.paths[0], howToDecide)
}

// allNamed checks that the rule which applies to one file applies to all of them.
func (n *numbering) allNamed(with numbered) error {
	for _, f := range n.names {
		switch {
		case !f.has:
			return fmt.Errorf("exchange: %s has no step in its name, and %s has step %d, %s; %s", f.path, with.path, with.step, with.from, howToDecide)
		case n.rule.name == "attached" && f.from != with.from:
			return fmt.Errorf("exchange: the names have no common rule for the step: %s has %s and %s has %s; %s", f.path, f.from, with.path, with.from, howToDecide)
		}
	}
	return nil
}

// decide returns the steps of the files, where they come from in words, and notes.
func (n *numbering) decide(by Numbering) ([]int64, string, []string, error) {
	if list, err := by.list(); list != nil || err != nil {
		if err == nil && len(list) != len(n.paths) {
			err = fmt.Errorf("exchange: steps lists %d steps for %d checkpoints, %s", len(list), len(n.paths), n.span())
		}
		given := n.numbered(list)
		return list, examples(given), nil, cmp.Or(err, repeats(given))
	}
	var found []numbered
	var err error
	switch by {
	case ByMetadata:
		found, err = n.fromMetadata()
	case ByName:
		found, err = n.names, n.problem
		if len(n.paths) == 1 && err != nil {
			found, err = n.fromSingleName()
		}
	case ByOrder, ByPlace:
		return n.order(), n.orderWords(), nil, nil
	default:
		return n.decideAlone()
	}
	if err == nil {
		err = repeats(found)
	}
	if err != nil {
		return nil, "", nil, err
	}
	return stepsOf(found), examples(found), nil, nil
}

// decideAlone applies the rules in their order.
func (n *numbering) decideAlone() ([]int64, string, []string, error) {
	meta, err := n.fromMetadata()
	switch {
	case err == nil:
		notes, err := n.compareWithNames(meta)
		if err == nil {
			err = repeats(meta)
		}
		return stepsOf(meta), examples(meta), notes, err
	case n.hasMetadata() && !n.namesAgree():
		return nil, "", nil, err
	case n.problem == nil:
		var notes []string
		if n.rule.epochs {
			notes = append(notes, "the names have epochs and no steps: the step of a row is the number of its epoch")
		}
		return stepsOf(n.names), examples(n.names), notes, repeats(n.names)
	case n.rule.name != "":
		return nil, "", nil, n.problem
	case len(n.paths) == 1:
		return n.order(), "the place of the only file, whose name and metadata have no step", nil, nil
	case n.listed && !n.areHashes():
		return n.order(), n.orderWords(), []string{"neither the metadata nor the names have steps: the rows are in the order in which the files are given"}, nil
	case n.areHashes():
		return nil, "", nil, fmt.Errorf("exchange: the names of the checkpoints, such as %s, are hashes, which have no order; %s", n.paths[0], howToDecide)
	}
	return nil, "", nil, fmt.Errorf("exchange: neither the metadata nor the names of the %d checkpoints have steps, %s; %s", len(n.paths), n.span(), howToDecide)
}

func (n *numbering) hasMetadata() bool {
	return slices.ContainsFunc(n.metadata, func(s string) bool { return s != "" })
}

// fromMetadata returns the steps in the files' metadata, which all of them must have.
func (n *numbering) fromMetadata() ([]numbered, error) {
	out := make([]numbered, len(n.paths))
	for i, text := range n.metadata {
		step, err := strconv.ParseInt(text, 10, 64)
		if text != "" && (err != nil || step < 0) {
			return nil, fmt.Errorf("exchange: %s has the step %q in its metadata, which is not a whole number of at least 0; %s", n.paths[i], text, howToDecide)
		}
		out[i] = numbered{n.paths[i], step, "the step in the file's metadata", text != ""}
	}
	without := slices.IndexFunc(out, func(f numbered) bool { return !f.has })
	if without < 0 {
		return out, nil
	}
	if with := slices.IndexFunc(out, func(f numbered) bool { return f.has }); with >= 0 {
		return nil, fmt.Errorf("exchange: %s has no step in its metadata, and %s has step %d there; --steps name takes the steps of the names, %s", out[without].path, out[with].path, out[with].step, howToDecide)
	}
	return nil, fmt.Errorf("exchange: %s has no step in its metadata; %s", out[without].path, howToDecide)
}

// namesAgree reports whether all names have a step and the metadata that are there say
// the same.
func (n *numbering) namesAgree() bool {
	if n.problem != nil {
		return false
	}
	for i, text := range n.metadata {
		if text != "" && text != strconv.FormatInt(n.names[i].step, 10) {
			return false
		}
	}
	return true
}

// compareWithNames refuses metadata that contradict the names. A number that the name
// marks as a step must be the one of the metadata. Any other number must only have the
// same order.
func (n *numbering) compareWithNames(meta []numbered) ([]string, error) {
	const flags = "--steps metadata or --steps name decides"
	other := -1
	for i, f := range n.names {
		if !f.has || f.step == meta[i].step {
			continue
		}
		if n.rule.isStep {
			return nil, fmt.Errorf("exchange: %s has step %d in its metadata, and %d is %s; %s", f.path, meta[i].step, f.step, f.from, flags)
		}
		if other < 0 {
			other = i
		}
	}
	if other < 0 || n.problem != nil {
		return nil, nil
	}
	byStep := allRows(len(meta))
	slices.SortStableFunc(byStep, func(a, b int) int { return cmp.Compare(meta[a].step, meta[b].step) })
	for k := 1; k < len(byStep); k++ {
		a, b := byStep[k-1], byStep[k]
		if n.names[a].step > n.names[b].step {
			return nil, fmt.Errorf("exchange: the metadata and the names order the checkpoints differently: %s has step %d in its metadata and %d in its name, %s has %d and %d; %s",
				n.paths[a], meta[a].step, n.names[a].step, n.paths[b], meta[b].step, n.names[b].step, flags)
		}
	}
	return []string{fmt.Sprintf("the numbers in the names are not the steps: %s has step %d in its metadata, and %d is %s", n.paths[other], meta[other].step, n.names[other].step, n.names[other].from)}, nil
}

// fromSingleName reads the step of one file by any rule: the user asked for it.
func (n *numbering) fromSingleName() ([]numbered, error) {
	p := partsOf(n.paths, false)[0]
	for _, rule := range stepRules {
		if r, ok := p.read(rule); ok {
			step, err := strconv.ParseInt(r.digits, 10, 64)
			if err != nil {
				return nil, n.problem
			}
			return []numbered{{n.paths[0], step, fmt.Sprintf("%s in the %s's name", r.how, r.inName), true}}, nil
		}
	}
	return nil, n.problem
}

// repeats refuses a step that two files have.
func repeats(files []numbered) error {
	seen := map[int64]numbered{}
	for _, f := range files {
		if first, twice := seen[f.step]; twice {
			return fmt.Errorf("exchange: step %d comes twice: %s and %s have it (%s); leave one of them out, or %s", f.step, first.path, f.path, f.from, howToDecide)
		}
		seen[f.step] = f
	}
	return nil
}

// areHashes reports whether the names that tell the files apart are hexadecimal hashes.
func (n *numbering) areHashes() bool {
	return !slices.ContainsFunc(n.paths, func(path string) bool {
		isHash := func(name string) bool {
			return len(name) >= 7 && strings.Trim(name, "0123456789abcdef") == "" && strings.ContainsAny(name, "0123456789")
		}
		return !isHash(bareName(filepath.Base(path))) && !isHash(filepath.Base(filepath.Dir(path)))
	})
}

func (n *numbering) order() []int64 {
	steps := make([]int64, len(n.paths))
	for i := range steps {
		steps[i] = int64(i)
	}
	return steps
}

func (n *numbering) orderWords() string {
	order := "in the order of their names"
	if n.listed {
		order = "in the order given"
	}
	return fmt.Sprintf("the places of the files %s: %s is step 0", order, n.paths[0])
}

func (n *numbering) numbered(steps []int64) []numbered {
	out := make([]numbered, min(len(steps), len(n.paths)))
	for i := range out {
		out[i] = numbered{n.paths[i], steps[i], "the list given", true}
	}
	return out
}

func (n *numbering) span() string {
	if len(n.paths) == 1 {
		return n.paths[0]
	}
	return n.paths[0] + " to " + n.paths[len(n.paths)-1]
}

func stepsOf(files []numbered) []int64 {
	steps := make([]int64, len(files))
	for i, f := range files {
		steps[i] = f.step
	}
	return steps
}

// examples says where the steps come from, with one file for each way.
func examples(files []numbered) string {
	var out []string
	seen := map[string]bool{}
	for _, f := range files {
		if !seen[f.from] {
			seen[f.from] = true
			out = append(out, fmt.Sprintf("%s (%s is step %d)", f.from, f.path, f.step))
		}
	}
	return strings.Join(out, ", ")
}
