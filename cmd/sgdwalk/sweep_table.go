package main

import (
	"context"
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
	"text/tabwriter"

	"sgdwalk/record"
	"sgdwalk/record/printable"
	"sgdwalk/record/safefile"
	"sgdwalk/train"
	"sgdwalk/train/optim"
)

// How a cell can stand besides the ways in which a run ends.
const (
	failed  train.Status = "failed"  // it could not be trained or recorded; the message says why
	waiting train.Status = "waiting" // the sweep was interrupted before it, or no worker has come to it
)

// cellResult is one cell as sweep.json and sweep.csv have it.
type cellResult struct {
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
	Passes       float64         `json:"passes"`      // the same in passes over the training set: the cost, whatever the optimizer and the batch
	BatchLoss    record.Optional `json:"last_batch_loss"`
	FullLoss     record.Optional `json:"full_loss"` // at the last iterate
	TestLoss     record.Optional `json:"test_loss"`
	TestAccuracy record.Optional `json:"test_accuracy"`
	Bytes        int64           `json:"bytes"`
	Seconds      float64         `json:"wall_seconds"` // with the other cells beside it; differs from call to call

	perPass int // mini-batches of a pass over the data
}

func newCellResult(p *plannedCell) cellResult {
	h := p.header
	r := cellResult{
		Cell: p.name, Run: path.Join(cellsName, p.name), Data: dataName(h.Data.Spec), Model: h.Model, Parameters: h.Layout.Len(),
		Optimizer: h.Optimizer.Name, RateSchedule: h.Optimizer.RateSchedule, Hyperparameters: maps.Clone(h.Optimizer.Hyperparameters),
		Batch: h.Batch, Epochs: h.Epochs, Seed: h.Seed, InitSeed: h.InitializationSeed(), StepsPlanned: h.Steps,
		perPass: (h.Data.TrainExamples + h.Batch - 1) / h.Batch,
	}
	r.LearningRate = r.Hyperparameters["learning_rate"]
	delete(r.Hyperparameters, "learning_rate")
	return r
}

// take fills in how the cell ended.
func (r *cellResult) take(t *trainSummary) {
	r.Status, r.Message = t.Result.Status, t.Result.Message
	r.Steps, r.Evaluations, r.Rows = t.Result.Steps, t.Result.Evaluations, t.Rows
	if r.Rows == 0 { // of a version that kept those of the last session only
		r.Rows = t.Recording.Rows
	}
	r.Passes = float64(r.Evaluations) / float64(r.perPass)
	r.BatchLoss = t.BatchLoss
	if t.Result.Status == train.Finished { // elsewhere they are those of an earlier iterate
		r.FullLoss, r.TestLoss, r.TestAccuracy = t.Result.FullLoss, t.Result.TestLoss, t.Result.TestAcc
	}
	r.Bytes, r.Seconds = t.Bytes, t.Seconds
}

// sweepSummary is what sweep prints with --json and keeps in sweep.json.
type sweepSummary struct {
	Sweep    string       `json:"sweep,omitempty"` // its directory; not in the file
	Cells    int          `json:"cells"`
	Kept     int          `json:"kept,omitempty"` // that an earlier call had finished; not in the file
	Finished int          `json:"finished"`
	Diverged int          `json:"diverged"`
	Failed   int          `json:"failed"`
	Left     int          `json:"left"` // interrupted or not begun
	Software string       `json:"software"`
	Results  []cellResult `json:"results"`
}

// finish writes the tables and says how it went.
func (s *sweep) finish(ctx context.Context) error {
	sum := sweepSummary{Cells: len(s.cells), Software: software, Results: s.results}
	for i := range s.results {
		switch s.results[i].Status {
		case train.Finished:
			sum.Finished++
		case train.Diverged:
			sum.Diverged++
		case failed:
			sum.Failed++
		default:
			sum.Left++
		}
	}
	err := s.saveTables(&sum)
	if err != nil {
		return err
	}
	sum.Sweep = s.dir
	for _, p := range s.cells {
		if p.kept != nil && s.share == nil {
			sum.Kept++
		}
	}
	if s.json {
		err = s.printJSON(sum)
	} else {
		err = s.print(&sum)
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("%w; %d of %d cells are left, and the same call goes on with them", ctx.Err(), sum.Left, sum.Cells)
	case sum.Failed > 0 && s.share != nil:
		return fmt.Errorf("%d of %d cells failed; sgdwalk sweep %s --out %s tries them again", sum.Failed, sum.Cells, s.file, s.dir)
	case sum.Failed > 0:
		return fmt.Errorf("%d of %d cells failed; the same call tries them again", sum.Failed, sum.Cells)
	}
	return nil
}

