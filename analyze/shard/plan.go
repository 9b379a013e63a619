package shard

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"sgdwalk/analyze/internal/unitline"
	"sgdwalk/record/safefile"
)

// Format is the number of the format of plans. Plans of format 1 had a command line in
// place of options, and Open refuses them.
const Format = 2

// fileFormat is the number of the format of shard files.
const fileFormat = 1

// MaxShards is the largest number of shards of a plan.
const MaxShards = 100_000

// Names below the directory of a plan.
const (
	planName   = "plan.json"
	unitsName  = "units"  // prefix of the list of units: one name per line, in the order of the analysis
	inputName  = "input"  // prefix of the input of every worker
	shardsName = "shards" // directory of finished shards, one file each
	workName   = "work"   // directory of the workers' files: finished units, signs of life, reasons of failures
)

// Identity describes everything that the numbers of an analysis depend on. Two workers
// with the same identity compute the same bits for a unit, so their files can be merged.
// Fields that do not apply are empty.
type Identity struct {
	Software  string `json:"software"`  // name and version of the program
	Program   string `json:"program"`   // SHA-256 of its executable file
	Kernel    string `json:"kernel"`    // instruction set that evaluates the loss
	Header    string `json:"header"`    // SHA-256 of the run's header
	Recording string `json:"recording"` // fingerprint of the run's rows
	Data      string `json:"data"`      // hash of the data that the loss is evaluated on
	Policy    string `json:"policy"`    // where statistics of normalization layers come from
	Objective string `json:"objective"` // program that evaluates the loss, and how
	Options   string `json:"options"`   // SHA-256 of the analysis' options

	FitKernel string `json:"fit_kernel,omitempty"` // instruction set of a PCA that the units depend on
	Sweep     string `json:"sweep,omitempty"`      // SHA-256 of the file of a sweep
}

// Check compares the identity of the plan with the identity now. The error names the first
// difference and both values; nil means that they are equal.
func (id *Identity) Check(now *Identity) error {
	for _, f := range []struct{ what, planned, found, hint string }{
		{"the header of the run", id.Header, now.Header, ""},
		{"the recording", id.Recording, now.Recording, ""},
		{"the data", id.Data, now.Data, ""},
		{"the version of the program", id.Software, now.Software, ""},
		{"the program", id.Program, now.Program, "; build it once, and use that file for all (go run and go build " +
			"make two)"},
		{"the instruction set of the kernels", id.Kernel, now.Kernel, "; SGDWALK_KERNEL=" + id.Kernel +
			" selects the planned one"},
		{"the statistics of normalization layers", id.Policy, now.Policy, ""},
		{"the objective", id.Objective, now.Objective, ""},
		{"the instruction set of the PCA", id.FitKernel, now.FitKernel, ""},
		{"the file of the sweep", id.Sweep, now.Sweep, ""},
		{"the options of the analysis", id.Options, now.Options, ""},
	} {
		if f.planned != f.found {
			return fmt.Errorf("shard: %s changed since the plan was made: %s then, %s now%s", f.what,
				orNone(f.planned), orNone(f.found), f.hint)
		}
	}
	return nil
}

