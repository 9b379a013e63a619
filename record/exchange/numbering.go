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
	// ByAnything uses the metadata if all files have a step there, otherwise the first
	// rule for names that applies to a file. That rule must then apply to all files.
	// CHECKPOINTS.md lists the rules in their order.
	ByAnything Numbering = ""
	ByMetadata Numbering = "metadata" // "step" of a safetensors file, numbers next to the state dict of a .pt file
	ByName     Numbering = "name"     // the rules for names
	ByOrder    Numbering = "order"    // 0, 1, 2, ... in the order of the files
	ByPlace    Numbering = "place"    // the old spelling of ByOrder
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
			return nil, fmt.Errorf("exchange: steps is %q; %q is not a whole number of at least 0. "+
				"A list of steps looks like 0,10,20", n, text)
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

// stepsAdvice ends an error: the flags with which the user decides the steps.
const stepsAdvice = "--steps order numbers the files in their order, --steps 0,10,... lists the steps"

// fileStep is a checkpoint with its step and where that comes from.
type fileStep struct {
	path    string
	step    int64
	origin  string // for messages: `the number after "step" in the file's name`
	hasStep bool
}

// numbering has everything that a series of files says about its steps.
type numbering struct {
	paths    []string
	metadata []string // the step in each file's metadata, as text; "" for none
	isListed bool     // the user named the files one by one, so their order has a meaning
	names    []fileStep
	rule     stepRule // the rule that applies to the names; zero where no rule applies to any name
	nameErr  error    // why the names give no steps
}

// decision is the result of a numbering: the steps of the files in their order, a
// sentence about their source, and notes for the user.
type decision struct {
	steps  []int64
	origin string
	notes  []string
}

// newNumbering reads the names of the files. A name that all files share is ignored
// first: model.safetensors in many folders has no step.
func newNumbering(paths []string, isListed bool) *numbering {
	n := &numbering{paths: paths, isListed: isListed, metadata: make([]string, len(paths))}
	n.nameErr = n.readNames(partsOf(paths, true))
	if n.rule.name == "" {
		n.nameErr = n.readNames(partsOf(paths, false))
	}
	return n
}

// readNames finds the first rule that applies to a name, and reads all names by it.
func (n *numbering) readNames(parts []nameParts) error {
	for _, n.rule = range stepRules {
		if len(n.paths) == 1 && !n.rule.marked && !n.rule.epochs {
			continue // a single unmarked number, as in resnet20, is probably not a step
		}
		n.names = make([]fileStep, len(n.paths))
		example := -1 // a file to which the rule applies
		for i, p := range parts {
			f, err := readStep(n.paths[i], p, n.rule)
			if err != nil {
				n.names = nil
				return err
			}
			if n.names[i] = f; f.hasStep && example < 0 {
				example = i
			}
		}
		if example >= 0 {
			return n.checkNames(n.names[example])
		}
	}
	n.rule, n.names = stepRule{}, nil
	return fmt.Errorf("exchange: %s has no step in its name; %s", n.paths[0], stepsAdvice)
}

// readStep reads the step of one file by one rule.
func readStep(path string, p nameParts, rule stepRule) (fileStep, error) {
	r, ok := p.read(rule)
	if !ok {
		return fileStep{path: path}, nil
	}
	step, err := strconv.ParseInt(r.digits, 10, 64)
	if err != nil {
		return fileStep{}, fmt.Errorf("exchange: %s: %s in the %s's name is %s, which is not a whole number of at "+
			"most %d; %s",
			path, r.description, r.inName, r.digits, int64(math.MaxInt64), stepsAdvice)
	}
	return fileStep{path, step, fmt.Sprintf("%s in the %s's name", r.description, r.inName), true}, nil
}

// checkNames checks that the rule which applies to one file applies to all files.
func (n *numbering) checkNames(example fileStep) error {
	for _, f := range n.names {
		switch {
		case !f.hasStep:
			return fmt.Errorf("exchange: %s has no step in its name, and %s has step %d, %s; %s",
				f.path, example.path, example.step, example.origin, stepsAdvice)
		case n.rule.name == attachedRule && f.origin != example.origin:
			return fmt.Errorf("exchange: the names have no common rule for the step: %s has %s and %s has %s; %s",
				f.path, f.origin, example.path, example.origin, stepsAdvice)
		}
	}
	return nil
}

