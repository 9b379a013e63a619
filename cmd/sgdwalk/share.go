package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/alecthomas/kong"

	"sgdwalk/analyze"
	"sgdwalk/analyze/result"
	"sgdwalk/analyze/shard"
	"sgdwalk/record/arrowfile"
)

// share is how a command takes part in an analysis whose units are shared. The
// command goes the same way as always and gets its units from here; what it does
// not find there it computes or leaves out, as the store says.
type share struct {
	// planned is what the plan was made of, to be compared; nil notes what is there
	// in found.
	planned *shard.Identity
	found   shard.Identity
	store   analyze.Store
	merged  *shard.Merged // the same store, of a merge
	preview bool          // merge what is there
	opened  func()        // is told that the analysis begins with its units; may be nil
	dir     string        // of the plan

	planning bool       // a plan is in the making
	keeps    *keptPlane // that it keeps, of a landscape
	blob     []byte     // the plane that the plan has kept; nil when it has none
}

// errShared ends a command that has done its share: it writes no result.
var errShared = errors.New("the units of this process are done")

// errAgain is wrapped by the error of a worker that was interrupted.
var errAgain = errors.New("interrupted")

// leavesNoResult reports whether the command ends with its units.
func (s *share) leavesNoResult() bool { return s != nil && s.merged == nil }

// open compares the analysis with the plan and returns its units.
func (s *share) open(a *analysis, options any) (units, error) {
	id, err := a.identity(options)
	if err != nil {
		return nil, err
	}
	if err := s.enter(id); err != nil {
		return nil, err
	}
	if s.merged == nil || s.preview {
		return keptElsewhere{s.store}, nil
	}
	// What depends on the values of others is computed by the merge.
	own, err := a.ownJournal(options)
	if err != nil {
		return nil, err
	}
	s.merged.Behind = own
	return mergedUnits{s.merged, own}, nil
}

// checkBefore compares the plan with what is known before another program starts: this
// program, the run's header and its rows. The command has its own hash.
func (s *share) checkBefore(a *analysis) error {
	if s == nil || s.planned == nil {
		return nil
	}
	id, err := programIdentity(nil)
	if err != nil {
		return err
	}
	now := *s.planned
	now.Software, now.Program = id.Software, id.Program
	if now.Header, err = result.HeaderSHA256(a.trace.Header()); err != nil {
		return err
	}
	rows, err := a.trace.Fingerprint()
	if err != nil {
		return err
	}
	if first, _, _ := strings.Cut(now.Recording, "+"); first != rows { // further runs follow
		now.Recording = rows
	}
	return s.planned.Check(&now)
}

// enter compares what the units depend on with the plan.
func (s *share) enter(id shard.Identity) error {
	s.found = id
	if s.planned != nil {
		if err := s.planned.Check(&s.found); err != nil {
			return err
		}
	}
	if s.opened != nil {
		s.opened()
	}
	return nil
}

// keptElsewhere is a store that others close.
type keptElsewhere struct{ analyze.Store }

func (k keptElsewhere) Elsewhere(unit string) bool { return analyze.Elsewhere(k.Store, unit) }
func (keptElsewhere) Close() error                 { return nil }

// mergedUnits are those of the shards and, behind them, those of the merge itself.
type mergedUnits struct {
	*shard.Merged
	own *result.Journal
}

func (m mergedUnits) Close() error { return m.own.Close() }

// computed takes the error of an analysis that has gone through its units; some
// says whether it has made a result of a part of them.
func (s *share) computed(ctx context.Context, err error, some bool) error {
	missing := errors.Is(err, analyze.ErrElsewhere)
	switch {
	case err != nil && !missing:
		return err
	case s.merged == nil:
		return errShared
	case missing && !some:
		return fmt.Errorf("%w; there is no preview of it before all are there", err)
	default:
		return nil
	}
}

// mark marks the result of a preview, instead of the words for one that was
// interrupted.
func (s *share) mark(warnings []analyze.Warning) []analyze.Warning {
	if s == nil || !s.preview {
		return warnings
	}
	present, planned := s.merged.Units()
	warnings = slices.DeleteFunc(warnings, func(w analyze.Warning) bool { return w.Code == "unfinished" })
	return append(warnings, analyze.Warning{Code: "preview", Text: fmt.Sprintf("a preview: %d of %d units are there", present, planned)})
}

// dependsOn notes a further run that the units depend on, where they are shared.
func (a *analysis) dependsOn(other *arrowfile.Reader) error {
	if a.share == nil {
		return nil
	}
	rows, err := other.Fingerprint()
	a.others = append(a.others, rows)
	return err
}

// identity is what the units of the analysis depend on.
func (a *analysis) identity(options any) (id shard.Identity, err error) {
	if id, err = programIdentity(options); err != nil {
		return id, err
	}
	if id.Header, err = result.HeaderSHA256(a.trace.Header()); err != nil {
		return id, err
	}
	if id.Recording, err = a.trace.Fingerprint(); err != nil {
		return id, err
	}
	for _, rows := range a.others {
		id.Recording += "+" + rows
	}
	id.Data, id.Kernel, id.Policy, id.Objective = a.dataHash, a.kernel, a.policy, a.objectiveKey
	id.FitKernel = a.fitKernel
	return id, nil
}

// programIdentity is the part that no run is needed for.
func programIdentity(options any) (id shard.Identity, err error) {
	text, err := json.Marshal(options)
	if err != nil {
		return id, err
	}
	sum := sha256.Sum256(text)
	id.Software, id.Options = software, hex.EncodeToString(sum[:])
	id.Program, err = programHash()
	return id, err
}

// programHash is the hash of the file that this process runs.
var programHash = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the program's own file: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("the program's own file: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
})

// rerun runs an analysis from its arguments, as a part of a plan. Its progress and
// its words are not the user's.
func (e *env) rerun(ctx context.Context, s *share, progress view, command ...string) error {
	var c cli
	parser, err := newParser(&c, io.Discard, io.Discard, func(int) {})
	if err != nil {
		return err
	}
	k, err := parser.Parse(command)
	if err != nil {
		return usagef("the planned command %q: %w", strings.Join(command, " "), err)
	}
	k.BindTo(ctx, (*context.Context)(nil))
	inner := &env{stdout: e.stdout, stderr: e.stderr, raw: e.raw, json: e.json, progress: progress, share: s}
	err = k.Run(inner)
	if errors.Is(err, errShared) {
		return nil
	}
	return err
}

// noView shows nothing.
type noView struct{ analyze.NoProgress }

func (noView) End() {}

// commandOf turns what was given for an analysis into the command that every
// worker runs; flags of planning are left out.
func commandOf(k *kong.Context, analysis string, planning ...string) ([]string, error) {
	command := []string{analysis}
	var positional []string
	for _, p := range k.Path {
		switch {
		case p.Flag != nil && !slices.Contains(planning, p.Flag.Name):
			planning = append(planning, p.Flag.Name) // its value has all that was given
			command = append(command, flagArguments(p.Flag.Name, p.Flag.Target)...)
		case p.Positional != nil:
			path, err := filepath.Abs(fmt.Sprint(p.Positional.Target.Interface()))
			if err != nil {
				return nil, err
			}
			positional = append(positional, path)
		}
	}
	return append(append(command, "--"), positional...), nil
}

// flagArguments gives a flag its value again.
func flagArguments(name string, v reflect.Value) []string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Slice {
		return []string{fmt.Sprintf("--%s=%v", name, v.Interface())}
	}
	var list []string
	for i := range v.Len() {
		list = append(list, fmt.Sprintf("--%s=%v", name, v.Index(i).Interface()))
	}
	return list
}
