package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/sketch"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
)

// recordFlags say how the rows reach the disk. They change no row.
type recordFlags struct {
	Sketch        string        `toml:"sketch,omitempty" placeholder:"SPEC" help:"Record reduced rows: subset:PATTERNS, project:K, float16 or bfloat16, joined by +."`
	MaxBytes      string        `toml:"-" placeholder:"SIZE" help:"Refuse before the first step if the recording would take more, for example 20GB."`
	OnRecordError string        `toml:"-" default:"fail" enum:"fail,continue" help:"After an error of writing: fail stops the run, continue trains to the end and marks the run; a checkpoint that cannot be written is then a note (default ${default})."`
	SyncInterval  time.Duration `toml:"-" placeholder:"DURATION" help:"Make rows durable at least so often; a power cut loses no more than that (default: at the end of each segment)."`
	SyncRows      int64         `toml:"-" placeholder:"N" help:"Make rows durable when so many are not; may be combined with the others."`
	SyncBytes     string        `toml:"-" placeholder:"SIZE" help:"Make rows durable when so many bytes are not."`
	SegmentBytes  string        `toml:"-" placeholder:"SIZE" help:"Size of a segment file (default 1.07GB)."`
}

func (f *recordFlags) options(overwrite bool) (o arrowfile.Options, err error) {
	if f.SyncInterval < 0 || f.SyncRows < 0 {
		return o, usagef("--sync-interval is %v and --sync-rows %d; each must be above 0, or left out for the end of each segment", f.SyncInterval, f.SyncRows)
	}
	o.Overwrite, o.SyncInterval, o.SyncRows = overwrite, f.SyncInterval, f.SyncRows
	for _, size := range []struct {
		flag, text string
		to         *int64
	}{{"--segment-bytes", f.SegmentBytes, &o.SegmentBytes}, {"--sync-bytes", f.SyncBytes, &o.SyncBytes}} {
		if size.text == "" {
			continue
		}
		if *size.to, err = parseSize(size.flag, size.text); err != nil {
			return o, err
		}
	}
	return o, nil
}

// parseSize reads a number of bytes with a decimal or binary unit.
func parseSize(flag, text string) (int64, error) {
	for _, u := range []struct {
		unit  string
		bytes float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1}} {
		number, ok := strings.CutSuffix(text, u.unit)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v > 0) || v*u.bytes > math.MaxInt64/2 {
			break
		}
		return int64(v * u.bytes), nil
	}
	return 0, usagef("%s is %q; it must be a size above 0 such as 500MB, 20GB or 1.5TiB", flag, text)
}

// budget says in words what the recording will take, and refuses what does not
// fit.
func (f *recordFlags) budget(x *replay.Experiment, out string) (string, error) {
	b, err := f.room(x.Header(), out)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("recording %s, %.3g kB a step; %s", b, b.BytesPerStep()/1e3, f.timeShare(x, b, out)), nil
}

// room is what the recording will take, or an error where it does not fit.
func (f *recordFlags) room(h *record.Header, out string) (*record.Budget, error) {
	b, err := f.estimate(h)
	if err != nil {
		return nil, err
	}
	if f.MaxBytes != "" {
		limit, err := parseSize("--max-bytes", f.MaxBytes)
		if err != nil {
			return nil, err
		}
		if err := b.Check(limit); err != nil {
			return nil, usagef("--max-bytes %s: %s", f.MaxBytes, tooLarge(err))
		}
	}
	if free, ok := freeBytes(out); ok {
		if err := b.Check(free); err != nil {
			return nil, fmt.Errorf("not enough room on the disk of %s: %s", out, tooLarge(err))
		}
	}
	return b, nil
}

// tooLarge says what does not fit and what to give instead.
func tooLarge(err error) string {
	var e *record.BudgetError
	if !errors.As(err, &e) || !e.Fits {
		return oneLine(err)
	}
	return fmt.Sprintf("the recording would take %s (%d rows of %s), and %s are allowed; --record %s fits with %s",
		bytesText(e.Budget.TotalBytes), e.Budget.Rows, bytesText(e.Budget.RowBytes), bytesText(e.MaxBytes), e.Schedule, bytesText(e.Bytes))
}

// restFits refuses to go on with a run whose rest has no room. It keeps its
// schedule, so that there is none to suggest.
func (f *recordFlags) restFits(h *record.Header, dir string, have int64) error {
	b, err := f.estimate(h)
	if err != nil {
		return err
	}
	if f.MaxBytes != "" {
		limit, err := parseSize("--max-bytes", f.MaxBytes)
		if err != nil {
			return err
		}
		if b.TotalBytes > limit {
			return usagef("--max-bytes %s: the whole run takes %s, of which %s are recorded, and one that goes on keeps its schedule", f.MaxBytes, bytesText(b.TotalBytes), bytesText(have))
		}
	}
	if free, ok := freeBytes(dir); ok && b.TotalBytes-have > free {
		return fmt.Errorf("not enough room on the disk of %s: the rest of the run takes %s, and %s are free", dir, bytesText(b.TotalBytes-have), bytesText(free))
	}
	return nil
}