// decide returns the steps of the files.
func (n *numbering) decide(by Numbering) (decision, error) {
	list, err := by.list()
	switch {
	case err != nil:
		return decision{}, err
	case list != nil && len(list) != len(n.paths):
		return decision{}, fmt.Errorf("exchange: steps lists %d steps for %d checkpoints, %s",
			len(list), len(n.paths), n.describeFiles())
	case list != nil:
		files := make([]fileStep, len(list))
		for i := range files {
			files[i] = fileStep{n.paths[i], list[i], "the list given", true}
		}
		return decided(files)
	case by == ByMetadata:
		files, err := n.fromMetadata()
		if err != nil {
			return decision{}, err
		}
		return decided(files)
	case by == ByName && n.nameErr != nil && len(n.paths) == 1:
		return n.fromSingleName()
	case by == ByName && n.nameErr != nil:
		return decision{}, n.nameErr
	case by == ByName:
		return decided(n.names)
	case by == ByOrder, by == ByPlace:
		return n.fileOrder(), nil
	}
	return n.decideByRules()
}

// decided makes a decision from files that all have a step; notes go with it.
func decided(files []fileStep, notes ...string) (decision, error) {
	return decision{stepsOf(files), examples(files), notes}, checkUniqueSteps(files)
}

// decideByRules applies the rules of CHECKPOINTS.md in their order.
func (n *numbering) decideByRules() (decision, error) {
	files, err := n.fromMetadata()
	hasMetadata := slices.ContainsFunc(n.metadata, func(s string) bool { return s != "" })
	switch {
	case err == nil:
		notes, err := n.compareWithNames(files)
		if err != nil {
			return decision{}, err
		}
		return decided(files, notes...)
	case hasMetadata && !n.namesAgree():
		return decision{}, err
	case n.nameErr == nil && n.rule.epochs:
		return decided(n.names, "the names have epochs and no steps: the step of a row is the number of its epoch")
	case n.nameErr == nil:
		return decided(n.names)
	case n.rule.name != "":
		return decision{}, n.nameErr
	case len(n.paths) == 1:
		return decision{[]int64{0}, "the place of the only file, whose name and metadata have no step", nil}, nil
	case n.areHashes():
		return decision{}, fmt.Errorf("exchange: the names of the checkpoints, such as %s, are hashes, which have no "+
			"order; %s",
			n.paths[0], stepsAdvice)
	case n.isListed:
		d := n.fileOrder()
		d.notes = []string{"neither the metadata nor the names have steps: " +
			"the rows are in the order in which the files are given"}
		return d, nil
	}
	return decision{}, fmt.Errorf("exchange: neither the metadata nor the names of the %d checkpoints have steps, "+
		"%s; %s",
		len(n.paths), n.describeFiles(), stepsAdvice)
}

// fromMetadata returns the steps in the metadata of the files. All files must have one.
func (n *numbering) fromMetadata() ([]fileStep, error) {
	out := make([]fileStep, len(n.paths))
	for i, text := range n.metadata {
		step, err := strconv.ParseInt(text, 10, 64)
		if text != "" && (err != nil || step < 0) {
			return nil, fmt.Errorf("exchange: %s has the step %q in its metadata, which is not a whole number of at "+
				"least 0; %s", n.paths[i], text, stepsAdvice)
		}
		out[i] = fileStep{n.paths[i], step, "the step in the file's metadata", text != ""}
	}
	without := slices.IndexFunc(out, func(f fileStep) bool { return !f.hasStep })
	if without < 0 {
		return out, nil
	}
	if with := slices.IndexFunc(out, func(f fileStep) bool { return f.hasStep }); with >= 0 {
		return nil, fmt.Errorf("exchange: %s has no step in its metadata, and %s has step %d there; --steps name "+
			"takes the steps of the names, %s", out[without].path, out[with].path, out[with].step, stepsAdvice)
	}
	return nil, fmt.Errorf("exchange: %s has no step in its metadata; %s", out[without].path, stepsAdvice)
}

// namesAgree reports whether all names have a step, and all metadata that are present
// have the same steps.
func (n *numbering) namesAgree() bool {
	if n.nameErr != nil {
		return false
	}
	for i, text := range n.metadata {
		if text != "" && text != strconv.FormatInt(n.names[i].step, 10) {
			return false
		}
	}
	return true
}

