package sweep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"

	"sgdwalk/record"
	"sgdwalk/record/safefile"
	"sgdwalk/train"
	"sgdwalk/train/optim"
	"sgdwalk/train/session"
)

// States of a cell besides the ways in which a run ends.
const (
	Failed  train.Status = "failed"  // it could not be trained or recorded; the message says why
	Waiting train.Status = "waiting" // the sweep was interrupted before it, or no worker has come to it
)

// Result is one cell in sweep.json and sweep.csv.
type Result struct {
	Cell            string             `json:"cell"`
	Run             string             `json:"run"` // below the sweep's directory, with slashes
	Data            string             `json:"data"`
	Model           string             `json:"model"`
	Parameters      int                `json:"parameters"`
	Optimizer       string             `json:"optimizer"`
	LearningRate    float64            `json:"learning_rate"`
	RateSchedule    string             `json:"learning_rate_schedule"`
	Hyperparameters map[string]float64 `json:"hyperparameters"` // the others, defaults included
	Batch           int                `json:"batch"`
	Epochs          int                `json:"epochs"`
	Seed            uint64             `json:"seed"`
	InitSeed        uint64             `json:"init_seed"`

	Status       train.Status    `json:"status"`
	Message      string          `json:"message"`
	Steps        int64           `json:"steps"` // updates that were done
	StepsPlanned int64           `json:"steps_planned"`
	Rows         int64           `json:"rows"`
	Evaluations  int64           `json:"evaluations"` // gradients (and losses) of mini-batches
	Passes       float64         `json:"passes"`      // Evaluations in passes over the training set: the cost, whatever the optimizer and the batch
	BatchLoss    record.Optional `json:"last_batch_loss"`
	FullLoss     record.Optional `json:"full_loss"` // at the last iterate
	TestLoss     record.Optional `json:"test_loss"`
	TestAccuracy record.Optional `json:"test_accuracy"`
	Bytes        int64           `json:"bytes"`
	Seconds      float64         `json:"wall_seconds"` // while other cells were trained too; differs from call to call

	perPass int // mini-batches of a pass over the data
}

func newResult(p *Planned) Result {
	h := p.Header
	r := Result{
		Cell: p.Name, Run: path.Join(cellsName, p.Name), Data: h.Data.Name(), Model: h.Model,
		Parameters: h.Layout.Len(), Optimizer: h.Optimizer.Name, RateSchedule: h.Optimizer.RateSchedule,
		Hyperparameters: maps.Clone(h.Optimizer.Hyperparameters), Batch: h.Batch, Epochs: h.Epochs,
		Seed: h.Seed, InitSeed: h.InitializationSeed(), StepsPlanned: h.Steps,
		perPass: (h.Data.TrainExamples + h.Batch - 1) / h.Batch,
	}
	r.LearningRate = r.Hyperparameters["learning_rate"]
	delete(r.Hyperparameters, "learning_rate")
	return r
}

// take fills in how the cell ended.
func (r *Result) take(t *session.Summary) {
	r.Status, r.Message = t.Result.Status, t.Result.Message
	r.Steps, r.Evaluations, r.Rows = t.Result.Steps, t.Result.Evaluations, t.Rows
	r.Passes = float64(r.Evaluations) / float64(r.perPass)
	r.BatchLoss = t.BatchLoss
	if t.Result.Status == train.Finished { // otherwise the losses belong to an earlier iterate
		r.FullLoss, r.TestLoss, r.TestAccuracy = t.Result.FullLoss, t.Result.TestLoss, t.Result.TestAcc
	}
	r.Bytes, r.Seconds = t.Bytes, t.Seconds
}

// Merge fills in Results of cells that other processes trained. ended returns how a cell ended, and nil when it
// has not ended.
func (s *Sweep) Merge(ended func(*Planned) (*session.Summary, error)) error {
	for i, p := range s.Cells {
		s.Results[i] = newResult(p)
		t, err := ended(p)
		if err != nil {
			return err
		}
		if t == nil {
			s.Results[i].Status, s.Results[i].Message = Waiting, "not trained yet: its shard is not done"
			continue
		}
		s.Results[i].take(t)
	}
	return nil
}

// Summary is sweep.json.
type Summary struct {
	Sweep    string   `json:"sweep,omitempty"` // its directory; not in the file
	Cells    int      `json:"cells"`
	Kept     int      `json:"kept,omitempty"` // that an earlier call had finished; not in the file
	Finished int      `json:"finished"`
	Diverged int      `json:"diverged"`
	Failed   int      `json:"failed"`
	Left     int      `json:"left"` // interrupted or not begun
	Software string   `json:"software"`
	Results  []Result `json:"results"`
}