// orNone returns "none" for an empty hash or name in a message.
func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Plan is a division of the units of one analysis into shards. A plan on disk never
// changes.
type Plan struct {
	Format   int    `json:"format"`
	Analysis string `json:"analysis"`
	// Of is the input of the analysis: the directory of a run, or the file of a sweep.
	Of string `json:"of"`
	// Options are the options of the analysis as JSON. They never name a program to start.
	Options json.RawMessage `json:"options"`
	// Objective is the command of the program that evaluates the loss, empty for none.
	// The user who starts a worker or the merge must allow it.
	Objective string `json:"objective,omitempty"`
	// Directory is the directory that relative paths in the plan start from.
	Directory string   `json:"directory"`
	Identity  Identity `json:"identity"`
	Shards    int      `json:"shards"`
	Units     int      `json:"units"`
	// UnitsSHA256 is the hash of the list of units.
	UnitsSHA256 string `json:"units_sha256"`
	// InputSHA256 is the hash of Input; it is empty when the plan has no input.
	InputSHA256 string `json:"input_sha256,omitempty"`
	// Input holds data that every worker needs, such as the plane of a landscape. It saves
	// each worker the computation. Create writes it, and ReadInput reads it.
	Input []byte `json:"-"`
	// RequestSHA256 is the hash of Analysis, Of, Options and Objective. Open refuses a plan
	// in which one of them was edited later.
	RequestSHA256 string `json:"request_sha256"`
	// Kinds has the number of units of each kind, and the time of a unit on TimedCores cores.
	// SetupSeconds is the time from the start of a process to its first unit. TimedCores and
	// SetupSeconds are 0 when nothing was timed.
	Kinds        []Kind  `json:"kinds"`
	TimedCores   int     `json:"timed_cores"`
	SetupSeconds float64 `json:"setup_seconds"`

	dir   string
	hash  string   // of plan.json, shortened; shard files name it
	key   []byte   // hash of plan.json; the checksums of lines depend on it
	names []string // of the units; nil until Names has read them
}

// ErrExists is wrapped by the error of Create when the directory already has another plan.
var ErrExists = errors.New("there is another plan")

// Create makes the directory with its parents, and writes the plan into it. It sets Format,
// Units and the hashes of p. When the directory already has the same plan, the directory
// does not change and p becomes that plan. When the directory has a different plan, the
// error wraps ErrExists; another process may write that plan at the same time.
func Create(dir string, p *Plan, units []string) error {
	switch {
	case len(units) == 0:
		return errors.New("shard: the analysis has no units to divide")
	case p.Shards < 1 || p.Shards > MaxShards:
		return fmt.Errorf("shard: the number of shards is %d; it must be 1 to %d", p.Shards, MaxShards)
	}
	list := []byte(strings.Join(units, "\n") + "\n")
	sum := sha256.Sum256(list)
	if p.Options == nil {
		p.Options = json.RawMessage("{}")
	}
	p.RequestSHA256 = p.request()
	p.Format, p.Units, p.UnitsSHA256 = Format, len(units), hex.EncodeToString(sum[:])
	if p.Input != nil {
		sum := sha256.Sum256(p.Input)
		p.InputSHA256 = hex.EncodeToString(sum[:])
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("shard: %w", err)
	}
	text = append(text, '\n')
	for _, sub := range []string{"", shardsName, workName} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o777); err != nil {
			return fmt.Errorf("shard: %w", err)
		}
	}
	p.setDir(dir, text)
	safefile.RemoveLeftovers(p.unitsPath())
	safefile.RemoveLeftovers(filepath.Join(dir, planName))
	if p.Input != nil {
		safefile.RemoveLeftovers(p.inputPath())
		if err := safefile.WriteNew(p.inputPath(), p.Input); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("shard: %w", err)
		}
	}
	if err := safefile.WriteNew(p.unitsPath(), list); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("shard: %w", err)
	}
	err = safefile.WriteNew(filepath.Join(dir, planName), text)
	if !errors.Is(err, fs.ErrExist) {
		if err != nil {
			return fmt.Errorf("shard: %w", err)
		}
		return nil
	}
	there, err := Open(dir)
	if err != nil {
		return err
	}
	// Two calls measure different times, so the times are not compared.
	if there.Identity == p.Identity && there.Shards == p.Shards && there.UnitsSHA256 == p.UnitsSHA256 {
		*p = *there
		return nil
	}
	if there.Identity != p.Identity {
		return fmt.Errorf("shard: %s: %w: %w", dir, ErrExists, there.Identity.Check(&p.Identity))
	}
	return fmt.Errorf("shard: %s: %w, of %d units in %d shards; this one has %d units in %d", dir, ErrExists,
		there.Units, there.Shards, p.Units, p.Shards)
}

