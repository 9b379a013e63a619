package exchange

import (
	"context"
	"fmt"

	"sgdwalk/record"
)

// ImportOptions says how files become a run. The zero value guesses everything.
type ImportOptions struct {
	Kinds []KindRule // the first rule that matches a tensor decides its kind; other kinds are guessed
	// a JSON file with the layouts of theta and state, instead of Kinds; "" guesses from the first
	// checkpoint
	Layout  string
	Exclude []string // tensors to leave out, by patterns of their names (record.MatchName)
	// path of the state dict in .pt checkpoints: keys joined by dots; "" finds it, "." is the
	// file's own dict
	Key     string
	Steps   Numbering // where the steps of checkpoints come from
	Scalars string    // a CSV file with the losses and other numbers of checkpoints, in the columns of WriteCSV
	Model   string    // for the header; "" takes it from the files, or means "imported"
	Comment string    // for the header
}

// Validate names the option, its value and what is allowed.
func (o ImportOptions) Validate() error {
	for _, r := range o.Kinds {
		if err := r.validate(); err != nil {
			return err
		}
	}
	if o.Layout != "" && len(o.Kinds) > 0 {
		return fmt.Errorf("exchange: kinds and the layout file %s both decide the kinds of tensors; give only one of "+
			"them", o.Layout)
	}
	for _, p := range o.Exclude {
		if p == "" {
			return fmt.Errorf("exchange: exclude has an empty pattern")
		}
	}
	return o.Steps.validate()
}

// Import is a set of files that make a run. CopyTo reads their values.
type Import struct {
	// Warnings are sentences for the user about every decision: conversions, tensors
	// that were left out, where the steps come from. Their order is fixed.
	Warnings []string
	// StepsFrom says where the steps of checkpoints come from, with an example for each
	// rule. It is "" for a whole run.
	StepsFrom string

	header *record.Header
	rows   int
	copyTo func(context.Context, func(*record.Step) error) error
}

// Header returns a copy of the run's header.
func (m *Import) Header() *record.Header { return m.header.Clone() }

// Len returns the number of rows.
func (m *Import) Len() int { return m.rows }

// CopyTo appends all rows to the sink. It keeps one row in memory, and does not close
// the sink. It adds warnings about rows and tensors that have the same values bit for
// bit.
func (m *Import) CopyTo(ctx context.Context, to record.Sink) error {
	repeats := record.NewRepeats(m.header.Layout)
	err := m.copyTo(ctx, func(row *record.Step) error {
		if row.Substep == 0 {
			repeats.Add(row.Step, row.Theta)
		}
		return to.Append(row)
	})
	for _, sentence := range repeats.Describe() {
		m.warn("%s", sentence)
	}
	return err
}

func (m *Import) warn(format string, args ...any) {
	m.Warnings = append(m.Warnings, fmt.Sprintf(format, args...))
}

// Open examines files and decides which run they make:
//
//   - One .npz that WriteNPZ wrote, or that has a two-dimensional array theta, or one
//     two-dimensional .npy: a whole run, with one row for each row of theta. Arrays
//     with the names that WriteNPZ writes are read, also under usual aliases such as
//     losses; other arrays are left out with a warning. But a file without steps that
//     has a tensor of another length than theta is a checkpoint with a parameter theta.
//   - Anything else: each file is a checkpoint and becomes one row. Its tensors are
//     the floating-point arrays. The layout comes from the layout file, or has the
//     order of the first checkpoint. All files must have the same tensors: a tensor that
//     is missing, extra or of another shape is a *MismatchError.
//
// The steps come from the metadata, the names or the options; CHECKPOINTS.md has the
// rules. Rows are in the order of their steps. Directories are searched with their
// subdirectories, and shards of a model are joined through their index.
//
// Open leaves out a tensor that shares its values with another one (tied weights in a
// .pt file), and removes the parts of names that DataParallel, FSDP and torch.compile
// add, both with a warning, unless the layout file has those names. Running statistics
// become state. float16, bfloat16 and float64 are converted to float32, with a warning;
// arrays of other types are left out, with a warning. Files that WriteSafetensors wrote
// keep their header. Losses and other numbers come from the file in the options. Open
// reads and checks the list of arrays of every file, so that most errors are found
// before anything is written.
//
// Memory: one row, the list of arrays of one file, and about 1 KB for each checkpoint. A row has at most as many bytes
// as its file, or 1032 times as many in a compressed archive: that is the limit of
// deflate, and Open checks it before it allocates memory.
func Open(paths []string, o ImportOptions) (*Import, error) {
	s, c, err := examineFiles(paths, o)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return s.Import, nil
	}
	defer c.Close()
	if o.Scalars != "" {
		return nil, c.errorf("it is a whole run, which has its own scalars; those of %s are for checkpoints", o.Scalars)
	}
	return openRun(c, o)
}

// examineFiles examines checkpoints. When the files are a single whole run, it returns that
// file instead, which the caller closes.
func examineFiles(paths []string, o ImportOptions) (*checkpoints, *container, error) {
	if err := o.Validate(); err != nil {
		return nil, nil, err
	}
	members, notes, err := collect(paths, false)
	if err != nil {
		return nil, nil, err
	}
	if len(members) == 1 {
		c, err := members[0].open(o.Key)
		if err != nil {
			return nil, nil, err
		}
		if isRun(c) {
			return nil, c, nil
		}
		c.Close()
	}
	s, err := openCheckpoints(members, notes, o)
	return s, nil, err
}
