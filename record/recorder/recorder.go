package recorder

import (
	"errors"
	"path/filepath"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/sketch"
)

// Options of a recording. The zero value records whole rows, without a limit, and stops after an error.
type Options struct {
	Sketch   string                // how rows are reduced, see sketch.ParseSpec; empty records whole rows
	MaxBytes record.Bytes          // largest recording that Budget allows; 0 means no limit
	OnError  arrowfile.ErrorPolicy // what happens after an error of writing
	InPlace  bool                  // see arrowfile.AsyncOptions
	File     arrowfile.Options     // of the writer. File.ExtraFiles holds the files of a new run, see ExtraFiles
}

// Recorder is a run that is being written. It is a record.Sink, which takes rows from one goroutine.
type Recorder struct {
	record.Sink
	writer *arrowfile.Writer
	queue  *arrowfile.Async
	policy arrowfile.ErrorPolicy
	stop   func() // stops publishing counters
}

// Create begins a run in dir, with a header that describes rows before their reduction.
func Create(dir string, h *record.Header, o Options) (*Recorder, error) {
	o.File.ExtraFiles = ExtraFiles(o.File.ExtraFiles)
	return open(dir, h, o, func(h *record.Header) (*arrowfile.Writer, error) {
		return arrowfile.Create(dir, h,
			o.File)
	})
}

// Continue continues the run in dir. The header and Options.Sketch must be those of Create.
func Continue(dir string, h *record.Header, o Options) (*Recorder, error) {
	o.File.ExtraFiles = ExtraFiles(nil)
	return open(dir, h, o, func(*record.Header) (*arrowfile.Writer, error) { return arrowfile.Continue(dir, o.File) })
}

func open(
	dir string, h *record.Header, o Options, write func(*record.Header) (*arrowfile.Writer, error),
) (*Recorder, error) {
	spec, err := sketch.ParseSpec(o.Sketch)
	if err != nil {
		return nil, &record.OptionError{Err: err}
	}
	r := &Recorder{policy: o.OnError}
	r.Sink, _, err = sketch.Sink(func(h *record.Header) (record.Sink, error) {
		var err error
		if r.writer, err = write(h); err != nil {
			return nil, err
		}
		if r.queue, err = arrowfile.NewAsync(r.writer, h, arrowfile.AsyncOptions{OnError: o.OnError, InPlace: o.InPlace}); err != nil {
			return nil, errors.Join(err, r.writer.Close())
		}
		return r.queue, nil
	}, h, spec)
	if err != nil {
		return nil, err
	}
	r.stop = r.publish(filepath.Join(dir, countersName))
	return r, nil
}

// Flush waits until every row is written. When training continues after errors of writing, Flush ignores them.
func (r *Recorder) Flush() error {
	if err := r.queue.Flush(); err != nil && !r.ContinuesOnError() {
		return err
	}
	return nil
}

// ContinuesOnError reports whether training continues after an error of writing.
func (r *Recorder) ContinuesOnError() bool { return r.policy == arrowfile.ContinueOnError }

// SetFinished notes whether the run is complete. Call it before Close.
func (r *Recorder) SetFinished(finished bool) { r.writer.SetFinished(finished) }

// Rows returns the number of rows on disk, those of earlier sessions included. Any goroutine may call it.
func (r *Recorder) Rows() int64 { return r.writer.Rows() }

// Bytes returns the size of the run on disk. Any goroutine may call it.
func (r *Recorder) Bytes() int64 { return r.writer.Bytes() }

// Close writes the rows that wait, closes the run and removes the counters.
func (r *Recorder) Close() error {
	err := r.Sink.Close()
	r.stop()
	return err
}
