package shard

import (
	"testing"
	"time"
)

// TestTaskTime: 10 units of 2 s on 4 cores in 3 shards are at most 4 units a task,
// 8 core seconds each.
func TestTaskTime(t *testing.T) {
	p := &Plan{
		Units: 10, Shards: 3, Kinds: []Kind{{Name: "cell", Units: 10, Timed: 2, Seconds: 2}}, TimedCores: 4,
		SetupSeconds: 1.5,
	}
	for cores, want := range map[int]time.Duration{1: 34 * time.Second, 2: 18 * time.Second, 4: 10 * time.Second} {
		if got, ok := p.TaskTime(cores); !ok || got != want {
			t.Errorf("%d cores: %v, %v; want %v", cores, got, ok, want)
		}
	}
	p.TimedCores = 0
	if got, ok := p.TaskTime(1); ok {
		t.Errorf("nothing was timed, and a task takes %v", got)
	}
}