// saveTables writes the table as JSON and as CSV. The earlier CSV goes first: a kill
// in between never leaves two tables that differ.
func (s *sweep) saveTables(sum *sweepSummary) error {
	csv, table := filepath.Join(s.dir, "sweep.csv"), cellTable(s.results)
	if err := os.Remove(csv); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := safefile.Write(filepath.Join(s.dir, sweepName), func(w io.Writer) error {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(sum)
	})
	if err != nil {
		return err
	}
	return safefile.Write(csv, table.WriteCSV)
}

func (s *sweep) print(sum *sweepSummary) error {
	w := tabwriter.NewWriter(s.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "cell\tstatus\tsteps\tpasses\ttraining loss\theld-out loss\theld-out accuracy")
	for _, r := range s.results {
		accuracy := "-"
		if r.TestAccuracy.Valid {
			accuracy = fmt.Sprintf("%.2f %%", 100*r.TestAccuracy.Value)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%.4g\t%s\t%s\t%s\n", printable.Line(r.Cell), printable.Line(string(r.Status)), r.Steps, r.Passes, optionalText(r.FullLoss), optionalText(r.TestLoss), accuracy)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range s.results {
		if r.Status != train.Finished {
			s.printf("%s: %s\n", r.Cell, r.Message)
		}
	}
	s.printf("%d cells: %d finished, %d diverged, %d failed, %d left; %d were there already\n", sum.Cells, sum.Finished, sum.Diverged, sum.Failed, sum.Left, sum.Kept)
	s.printf("a pass is one gradient of every training example: optimizers that look more often cost more passes a step\n")
	s.printf("the runs are in %s, the table in %s and sweep.csv there\n", path.Join(s.dir, cellsName), path.Join(s.dir, sweepName))
	return nil
}

// cellTable is the results as a table; every hyperparameter that a cell has is a
// column, absent for cells that do not have it.
func cellTable(results []cellResult) record.Table {
	var t record.Table
	texts := func(name string, value func(*cellResult) string) {
		c := record.Column{Name: name, Strings: make([]string, len(results))}
		for i := range results {
			c.Strings[i] = value(&results[i])
		}
		t.Columns = append(t.Columns, c)
	}
	ints := func(name string, value func(*cellResult) int64) {
		c := record.Column{Name: name, Ints: make([]int64, len(results))}
		for i := range results {
			c.Ints[i] = value(&results[i])
		}
		t.Columns = append(t.Columns, c)
	}
	numbers := func(name string, value func(*cellResult) record.Optional) {
		c := record.Column{Name: name, Floats: make([]float64, len(results)), Valid: make([]bool, len(results))}
		for i := range results {
			v := value(&results[i])
			c.Floats[i], c.Valid[i] = v.Value, v.Valid
		}
		t.Columns = append(t.Columns, c)
	}
	texts("cell", func(r *cellResult) string { return r.Cell })
	texts("data", func(r *cellResult) string { return r.Data })
	texts("model", func(r *cellResult) string { return r.Model })
	ints("parameters", func(r *cellResult) int64 { return int64(r.Parameters) })
	texts("optimizer", func(r *cellResult) string { return r.Optimizer })
	numbers("learning_rate", func(r *cellResult) record.Optional { return record.Some(r.LearningRate) })
	texts("learning_rate_schedule", func(r *cellResult) string { return r.RateSchedule })
	ints("batch", func(r *cellResult) int64 { return int64(r.Batch) })
	ints("epochs", func(r *cellResult) int64 { return int64(r.Epochs) })
	texts("seed", func(r *cellResult) string { return strconv.FormatUint(r.Seed, 10) })
	texts("init_seed", func(r *cellResult) string { return strconv.FormatUint(r.InitSeed, 10) })
	for _, name := range hyperNames(results) {
		numbers(name, func(r *cellResult) record.Optional {
			v, ok := r.Hyperparameters[name]
			return record.Optional{Value: v, Valid: ok}
		})
	}
	texts("status", func(r *cellResult) string { return string(r.Status) })
	ints("steps", func(r *cellResult) int64 { return r.Steps })
	ints("steps_planned", func(r *cellResult) int64 { return r.StepsPlanned })
	ints("rows", func(r *cellResult) int64 { return r.Rows })
	ints("evaluations", func(r *cellResult) int64 { return r.Evaluations })
	numbers("passes", func(r *cellResult) record.Optional { return record.Some(r.Passes) })
	numbers("last_batch_loss", func(r *cellResult) record.Optional { return r.BatchLoss })
	numbers("full_loss", func(r *cellResult) record.Optional { return r.FullLoss })
	numbers("test_loss", func(r *cellResult) record.Optional { return r.TestLoss })
	numbers("test_accuracy", func(r *cellResult) record.Optional { return r.TestAccuracy })
	ints("bytes", func(r *cellResult) int64 { return r.Bytes })
	numbers("wall_seconds", func(r *cellResult) record.Optional { return record.Some(r.Seconds) })
	texts("message", func(r *cellResult) string { return r.Message })
	return t
}

// hyperNames lists the hyperparameters of all cells in the order of the
// optimizers' descriptions.
func hyperNames(results []cellResult) []string {
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
