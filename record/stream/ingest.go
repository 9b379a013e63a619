package stream

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/internal/mapped"
	"sgdwalk/record/printable"
	"sgdwalk/record/recorder"
)

// Ingested says how the recording of a stream ended.
type Ingested struct {
	Run       string         `json:"run"`
	Status    string         `json:"status"` // finished, unfinished, torn or failed
	Message   string         `json:"message"`
	Frames    int64          `json:"frames"`                  // steps that came
	Memory    int64          `json:"memory_frames,omitempty"` // of them through shared memory
	Rows      int64          `json:"rows"`                    // rows that were recorded
	Recording recorder.Stats `json:"recording"`
	Complete  bool           `json:"complete"`        // no row was dropped
	Notes     []string       `json:"notes,omitempty"` // of the producer
	Seconds   float64        `json:"seconds"`
}

// Ingest records the steps of d with r, the recorder of the run in dir, to the end of the stream. h is the header
// of the stream with the schedules of the recording. Ingest calls step after each step, closes r, and notes in
// the run how the stream ended. The result is never nil; the error says why the run is not finished.
func Ingest(dir string, h *record.Header, d *Decoder, r *recorder.Recorder, step func()) (*Ingested, error) {
	start := time.Now()
	sink := record.NewScheduledSink(r, h)
	rates, failure := recorder.NewGroupRates(dir, len(h.Groups))
	for failure == nil {
		fault := mapped.Catch(func() { failure = ingestStep(d, sink, r, rates) })
		switch {
		case fault != nil:
			failure = fmt.Errorf("the memory that the producer shares: %w", fault)
		case failure == nil:
			step()
		}
	}
	r.SetFinished(errors.Is(failure, io.EOF))
	closed := errors.Join(sink.Close(), rates.Close())
	out := &Ingested{
		Run: dir, Frames: d.Frames(), Memory: d.MemoryFrames(), Rows: r.Rows(), Notes: d.Notes(), Recording: r.Stats(),
		Seconds: time.Since(start).Seconds(),
	}
	out.Complete = out.Recording.IsComplete()
	switch {
	case errors.Is(failure, io.EOF):
		out.Status, failure = "finished", nil
	case errors.Is(failure, ErrTorn):
		out.Status = "torn"
	case errors.Is(failure, ErrUnfinished):
		out.Status = "unfinished"
	default:
		out.Status = "failed"
	}
	if failure == nil && closed != nil && (out.Complete || !r.ContinuesOnError()) {
		out.Status, failure = "failed", closed
	}
	out.Message = fmt.Sprintf("%d steps came, %d rows are recorded", out.Frames, out.Rows)
	if failure != nil {
		failure = fmt.Errorf("%w (%s: %s)", failure, dir, out.Message)
		out.Message = printable.OneLine(failure)
	}
	return out, errors.Join(failure, recorder.WriteJSON(dir, recorder.IngestName, out))
}

// ingestStep records the next step. It returns io.EOF after the last one.
func ingestStep(d *Decoder, sink record.Sink, r *recorder.Recorder, rates *recorder.GroupRates) error {
	var s record.Step
	if err := d.Next(&s); err != nil {
		return err
	}
	if err := checkNumbers(&s); err != nil {
		return err
	}
	if s.WallTime.IsZero() {
		s.WallTime = time.Now()
	}
	if err := sink.Append(&s); err != nil {
		return fmt.Errorf("step %d could not be recorded: %w", s.Step, err)
	}
	if err := rates.Add(s.Step, d.GroupRates()); err != nil && !r.ContinuesOnError() {
		return fmt.Errorf("step %d: the learning rates could not be recorded: %w", s.Step, err)
	}
	return nil
}

// checkNumbers refuses numbers that no training has.
func checkNumbers(s *record.Step) error {
	for _, n := range []struct {
		name  string
		value int64
	}{
		{"step", s.Step},
		{"substep", int64(s.Substep)},
		{"epoch", int64(s.Epoch)},
		{"number of examples", int64(s.Examples)},
		{"number of evaluations", s.Evaluations},
	} {
		if n.value < 0 {
			return fmt.Errorf("step %d: the %s is %d; it must be at least 0", s.Step, n.name, n.value)
		}
	}
	if a := s.BatchAccuracy; a.Valid && !(a.Value >= 0 && a.Value <= 1) {
		return fmt.Errorf("step %d: the accuracy is %v; it must be from 0 to 1", s.Step, a.Value)
	}
	if r := s.LearningRate; r.Valid && !(r.Value >= 0 && !math.IsInf(r.Value, 1)) {
		return fmt.Errorf("step %d: the learning rate is %v; it must be finite and at least 0", s.Step, r.Value)
	}
	return nil
}