// owner returns a name for this process that no other process uses in the directory.
func owner() string { return host() + "-" + strconv.Itoa(os.Getpid()) }

// host returns the name of this machine with only characters that are valid in file names.
func host() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "unknown"
	}
	return strings.Map(func(r rune) rune {
		if r < '!' || r > '~' || strings.ContainsRune(`/\\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
}

// Largest sizes in bytes at which plan.json and the other files of a plan are read: a
// forged file must not fill the memory.
const (
	maxPlan = 16 << 20
	maxFile = 16 << 30
)

// Open reads the plan of a directory and checks it. When the directory has no plan, the
// error wraps fs.ErrNotExist. The error for another format says how to make the plan again.
func Open(dir string) (*Plan, error) {
	text, err := safefile.Read(filepath.Join(dir, planName), maxPlan)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("shard: %s has no plan: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	var version struct {
		Format int `json:"format"`
	}
	p := new(Plan)
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, fmt.Errorf("shard: %s: %w", filepath.Join(dir, planName), err)
	}
	if version.Format != Format {
		return nil, fmt.Errorf("shard: %s has a plan of format %d; this program reads format %d: make the plan again "+
			"with this program's sgdwalk plan, into another directory", dir, version.Format, Format)
	}
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("shard: %s: %w", filepath.Join(dir, planName), err)
	}
	if p.Shards < 1 || p.Shards > MaxShards || p.Units < 1 {
		return nil, fmt.Errorf("shard: %s: %d shards and %d units; there must be 1 to %d and at least 1",
			filepath.Join(dir, planName), p.Shards, p.Units, MaxShards)
	}
	if got := p.request(); got != p.RequestSHA256 {
		return nil, fmt.Errorf("shard: %s was changed: the hash of its options is %s, planned was %s",
			filepath.Join(dir, planName), got, orNone(p.RequestSHA256))
	}
	const hash = 2 * sha256.Size
	if len(p.UnitsSHA256) != hash || p.InputSHA256 != "" && len(p.InputSHA256) != hash {
		return nil, fmt.Errorf("shard: %s: the hashes of units and input are %q and %q; they must have %d digits "+
			"(the hash of the input is empty if there is no input)", filepath.Join(dir, planName), p.UnitsSHA256,
			p.InputSHA256, hash)
	}
	p.setDir(dir, text)
	return p, nil
}

// request returns the hash of Analysis, Of, Options and Objective. White space in the
// options does not change the hash, because an editor or a JSON writer may add it.
func (p *Plan) request() string {
	var options bytes.Buffer
	if err := json.Compact(&options, p.Options); err != nil {
		options = *bytes.NewBuffer(p.Options)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{p.Analysis, p.Of, options.String(), p.Objective}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// setDir sets the directory and the hashes of plan.json, whose content is text.
func (p *Plan) setDir(dir string, text []byte) {
	sum := sha256.Sum256(text)
	p.dir, p.key, p.hash = dir, sum[:], hex.EncodeToString(sum[:8])
}

// Dir returns the directory of the plan.
func (p *Plan) Dir() string { return p.dir }

// Hash returns the first 16 digits of the SHA-256 of plan.json. Shard files name the plan
// by it.
func (p *Plan) Hash() string { return p.hash }

// unitsPath returns the path of the list of units. Its name has the hash of the list: when
// two processes write different plans at the same time, the list of the plan that loses
// must not replace the list of the plan that wins.
func (p *Plan) unitsPath() string { return filepath.Join(p.dir, unitsName+"-"+p.UnitsSHA256[:12]) }

func (p *Plan) inputPath() string { return filepath.Join(p.dir, inputName+"-"+p.InputSHA256[:12]) }

// ReadInput reads the input of every worker and checks its hash. It returns nil when the
// plan has no input.
func (p *Plan) ReadInput() ([]byte, error) {
	if p.InputSHA256 == "" {
		return nil, nil
	}
	return readHashed(p.inputPath(), p.InputSHA256)
}

// readHashed reads a file and checks it against the hash from the plan.
func readHashed(path, want string) ([]byte, error) {
	b, err := safefile.Read(path, maxFile)
	if err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); got != want {
		return nil, fmt.Errorf("shard: %s is damaged: its hash is %s, the plan says %s", path, got, want)
	}
	return b, nil
}

// Names reads the names of the units, in order, and checks their hash. The slice belongs to
// the plan.
func (p *Plan) Names() ([]string, error) {
	if p.names != nil {
		return p.names, nil
	}
	b, err := readHashed(p.unitsPath(), p.UnitsSHA256)
	if err != nil {
		return nil, err
	}
	names := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(names) != p.Units {
		return nil, fmt.Errorf("shard: %s has %d units, the plan says %d", p.unitsPath(), len(names), p.Units)
	}
	p.names = names
	return names, nil
}

// ShardOf returns the shard of a unit; both are numbers from 0. Units are dealt to the
// shards like cards, and every round starts with the next shard. Therefore each shard is
// spread over the whole analysis, and units of different kinds that alternate in the list
// are spread over all shards.
func (p *Plan) ShardOf(unit int) int { return (unit + unit/p.Shards) % p.Shards }

// Count returns how many units a shard has.
func (p *Plan) Count(shard int) int {
	rounds, rest := p.Units/p.Shards, p.Units%p.Shards
	if (shard-rounds%p.Shards+p.Shards)%p.Shards < rest {
		return rounds + 1
	}
	return rounds
}

// unitsOf returns the places in the plan of the units of a shard, in ascending order.
func (p *Plan) unitsOf(shard int) []int {
	list := make([]int, 0, p.Count(shard))
	for first := 0; first < p.Units; first += p.Shards {
		round := first / p.Shards
		if unit := first + (shard-round%p.Shards+p.Shards)%p.Shards; unit < p.Units {
			list = append(list, unit)
		}
	}
	return list
}

// CheckShard returns an error for a number that is not a shard of the plan.
func (p *Plan) CheckShard(shard int) error {
	if shard < 0 || shard >= p.Shards {
		return fmt.Errorf("shard: shard %d is outside the plan of %d shards; allowed are 0 to %d", shard, p.Shards,
			p.Shards-1)
	}
	return nil
}

// Bytes returns the approximate size of all shard files together, in bytes.
func (p *Plan) Bytes(units []string) int64 {
	const (
		perUnit  = 9 + 1 // checksum and space, line break
		perValue = 17    // 16 hexadecimal digits and a space
		values   = 3     // values of a unit when no unit of its kind was timed
	)
	total := int64(0)
	for _, u := range units {
		total += perUnit + int64(len(u))
	}
	for _, k := range p.Kinds {
		n := k.Values
		if n == 0 {
			n = values
		}
		total += perValue * int64(k.Units) * int64(n)
	}
	return total
}

// seed returns the start value of the checksums of lines. It depends on the plan, so lines of
// another plan do not match.
func (p *Plan) seed() uint32 { return unitline.Seed(p.key) }

// shardName returns the name of a shard's file and of the directory of its workers' files.
func shardName(shard int) string { return fmt.Sprintf("%05d", shard) }

func (p *Plan) shardPath(shard int) string { return filepath.Join(p.dir, shardsName, shardName(shard)) }

// workPath returns the path of a worker's file for the shard. Every shard has its own
// directory for these files, so that a worker lists a short directory.
func (p *Plan) workPath(shard int, file string) string {
	return filepath.Join(p.dir, workName, shardName(shard), file)
}

// workFiles returns the paths of the files with the given endings that workers on the shard
// have written. The workers may be running or not. It returns nil when the shard has no
// files.
func (p *Plan) workFiles(shard int, endings ...string) (paths []string, err error) {
	entries, err := os.ReadDir(p.workPath(shard, ""))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("shard: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && slices.Contains(endings, filepath.Ext(e.Name())) {
			paths = append(paths, p.workPath(shard, e.Name()))
		}
	}
	return paths, nil
}