// compareWithNames returns an error when the metadata contradict the names. A number that
// a name marks as a step must equal the step in the metadata. Any other number must only
// give the same order of the files.
func (n *numbering) compareWithNames(meta []fileStep) ([]string, error) {
	const flags = "--steps metadata or --steps name decides"
	other := -1
	for i, f := range n.names {
		if !f.hasStep || f.step == meta[i].step {
			continue
		}
		if n.rule.isStep {
			return nil, fmt.Errorf("exchange: %s has step %d in its metadata, and %d is %s; %s", f.path, meta[i].step,
				f.step, f.origin, flags)
		}
		if other < 0 {
			other = i
		}
	}
	if other < 0 || n.nameErr != nil {
		return nil, nil
	}
	byStep := allRows(len(meta))
	slices.SortStableFunc(byStep, func(a, b int) int { return cmp.Compare(meta[a].step, meta[b].step) })
	for k := 1; k < len(byStep); k++ {
		a, b := byStep[k-1], byStep[k]
		if n.names[a].step > n.names[b].step {
			return nil, fmt.Errorf("exchange: the metadata and the names order the checkpoints differently: %s has "+
				"step %d in its metadata and %d in its name, %s has %d and %d; %s",
				n.paths[a], meta[a].step, n.names[a].step, n.paths[b], meta[b].step, n.names[b].step, flags)
		}
	}
	return []string{fmt.Sprintf("the numbers in the names are not the steps: %s has step %d in its metadata, and %d "+
		"is %s", n.paths[other], meta[other].step, n.names[other].step, n.names[other].origin)}, nil
}

// fromSingleName reads the step of a single file by any rule, also from an unmarked
// number, because the user asked for the step in the name.
func (n *numbering) fromSingleName() (decision, error) {
	p := partsOf(n.paths, false)[0]
	for _, rule := range stepRules {
		if f, err := readStep(n.paths[0], p, rule); err == nil && f.hasStep {
			return decided([]fileStep{f})
		}
	}
	return decision{}, n.nameErr
}

// checkUniqueSteps returns an error when two files have the same step.
func checkUniqueSteps(files []fileStep) error {
	seen := map[int64]fileStep{}
	for _, f := range files {
		if first, twice := seen[f.step]; twice {
			return fmt.Errorf("exchange: step %d comes twice: %s and %s have it (%s); leave one of them out, or %s",
				f.step, first.path, f.path, f.origin, stepsAdvice)
		}
		seen[f.step] = f
	}
	return nil
}

// areHashes reports whether the names that tell the files apart are hexadecimal hashes.
func (n *numbering) areHashes() bool {
	return !slices.ContainsFunc(n.paths, func(path string) bool {
		isHash := func(name string) bool {
			return len(name) >= 7 && strings.Trim(name, "0123456789abcdef") == "" &&
				strings.ContainsAny(name, "0123456789")
		}
		return !isHash(trimFormat(filepath.Base(path))) && !isHash(filepath.Base(filepath.Dir(path)))
	})
}

// fileOrder numbers the files from 0 in their order.
func (n *numbering) fileOrder() decision {
	order := "in the order of their names"
	if n.isListed {
		order = "in the order given"
	}
	d := decision{origin: fmt.Sprintf("the places of the files %s: %s is step 0", order, n.paths[0])}
	for i := range n.paths {
		d.steps = append(d.steps, int64(i))
	}
	return d
}

// describeFiles names the first and the last file.
func (n *numbering) describeFiles() string {
	if len(n.paths) == 1 {
		return n.paths[0]
	}
	return n.paths[0] + " to " + n.paths[len(n.paths)-1]
}

func stepsOf(files []fileStep) []int64 {
	steps := make([]int64, len(files))
	for i, f := range files {
		steps[i] = f.step
	}
	return steps
}

// examples says where the steps come from, with one file for each way.
func examples(files []fileStep) string {
	var out []string
	seen := map[string]bool{}
	for _, f := range files {
		if !seen[f.origin] {
			seen[f.origin] = true
			out = append(out, fmt.Sprintf("%s (%s is step %d)", f.origin, f.path, f.step))
		}
	}
	return strings.Join(out, ", ")
}