// estimate is what the recording will take.
func (f *recordFlags) estimate(h *record.Header) (*record.Budget, error) {
	spec, err := sketch.ParseSpec(f.Sketch)
	if err != nil {
		return nil, usageError{err}
	}
	if h, err = sketch.Header(h, spec); err != nil {
		return nil, usageError{err}
	}
	row, run, err := arrowfile.Overhead(h)
	if err != nil {
		return nil, err
	}
	perStep := optim.BatchesPerStep(h.Optimizer)
	return record.NewBudget(h, record.BudgetOptions{RowOverhead: row, RunOverhead: run, InnerRows: perStep - 1, BatchesPerStep: perStep})
}

// timeShare measures one step and one row, and says what the writing takes of the
// time, beside a writer that works while the next step is computed.
func (f *recordFlags) timeShare(x *replay.Experiment, b *record.Budget, out string) string {
	step, err := x.TimeStep()
	if err != nil {
		return "the time share is not known: " + oneLine(err)
	}
	speed, err := writeSpeed(existing(filepath.Dir(filepath.Clean(out))), b.RowBytes)
	if err != nil {
		return "the time share is not known: " + oneLine(err)
	}
	return fmt.Sprintf("a step takes %.3g ms, writing about %s of that beside it (%.2g GB/s)", 1e3*step.Seconds(), percent(b.TimeShare(step, speed)), speed/1e9)
}

// existing is the directory itself, or the nearest one above it that is there.
func existing(dir string) string {
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
	}
	return dir
}

// writeSpeed writes a few rows' worth of bytes into a file that is removed again.
func writeSpeed(dir string, rowBytes int64) (bytesPerSecond float64, err error) {
	f, err := os.CreateTemp(dir, ".sgdwalk-speed-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name()) // where an open file keeps its name
	defer f.Close()
	os.Remove(f.Name()) // nothing is left when the process is killed
	chunk := make([]byte, min(max(rowBytes, 1<<12), 1<<24))
	start, written := time.Now(), 0
	for written < 1<<25 && time.Since(start) < 100*time.Millisecond {
		n, err := f.Write(chunk)
		if err != nil {
			return 0, err
		}
		written += n
	}
	return float64(written) / time.Since(start).Seconds(), nil
}

// recording is a run being written: the file, the queue before it and, if asked
// for, the reduction before that.
type recording struct {
	record.Sink
	writer *arrowfile.Writer
	queue  *arrowfile.Async
	header *record.Header // as it is on disk
	policy arrowfile.ErrorPolicy
}

// record opens the run for writing. open makes the writer, for a new run or one
// that goes on.
func (f *recordFlags) record(h *record.Header, open func(*record.Header) (*arrowfile.Writer, error)) (*recording, error) {
	spec, err := sketch.ParseSpec(f.Sketch)
	if err != nil {
		return nil, usageError{err}
	}
	r := new(recording)
	if f.OnRecordError == "continue" {
		r.policy = arrowfile.ContinueOnError
	}
	r.Sink, r.header, err = sketch.Sink(func(h *record.Header) (record.Sink, error) {
		var err error
		if r.writer, err = open(h); err != nil {
			return nil, err
		}
		if r.queue, err = arrowfile.NewAsync(r.writer, h, arrowfile.AsyncOptions{OnError: r.policy}); err != nil {
			return nil, errors.Join(err, r.writer.Close())
		}
		return r.queue, nil
	}, h, spec)
	return r, err
}

// flush waits until no row waits to be written. Where training goes on after an
// error of writing, that error is not one of flushing.
func (r *recording) flush() error {
	if err := r.queue.Flush(); err != nil && r.policy == arrowfile.FailOnError {
		return err
	}
	return nil
}

// recordingStats is what the recording cost; it differs from call to call.
type recordingStats struct {
	Rows       int64   `json:"rows"`
	Dropped    int64   `json:"dropped"`
	Bytes      int64   `json:"bytes"`
	MostQueued int64   `json:"most_queued"`
	Blocked    float64 `json:"blocked_seconds"`
	Copying    float64 `json:"copying_seconds"`
	Writing    float64 `json:"writing_seconds"`
	Share      float64 `json:"time_share"`
	Error      string  `json:"error,omitempty"`
}

func (r *recording) stats() recordingStats {
	s := r.queue.Stats()
	out := recordingStats{
		Rows: s.Rows, Dropped: s.Dropped, Bytes: r.writer.Bytes(), MostQueued: s.MostWaiting,
		Blocked: s.Blocked.Seconds(), Copying: s.Copying.Seconds(), Writing: s.Writing.Seconds(), Share: s.Share(),
	}
	if s.Err != nil {
		out.Error = oneLine(s.Err)
	}
	return out
}
