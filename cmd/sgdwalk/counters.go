package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"sgdwalk/analyze/live"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
)

// countersName is the file in a run in which the writer says, while it records,
// how its queue stands; whoever watches the run reads it. It is no part of the
// recording: it is gone when the run ends, and nothing depends on it.
const countersName = "recorder.json"

// countersEvery is the time between two of them; what is older than countersOld is
// of a writer that died.
const (
	countersEvery = 500 * time.Millisecond
	countersOld   = 10 * time.Second
)

// tell keeps the counters of a recording beside it until stop is called, which
// removes them. That they cannot be written disturbs nothing: the disk may be
// full, and the recording says so itself.
func (r *recording) tell(dir string) (stop func()) {
	path, end, ended := filepath.Join(dir, countersName), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(countersEvery)
		defer tick.Stop()
		for {
			select {
			case <-end:
				os.Remove(path)
				return
			case <-tick.C:
				s := r.queue.Stats()
				b, err := json.Marshal(live.Recorder{
					Queued: s.Waiting, MostQueued: s.MostWaiting, Capacity: arrowfile.DefaultQueue + 1, Dropped: s.Dropped,
					BlockedTime: s.Blocked.Seconds(), Share: s.Share(),
				})
				if err == nil {
					_ = safefile.WriteTransient(path, b)
				}
			}
		}
	}()
	return func() { close(end); <-ended }
}

// readCounters returns what the writer of a run says, nil when it says nothing.
func readCounters(dir string) *live.Recorder {
	path := filepath.Join(dir, countersName)
	info, err := os.Stat(path)
	if err != nil || time.Since(info.ModTime()) > countersOld {
		return nil
	}
	b, err := safefile.Read(path, 1<<16)
	if err != nil {
		return nil
	}
	out := new(live.Recorder)
	if json.Unmarshal(b, out) != nil {
		return nil
	}
	return out
}
