package main

import (
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
)

// recordFlags say how the rows reach the disk. They change no row.
type recordFlags struct {
	MaxBytes      string        `placeholder:"SIZE" help:"Refuse before the first step if the recording would take more, for example 20GB."`
	OnRecordError string        `default:"fail" enum:"fail,continue" help:"After an error of writing: fail stops the run, continue trains to the end and marks the run; a checkpoint that cannot be written is then a note (default ${default})."`
	SyncInterval  time.Duration `placeholder:"DURATION" help:"Sync rows to disk after this time; a power cut loses no more than that (default: at the end of each segment)."`
	SyncRows      int64         `placeholder:"N" help:"Sync to disk after N unsynced rows; may be combined with the others."`
	SyncBytes     string        `placeholder:"SIZE" help:"Sync to disk after this size of unsynced rows."`
	SegmentBytes  string        `placeholder:"SIZE" help:"Size of a segment file (default 1.07GB)."`
}

func (f *recordFlags) options(overwrite bool) (o recorder.Options, err error) {
	if f.SyncInterval < 0 || f.SyncRows < 0 {
		return o, usagef("--sync-interval is %v and --sync-rows is %d; each must be above 0, or left out to sync at "+
			"the end of each segment", f.SyncInterval, f.SyncRows)
	}
	if f.OnRecordError == "continue" {
		o.OnError = arrowfile.ContinueOnError
	}
	o.File = arrowfile.Options{Overwrite: overwrite, SyncInterval: f.SyncInterval, SyncRows: f.SyncRows}
	for _, size := range []struct {
		flag, text string
		to         *int64
	}{
		{"--max-bytes", f.MaxBytes, (*int64)(&o.MaxBytes)},
		{"--segment-bytes", f.SegmentBytes, &o.File.SegmentBytes},
		{"--sync-bytes", f.SyncBytes, &o.File.SyncBytes},
	} {
		if *size.to, err = parseSize(size.flag, size.text); err != nil {
			return o, err
		}
	}
	return o, nil
}

// parseSize reads the size that a flag has. It returns 0 for an empty text.
func parseSize(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := record.ParseBytes(text)
	if err != nil {
		return 0, usagef("%s: %w", flag, err)
	}
	return int64(n), nil
}
