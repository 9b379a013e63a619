package recorder

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"sgdwalk/record/arrowfile"
	"sgdwalk/record/safefile"
)

// Counters describe the queue of a run that is being recorded. The recorder keeps them in a file of the run, for
// programs that watch the run. The file is not a part of the recording: it is removed at the end.
type Counters struct {
	Queued      int64   `json:"queued"`      // rows that wait for the disk
	MostQueued  int64   `json:"most_queued"` // the largest number of waiting rows so far
	Capacity    int64   `json:"capacity"`    // of the queue
	Dropped     int64   `json:"dropped"`
	BlockedTime float64 `json:"blocked_seconds"` // that training waited for the queue
	Share       float64 `json:"time_share"`      // of the time that recording took from training
}

const (
	countersEvery = 500 * time.Millisecond // time between two updates of the file
	countersOld   = 10 * time.Second       // older counters are from a writer that died
)

// publish writes the counters to path until stop is called, which removes the file. Errors are ignored: the disk
// may be full, and the recording reports that itself.
func (r *Recorder) publish(path string) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
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
			}
			s := r.queue.Stats()
			text, err := json.Marshal(Counters{
				Queued:      s.Waiting,
				MostQueued:  s.MostWaiting,
				Capacity:    arrowfile.DefaultQueue + 1,
				Dropped:     s.Dropped,
				BlockedTime: s.Blocked.Seconds(),
				Share:       s.Share(),
			})
			if err == nil {
				_ = safefile.WriteTransient(path, text)
			}
		}
	}()
	return func() { close(end); <-ended }
}

// ReadCounters returns the counters of the run in dir, and nil when no process records it.
func ReadCounters(dir string) *Counters {
	info, err := os.Stat(filepath.Join(dir, countersName))
	if err != nil || time.Since(info.ModTime()) > countersOld {
		return nil
	}
	c := new(Counters)
	if exists, err := readJSON(dir, countersName, c); !exists || err != nil {
		return nil
	}
	return c
}
