package recorder

import (
	"fmt"

	"sgdwalk/record/printable"
)

// Stats are the costs of one session of recording. They differ from call to call.
type Stats struct {
	Rows       int64   `json:"rows"`
	Dropped    int64   `json:"dropped"`
	Bytes      int64   `json:"bytes"`
	MostQueued int64   `json:"most_queued"`
	Blocked    float64 `json:"blocked_seconds"`
	Copying    float64 `json:"copying_seconds"`
	Writing    float64 `json:"writing_seconds"`
	Share      float64 `json:"time_share"` // of the session's time that recording took from training
	Error      string  `json:"error,omitempty"`
}

// Stats returns the costs so far.
func (r *Recorder) Stats() Stats {
	s := r.queue.Stats()
	out := Stats{
		Rows:       s.Rows,
		Dropped:    s.Dropped,
		Bytes:      r.Bytes(),
		MostQueued: s.MostWaiting,
		Blocked:    s.Blocked.Seconds(),
		Copying:    s.Copying.Seconds(),
		Writing:    s.Writing.Seconds(),
		Share:      s.Share(),
	}
	if s.Err != nil {
		out.Error = printable.OneLine(s.Err)
	}
	return out
}

// IsComplete reports whether every row was written.
func (s *Stats) IsComplete() bool { return s.Dropped == 0 && s.Error == "" }

// Incomplete returns a sentence about the missing rows, and "" when no row is missing.
func (s *Stats) Incomplete() string {
	if s.IsComplete() {
		return ""
	}
	return fmt.Sprintf("INCOMPLETE: %d rows are missing after %s", s.Dropped, s.Error)
}

// ReadStats returns the costs that the last session of training noted in dir, and nil without such a note.
func ReadStats(dir string) (*Stats, error) {
	var s struct {
		Recording Stats `json:"recording"`
	}
	if exists, err := readJSON(dir, SummaryName, &s); !exists || err != nil {
		return nil, err
	}
	return &s.Recording, nil
}
