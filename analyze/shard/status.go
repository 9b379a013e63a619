package shard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sgdwalk/record/safefile"
)

// State is the state of a shard.
type State string

// The states.
const (
	Done    State = "done"    // the shard's file is finished
	Running State = "running" // a worker gave a sign of life recently
	Failed  State = "failed"  // the last worker gave up and left the reason
	Lost    State = "lost"    // the last worker gave no sign of life for a long time: it died
	Waiting State = "waiting" // no worker has the shard
	Damaged State = "damaged" // the shard's file is truncated; the next worker writes it again
)

// maxLife is the largest size in bytes at which a sign of life is read.
const maxLife = 1 << 20

// silence is the number of beats without a sign of life after which a worker counts as
// dead. One missed beat proves nothing: network file systems show files of other hosts late.
const silence = 6

// ShardStatus describes one shard.
type ShardStatus struct {
	Shard  int    `json:"shard"`
	State  State  `json:"state"`
	Units  int    `json:"units"`            // finished units, from the last sign of life or the saved lines
	Of     int    `json:"of"`               // planned units of the shard
	Host   string `json:"host,omitempty"`   // machine of the last worker
	Reason string `json:"reason,omitempty"` // why the last worker failed

	rate float64 // units per second of a running worker; 0 when unknown
}

// Status describes the progress of a plan. Its numbers come from the plan's directory alone.
type Status struct {
	Shards  int           `json:"shards"`
	Done    int           `json:"done"`
	Running int           `json:"running"`
	Failed  int           `json:"failed"`
	Lost    int           `json:"lost"`
	Waiting int           `json:"waiting"`
	Damaged int           `json:"damaged"`
	Units   int           `json:"units"`       // planned units
	Present int           `json:"units_done"`  // finished units
	Rate    float64       `json:"unit_rate"`   // units per second of all running workers; 0 while unknown
	ETA     float64       `json:"eta_seconds"` // at this rate; 0 while unknown
	Each    []ShardStatus `json:"each"`
}

// Status returns the state of every shard. It measures the ages of files with the clock of
// the file system, because the clocks of the hosts may differ. In a directory that it
// cannot write to, it uses the clock of this host. beat is WorkOptions.Beat of the workers;
// 0 means Beat.
func (p *Plan) Status(beat time.Duration) (*Status, error) {
	if beat == 0 {
		beat = Beat
	}
	now := p.now()
	s := &Status{Shards: p.Shards, Units: p.Units}
	for shard := range p.Shards {
		one := ShardStatus{Shard: shard, Of: p.Count(shard)}
		var err error
		if one.State, err = p.finished(shard); err != nil {
			return nil, err
		}
		switch one.State {
		case Done:
			one.Units = one.Of
		case Waiting:
			if err := p.inspect(&one, now, silence*beat); err != nil {
				return nil, err
			}
		}
		s.add(one)
	}
	if left := s.Units - s.Present; s.Rate > 0 && left > 0 {
		s.ETA = float64(left) / s.Rate
	}
	return s, nil
}

// add adds one shard to the list and to the counts.
func (s *Status) add(one ShardStatus) {
	s.Each = append(s.Each, one)
	s.Present += one.Units
	s.Rate += one.rate
	switch one.State {
	case Done:
		s.Done++
	case Running:
		s.Running++
	case Failed:
		s.Failed++
	case Lost:
		s.Lost++
	case Damaged:
		s.Damaged++
	default:
		s.Waiting++
	}
}

// Unfinished returns the shards that are not done and have no running worker, in ascending
// order. These shards can be submitted again.
func (s *Status) Unfinished() []int {
	var list []int
	for i := range s.Each {
		if st := s.Each[i].State; st != Done && st != Running {
			list = append(list, i)
		}
	}
	return list
}

// now returns the time of the file system's clock: the modification time of a new temporary
// file. It returns the time of this host when the file cannot be made.
func (p *Plan) now() time.Time {
	if safefile.CheckBelow(p.dir, filepath.Join(p.dir, workName)) != nil {
		return time.Now()
	}
	f, err := os.CreateTemp(filepath.Join(p.dir, workName), ".clock-*")
	if err != nil {
		return time.Now()
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		return info.ModTime()
	}
	return time.Now()
}

// finished checks the first and the last line of a shard's file and returns Done, Damaged,
// or Waiting when the shard has no file. It does not read the lines between them, so that
// status stays fast for thousands of shards; a merge checks them.
func (p *Plan) finished(shard int) (State, error) {
	path := p.shardPath(shard)
	f, err := safefile.Open(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return Waiting, nil
	}
	if err != nil {
		return "", fmt.Errorf("shard: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("shard: %w", err)
	}
	first := make([]byte, len(p.firstLine(shard)))
	n, _ := io.ReadFull(f, first)
	if _, err := p.checkFirst(path, shard, first[:n]); errors.Is(err, ErrDamaged) {
		return Damaged, nil
	} else if err != nil {
		return "", err
	}
	last := make([]byte, len(lastLine(p.Count(shard), nil)))
	if _, err := f.ReadAt(last, max(0, info.Size()-int64(len(last)))); err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("shard: %w", err)
	}
	if !bytes.HasPrefix(last, []byte(fmt.Sprintf("end %d ", p.Count(shard)))) || last[len(last)-1] != '\n' {
		return Damaged, nil
	}
	return Done, nil
}

// inspect sets the state of an unfinished shard from the latest file of its workers. It
// changes nothing when no worker has left a file.
func (p *Plan) inspect(s *ShardStatus, now time.Time, silent time.Duration) error {
	paths, err := p.workFiles(s.Shard, lifeEnding, failedEnding)
	if err != nil {
		return err
	}
	var latest time.Time
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue // the worker ended after the directory was listed
		}
		b, err := safefile.Read(path, maxLife)
		var l life
		if err != nil || json.Unmarshal(b, &l) != nil {
			continue
		}
		s.Units = max(s.Units, min(l.Units, s.Of))
		if !latest.IsZero() && info.ModTime().Before(latest) {
			continue
		}
		latest = info.ModTime()
		s.Host, s.Reason, s.rate = l.Host, l.Error, 0
		switch {
		case filepath.Ext(path) == failedEnding:
			s.State = Failed
		case now.Sub(info.ModTime()) > silent:
			s.State = Lost
		default:
			s.State = Running
			if l.Seconds > 0 {
				s.rate = float64(l.Made) / l.Seconds
			}
		}
	}
	if s.State != Running {
		s.Units, err = p.saved(s.Shard)
	}
	return err
}

// saved returns the number of units that workers have saved for an unfinished shard. Every
// worker copies the units that it finds, so the longest file has the most units. saved
// counts lines and does not verify them.
func (p *Plan) saved(shard int) (units int, err error) {
	paths, err := p.workFiles(shard, partEnding)
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		if b, err := safefile.Read(path, maxFile); err == nil {
			units = max(units, bytes.Count(b, []byte("\n"))-1)
		}
	}
	return min(units, p.Count(shard)), nil
}

// Numbers returns the shards that are in one of the states, in ascending order.
func (s *Status) Numbers(states ...State) []int {
	var list []int
	for i := range s.Each {
		if slices.Contains(states, s.Each[i].State) {
			list = append(list, i)
		}
	}
	return list
}