// ReadSummary reads sweep.json in dir. The error wraps fs.ErrNotExist when dir is not a sweep.
func ReadSummary(dir string) (*Summary, error) {
	file := filepath.Join(dir, Name)
	text, err := safefile.Read(file, 1<<30)
	if err != nil {
		return nil, err
	}
	s := new(Summary)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// Save writes the results as sweep.json and sweep.csv, and returns the summary. The directory must be locked.
func (s *Sweep) Save() (*Summary, error) {
	sum := &Summary{Cells: len(s.Cells), Software: s.o.Software, Results: s.Results}
	for i := range s.Results {
		switch s.Results[i].Status {
		case train.Finished:
			sum.Finished++
		case train.Diverged:
			sum.Diverged++
		case Failed:
			sum.Failed++
		default:
			sum.Left++
		}
	}
	// The earlier CSV goes first: a kill in between never leaves two tables that differ.
	csv, table := filepath.Join(s.Dir, "sweep.csv"), Table(s.Results)
	if err := os.Remove(csv); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	err := safefile.Write(filepath.Join(s.Dir, Name), func(w io.Writer) error {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(sum)
	})
	if err == nil {
		err = safefile.Write(csv, table.WriteCSV)
	}
	if err != nil {
		return nil, err
	}
	sum.Sweep = s.Dir
	for _, p := range s.Cells {
		if p.Kept != nil && !s.o.Shared {
			sum.Kept++
		}
	}
	return sum, nil
}

// Table has a row for every cell. Every hyperparameter that a cell has is a column, absent in the rows of
// cells without it.
func Table(results []Result) record.Table {
	var t record.Table
	texts := func(name string, value func(*Result) string) {
		c := record.Column{Name: name, Strings: make([]string, len(results))}
		for i := range results {
			c.Strings[i] = value(&results[i])
		}
		t.Columns = append(t.Columns, c)
	}
	ints := func(name string, value func(*Result) int64) {
		c := record.Column{Name: name, Ints: make([]int64, len(results))}
		for i := range results {
			c.Ints[i] = value(&results[i])
		}
		t.Columns = append(t.Columns, c)
	}
	numbers := func(name string, value func(*Result) record.Optional) {
		c := record.Column{Name: name, Floats: make([]float64, len(results)), Valid: make([]bool, len(results))}
		for i := range results {
			v := value(&results[i])
			c.Floats[i], c.Valid[i] = v.Value, v.Valid
		}
		t.Columns = append(t.Columns, c)
	}
	texts("cell", func(r *Result) string { return r.Cell })
	texts("data", func(r *Result) string { return r.Data })
	texts("model", func(r *Result) string { return r.Model })
	ints("parameters", func(r *Result) int64 { return int64(r.Parameters) })
	texts("optimizer", func(r *Result) string { return r.Optimizer })
	numbers("learning_rate", func(r *Result) record.Optional { return record.Some(r.LearningRate) })
	texts("learning_rate_schedule", func(r *Result) string { return r.RateSchedule })
	ints("batch", func(r *Result) int64 { return int64(r.Batch) })
	ints("epochs", func(r *Result) int64 { return int64(r.Epochs) })
	texts("seed", func(r *Result) string { return strconv.FormatUint(r.Seed, 10) })
	texts("init_seed", func(r *Result) string { return strconv.FormatUint(r.InitSeed, 10) })
	for _, name := range hyperNames(results) {
		numbers(name, func(r *Result) record.Optional {
			v, ok := r.Hyperparameters[name]
			return record.Optional{Value: v, Valid: ok}
		})
	}
	texts("status", func(r *Result) string { return string(r.Status) })
	ints("steps", func(r *Result) int64 { return r.Steps })
	ints("steps_planned", func(r *Result) int64 { return r.StepsPlanned })
	ints("rows", func(r *Result) int64 { return r.Rows })
	ints("evaluations", func(r *Result) int64 { return r.Evaluations })
	numbers("passes", func(r *Result) record.Optional { return record.Some(r.Passes) })
	numbers("last_batch_loss", func(r *Result) record.Optional { return r.BatchLoss })
	numbers("full_loss", func(r *Result) record.Optional { return r.FullLoss })
	numbers("test_loss", func(r *Result) record.Optional { return r.TestLoss })
	numbers("test_accuracy", func(r *Result) record.Optional { return r.TestAccuracy })
	ints("bytes", func(r *Result) int64 { return r.Bytes })
	numbers("wall_seconds", func(r *Result) record.Optional { return record.Some(r.Seconds) })
	texts("message", func(r *Result) string { return r.Message })
	return t
}

// hyperNames lists the hyperparameters of all cells in the order of the optimizers' descriptions.
func hyperNames(results []Result) []string {
	var names []string
	for i := range results {
		d, err := optim.Describe(results[i].Optimizer)
		if err != nil {
			continue
		}
		for _, h := range d.Hyperparameters {
			if _, ok := results[i].Hyperparameters[h.Name]; ok && !slices.Contains(names, h.Name) {
				names = append(names, h.Name)
			}
		}
	}
	return names
}
