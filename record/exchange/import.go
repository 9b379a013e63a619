package exchange

import (
	"context"
	"fmt"

	"sgdwalk/record"
)

// ImportOptions says how files become a run. The zero value guesses.
type ImportOptions struct {
	Kinds   []KindRule // the first that matches a tensor decides its kind; others are guessed
	Layout  string     // a JSON file with the layouts of theta and state, in place of kinds; "" guesses from the first checkpoint
	Exclude []string   // tensors to leave out, by patterns of their names (record.MatchName)
	Key     string     // of .pt checkpoints, the keys under which the state dict is, joined by dots; "" finds it, "." is the dict itself
	Steps   Numbering  // of checkpoints
	Scalars string     // a CSV file with the losses and other numbers of checkpoints, by their steps, in the columns of WriteCSV
	Model   string     // of the header, unless the files say; "" means "imported"
	Comment string     // of the header
}

// Validate names the option, its value and what is allowed.
func (o ImportOptions) Validate() error {
	for _, r := range o.Kinds {
		if err := r.validate(); err != nil {
			return err
		}
	}
	if o.Layout != "" && len(o.Kinds) > 0 {
		return fmt.Errorf("exchange: kinds and the layout file %s both say what tensors are for; give one of them", o.Layout)
	}
	for _, p := range o.Exclude {
		if p == "" {
			return fmt.Errorf("exchange: exclude has an empty pattern")
		}
	}
	return o.Steps.validate()
}

// Import is a set of files that was found to make a run. Their values are read
// when they are copied.
type Import struct {
	// Warnings are what a user should know: conversions, tensors that were left
	// out, where the steps come from. One sentence each, in a fixed order.
	Warnings []string
	// StepsFrom says where the steps of checkpoints come from, with an example of each
	// rule that was used. It is "" for a whole run.
	StepsFrom string

	header *record.Header
	rows   int
	copyTo func(context.Context, func(*record.Step) error) error
}

// Header returns the header of the run; the caller owns it.
func (m *Import) Header() *record.Header { return m.header.Clone() }

// Len returns the number of rows.
func (m *Import) Len() int { return m.rows }

// CopyTo appends all rows to the sink, which it does not close, one row in
// memory at a time. It adds to the warnings which rows and tensors have the same
// values bit for bit.
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

// Open examines files and says what run they make:
//
//   - One .npz that WriteNPZ wrote, or that has a two-dimensional array theta, or one
//     two-dimensional .npy: a whole run, one row of theta for each row. The arrays
//     that WriteNPZ writes are read, also by other usual names such as losses, and the
//     others are left out with a warning. A file without steps that has a tensor of
//     another length than theta is a checkpoint with a parameter theta.
//   - Anything else: each file is a checkpoint and becomes one row. Tensors are
//     the floating-point arrays, by their names; the layout is that of the layout
//     file, or has the order of the first file. All files must have the same
//     tensors: one that is missing, extra or of another shape is a *MismatchError.
//
// The steps come from the metadata, the names or the options; CHECKPOINTS.md has the
// rules. Rows are in the order of their steps. A directory is searched with the
// directories in it, and shards of a model are joined through their index.
//
// A tensor that shares its values with another one (tied weights in a .pt file) is
// left out, and the parts of names that DataParallel, FSDP and torch.compile add are
// removed, both with a warning, unless the layout file has those names.
// Running statistics become state. float16, bfloat16 and float64 are converted
// to float32, with a warning; arrays of other types are left out, with a
// warning. Files that WriteSafetensors wrote keep their header. Losses and other
// numbers come from the file that the options name. The directories
// of all files are read and checked here, so that most of what can be wrong is
// known before anything is written.
//
// Memory: one row, and the directory of one file. A row has no more bytes than
// its file; in a compressed archive no more than 1032 times as many, which is
// what deflate can reach and is checked before anything is allocated.
func Open(paths []string, o ImportOptions) (*Import, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	members, notes, err := collect(paths)
	if err != nil {
		return nil, err
	}
	if len(members) == 1 {
		c, err := members[0].open(o.Key)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		if isRun(c) {
			if o.Scalars != "" {
				return nil, c.errorf("it holds a whole run, which has its own scalars; those of %s are for checkpoints", o.Scalars)
			}
			return openRun(c, o)
		}
	}
	return openCheckpoints(members, notes, o)
}
