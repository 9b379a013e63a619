package session

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
	"sgdwalk/train"
)

// Summary says how a run ended. The run keeps it as train.json.
type Summary struct {
	Run        string          `json:"run"`
	Model      string          `json:"model"`
	Parameters int             `json:"parameters"`
	Result     train.Result    `json:"result"`
	BatchLoss  record.Optional `json:"last_batch_loss"`
	Rows       int64           `json:"rows"` // of the run, those of earlier sessions included
	Bytes      int64           `json:"bytes"`
	Recording  recorder.Stats  `json:"recording"`
	Complete   bool            `json:"complete"` // no row was dropped
	// CheckpointError says why a checkpoint could not be written, when training continued after that.
	CheckpointError string  `json:"checkpoint_error,omitempty"`
	Seconds         float64 `json:"seconds"`

	Planned int64 `json:"-"` // updates in the header
}

// ReadSummary returns how the run in dir ended. It returns nil when the run has not ended or its recording is not
// whole: rows are missing, or it cannot be opened. It also returns nil for a damaged summary: Resume then computes
// the last steps again and writes a new one.
func ReadSummary(dir string) (*Summary, error) {
	text, err := recorder.ReadFile(dir, recorder.SummaryName)
	if errors.Is(err, fs.ErrNotExist) || record.IsDamage(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := new(Summary)
	if json.Unmarshal(text, s) != nil {
		return nil, nil
	}
	if s.Result.Status != train.Finished && s.Result.Status != train.Diverged || s.Recording.Error != "" {
		return nil, nil
	}
	s.Rows = cmp.Or(s.Rows, s.Recording.Rows) // an earlier version noted the rows of the last session only
	trace, err := arrowfile.Open(dir)
	if err != nil {
		return nil, nil //nolint:nilerr // Resume reports it
	}
	defer trace.Close()
	if int64(trace.Len()) != s.Rows || s.Result.Status == train.Finished && !trace.Finished() {
		return nil, nil
	}
	return s, nil
}
