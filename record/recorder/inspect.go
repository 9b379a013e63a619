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
	Notes    Notes     `json:"notes"`
}

// Inspect reads what Info has: the first row, and rows from the last one backwards until every kind of loss was found.
// A run is diverged when its last batch loss is NaN or infinite. statsErr says why Info.Recorder is missing although
// the run has a note of its writer.
func Inspect(dir string, r *arrowfile.Reader) (info *Info, statsErr, err error) {
	info = &Info{
		Run:       dir,
		Header:    r.Header(),
		Rows:      r.Len(),
		Status:    "unfinished",
		TornBytes: r.Torn(),
		Segments:  r.Segments(),
		Bytes:     r.Bytes(),
		Notes:     ReadNotes(dir),
	}
	if err := info.readRows(r); err != nil {
		return nil, nil, err
	}
	switch l := info.LastLoss; {
	case l.Valid && (math.IsNaN(l.Value) || math.IsInf(l.Value, 0)):
		info.Status = "diverged"
	case r.Finished():
		info.Status = "finished"
	}
	if info.Live = ReadCounters(dir); info.Live == nil {
		info.Recorder, statsErr = ReadStats(dir)
	}
	return info, statsErr, nil
}

// readRows sets the steps and the losses.
func (i *Info) readRows(r *arrowfile.Reader) error {
	if i.Rows == 0 {
		return nil
	}
	first, err := r.Read(0, record.ScalarsOnly)
	if err != nil {
		return err
	}
	i.FirstStep, i.FirstLoss = first.Step, first.BatchLoss
	for row := i.Rows - 1; row >= 0; row-- {
		if i.LastLoss.Valid && i.FullLoss.Valid && i.TestLoss.Valid {
			break
		}
		s, err := r.Read(row, record.ScalarsOnly)
		if err != nil {
			return err
		}
		if row == i.Rows-1 {
			i.LastStep = s.Step
		}
		for _, p := range []struct{ last, seen *record.Optional }{
			{&i.LastLoss, &s.BatchLoss}, {&i.FullLoss, &s.FullLoss}, {&i.TestLoss, &s.TestLoss},
		} {
			if !p.last.Valid {
				*p.last = *p.seen
			}
		}
	}
	return nil
}
