package recorder

import (
	"math"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// Info describes a run.
type Info struct {
	Run       string          `json:"run"`
	Header    *record.Header  `json:"header"`
	Rows      int             `json:"rows"`
	FirstStep int64           `json:"first_step"`
	LastStep  int64           `json:"last_step"`
	Status    string          `json:"status"`     // finished, diverged or unfinished
	TornBytes int64           `json:"torn_bytes"` // of a row that was cut off while it was written
	Segments  int             `json:"segments"`
	Bytes     int64           `json:"bytes"`
	FirstLoss record.Optional `json:"first_batch_loss"`
	LastLoss  record.Optional `json:"last_batch_loss"`
	FullLoss  record.Optional `json:"last_full_loss"`
	TestLoss  record.Optional `json:"last_test_loss"`

	// Recorder has the costs of the last session of training. It is nil for a run that training did not make, and
	// for a run that is being recorded or whose writer was killed.
	Recorder *Stats    `json:"recorder"`
	Live     *Counters `json:"live"` // while a process records the run
}

// Inspect reads the scalars of every row of a run, and the notes of its writer. statsErr says why Info.Recorder
// is missing although the run has such a note.
func Inspect(dir string, r *arrowfile.Reader) (info *Info, statsErr, err error) {
	info = &Info{
		Run:       dir,
		Header:    r.Header(),
		Rows:      r.Len(),
		Status:    "unfinished",
		TornBytes: r.Torn(),
		Segments:  r.Segments(),
		Bytes:     r.Bytes(),
	}
	for i := range r.Len() {
		s, err := r.Read(i, record.ScalarsOnly)
		if err != nil {
			return nil, nil, err
		}
		if i == 0 {
			info.FirstStep, info.FirstLoss = s.Step, s.BatchLoss
		}
		info.LastStep = s.Step
		for _, p := range []struct{ kept, seen *record.Optional }{
			{&info.LastLoss, &s.BatchLoss}, {&info.FullLoss, &s.FullLoss}, {&info.TestLoss, &s.TestLoss},
		} {
			if p.seen.Valid {
				*p.kept = *p.seen
			}
		}
		if l := s.BatchLoss; l.Valid && (math.IsNaN(l.Value) || math.IsInf(l.Value, 0)) {
			info.Status = "diverged"
		}
	}
	if info.Status != "diverged" && r.Finished() {
		info.Status = "finished"
	}
	if info.Live = ReadCounters(dir); info.Live == nil {
		info.Recorder, statsErr = ReadStats(dir)
	}
	return info, statsErr, nil
}
