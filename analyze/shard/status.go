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

// State is how a shard is.
type State string

// The states.
const (
	Done    State = "done"    // its file is there
	Running State = "running" // a worker gave a sign of life lately
	Failed  State = "failed"  // its last worker gave up and said why
	Lost    State = "lost"    // its last worker gave no sign of life for long: it died
	Waiting State = "waiting" // no worker is on it
	Damaged State = "damaged" // its file is there, but cut; the next worker makes it anew
)

// maxLife is the size up to which a sign of life is read.
const maxLife = 1 << 20

// silence is after how many beats without a sign a worker counts as dead.
const silence = 6

// ShardStatus is how one shard is.
type ShardStatus struct {
	Shard  int    `json:"shard"`
	State  State  `json:"state"`
	Units  int    `json:"units"` // that are there, as far as the worker has said
	Of     int    `json:"of"`
	Host   string `json:"host,omitempty"`
	Reason string `json:"reason,omitempty"` // of a failure

	rate float64 // units a second of a running worker; 0 unknown
}

// Status is how a plan is, seen from its directory alone.
type Status struct {
	Shards  int           `json:"shards"`
	Done    int           `json:"done"`
	Running int           `json:"running"`
	Failed  int           `json:"failed"`
	Lost    int           `json:"lost"`
	Waiting int           `json:"waiting"`
	Damaged int           `json:"damaged"`
	Units   int           `json:"units"`       // of the plan
	Present int           `json:"units_done"`  // that are there
	Rate    float64       `json:"unit_rate"`   // units a second of all running workers; 0 while unknown
	ETA     float64       `json:"eta_seconds"` // at that rate; 0 while unknown
	Each    []ShardStatus `json:"each"`
}

// Status looks at every shard. Ages of files are taken against the clock of the
// file system, so that clocks of hosts that differ do no harm; of a directory
// that cannot be written to, against this host's. beat is the workers'
// WorkOptions.Beat; 0 means Beat.
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
			if err := p.look(&one, now, silence*beat); err != nil {
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

// Unfinished lists the shards that no worker is on and that are not done.
func (s *Status) Unfinished() []int {
	var list []int
	for i := range s.Each {
		if st := s.Each[i].State; st != Done && st != Running {
			list = append(list, i)
		}
	}
	return list
}

// now is the time by the clock of the file system.
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

// finished looks at the file of a shard: its first and its last line. Waiting is
// that there is none.
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

// look finds out how an unfinished shard is from what its workers have left: the
// latest of them counts.
func (p *Plan) look(s *ShardStatus, now time.Time, silent time.Duration) error {
	paths, err := p.workFiles(s.Shard, lifeEnding, failedEnding)
	if err != nil {
		return err
	}
	var latest time.Time
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue // its worker has just ended
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
		s.Units, err = p.left(s.Shard)
	}
	return err
}

// left returns how many units workers have left of a shard: each begins with those
// that it found, so the longest file has most. Lines are counted, not verified.
func (p *Plan) left(shard int) (units int, err error) {
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

// Numbers lists the shards in one of the states.
func (s *Status) Numbers(states ...State) []int {
	var list []int
	for i := range s.Each {
		if slices.Contains(states, s.Each[i].State) {
			list = append(list, i)
		}
	}
	return list
}
