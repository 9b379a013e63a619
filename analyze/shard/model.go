package shard

import (
	"math"
	"time"
)

// TaskTime is the least work that a task of a batch system should have. Starting a task
// costs seconds, and many sites have rules against short tasks.
const TaskTime = 10 * time.Minute

// Estimate is the estimated cost of a plan.
type Estimate struct {
	CoreSeconds float64 `json:"core_seconds"`  // seconds that one core needs for all units
	Setup       float64 `json:"setup_seconds"` // seconds from the start of a process to its first unit
	Cores       int     `json:"cores"`         // cores of a task
	// Suggested is the largest number of shards that gives each task TaskTime of work.
	Suggested int `json:"suggested_shards"`
	// ShardBytes is the approximate size of all shard files together.
	ShardBytes int64 `json:"shard_bytes"`
}

// NewEstimate returns the estimate for tasks with the given number of cores. The kinds were
// timed on timedOn cores; the estimate assumes that a unit uses all of them equally well.
// setup is the time from the start of a process to its first unit.
func NewEstimate(kinds []Kind, timedOn, cores int, setup time.Duration, bytes int64) Estimate {
	e := Estimate{Setup: setup.Seconds(), Cores: cores, ShardBytes: bytes}
	units := 0
	for _, k := range kinds {
		e.CoreSeconds += float64(k.Units) * k.Seconds * float64(timedOn)
		units += k.Units
	}
	e.Suggested = max(1, min(units, MaxShards, int(e.CoreSeconds/float64(cores)/TaskTime.Seconds())))
	return e
}

// Task returns the time of a mean task when there are n shards, rounded up to a second.
func (e *Estimate) Task(n int) time.Duration {
	s := e.Setup + e.CoreSeconds/float64(e.Cores)/float64(n)
	return time.Duration(math.Ceil(s)) * time.Second
}

// TaskTime returns the time of the longest task of the plan on the given number of cores,
// rounded up to a second. ok is false when no unit was timed.
func (p *Plan) TaskTime(cores int) (d time.Duration, ok bool) {
	if p.TimedCores < 1 {
		return 0, false
	}
	e := NewEstimate(p.Kinds, p.TimedCores, cores, time.Duration(p.SetupSeconds*float64(time.Second)), 0)
	perUnit := e.CoreSeconds / float64(cores) / float64(p.Units)
	s := e.Setup + perUnit*float64((p.Units+p.Shards-1)/p.Shards)
	return time.Duration(math.Ceil(s)) * time.Second, true
}
