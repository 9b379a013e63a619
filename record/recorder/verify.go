package recorder

import (
	"fmt"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/printable"
)

// Verification is what Verify found in a run.
type Verification struct {
	Run      string   `json:"run"`
	Rows     int64    `json:"rows"`
	Bytes    int64    `json:"bytes"`
	Replayed int64    `json:"replayed"` // rows that training again gave bit for bit
	Problems []string `json:"problems"`
	// Incomplete says which rows were never written, when training continued after an error of writing. The
	// rows that exist can be sound.
	Incomplete string `json:"incomplete,omitempty"`
	// Unfinished says where an unfinished run ends.
	Unfinished string   `json:"unfinished,omitempty"`
	Notes      []string `json:"notes,omitempty"` // about files that are not a part of the recording

	report func(problem string)
}

// Verify reads every byte of the run in dir and compares the number of rows with the notes of its writer. report
// receives every problem at once. The error is nil when the run could be checked, with or without problems.
func Verify(dir string, report func(problem string)) (*Verification, error) {
	v := &Verification{Run: dir, Problems: []string{}, report: report}
	var machine error
	s, err := arrowfile.Check(dir, func(problem error) {
		v.Add(printable.OneLine(problem))
		if record.IsSystemError(problem) {
			machine = problem
		}
	})
	if err != nil {
		return v, err
	}
	if machine != nil && s.Damaged == 0 {
		return v, fmt.Errorf("%s could not be checked: %w", dir, machine)
	}
	v.Rows, v.Bytes = s.Rows, s.Bytes
	v.compareEnd(&s)
	return v, nil
}

// Add adds a problem and reports it.
func (v *Verification) Add(problem string) {
	v.Problems = append(v.Problems, problem)
	v.report(problem)
}

// compareEnd compares how the run ends with the plan in its header and with the notes of its writer. Fewer rows
// than the writer counted are damage. A run that was stopped, or is being recorded, is not damaged.
func (v *Verification) compareEnd(s *arrowfile.Summary) {
	if stats, err := ReadStats(v.Run); err == nil && stats != nil {
		v.Incomplete = stats.Incomplete()
	}
	if s.Live {
		v.Unfinished = "it is being recorded now"
		return
	}
	have := s.Rows + s.Damaged
	lost, unreadable := lostRows(v.Run, have)
	for _, err := range unreadable {
		v.Notes = append(v.Notes, printable.OneLine(err))
	}
	for _, problem := range lost {
		v.Add(problem)
	}
	if s.Finished {
		return
	}
	v.Unfinished = "it has no rows"
	switch {
	case have > 0 && s.Planned > 0:
		v.Unfinished = fmt.Sprintf("it ends at step %d of %d", s.LastStep, s.Planned)
	case have > 0:
		v.Unfinished = fmt.Sprintf("it ends at step %d, and no note says that this is its end", s.LastStep)
	}
	v.Unfinished += ": its writer was stopped or killed, or its end is lost"
}
