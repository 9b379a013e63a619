package audit

import (
	"path/filepath"
	"strings"
	"testing"
)

// A shard of another step is reported with its file, also when its values were rounded on the way, and
// the other shards are not.
func TestShardOfAnotherStep(t *testing.T) {
	own := simulate(walk{seed: 1, steps: grid(3000), pull: 0.002, shards: 3})
	for _, isRounded := range []bool{false, true} {
		for shard, file := range []string{
			"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
		} {
			dir := t.TempDir()
			series := append([]checkpoint{}, own...)
			from := len(own) - 1 - shard
			change(series, 12, func(c *checkpoint) {
				for k := range c.tensors {
					if c.tensors[k].shard != shard {
						continue
					}
					c.tensors[k].values = own[from].tensors[k].values
					if isRounded {
						c.tensors[k].values = rounded(c.tensors[k].values)
					}
				}
			})
			writeSeries(t, dir, series, nil)
			found := 0
			for _, f := range auditFolder(t, dir).List {
				switch {
				case f.Severity == Event:
				case f.Step != own[12].step || f.File != filepath.Join(dir, "step500", file):
					t.Errorf("shard %d, rounded %v: %s: %s", shard, isRounded, f.File, f.Text)
				case (f.Check == SameTensor || f.Check == OtherStep) && strings.Contains(f.Text, "shard "+f.File):
					found++
					if *f.FitsStep != own[from].step {
						t.Errorf("shard %d, rounded %v: fits step %d, want %d", shard, isRounded, *f.FitsStep, own[from].step)
					}
				}
			}
			if found != 1 {
				t.Errorf("shard %d, rounded %v: %d findings about the shard, want 1", shard, isRounded, found)
			}
		}
	}
}

// All faults are found in checkpoints of three shards too.
func TestFaultsAreFoundInShards(t *testing.T) {
	own := simulate(walk{seed: 1, steps: grid(2000), pull: 0.002, shards: 3})
	other := simulate(walk{seed: 2, steps: grid(2000), pull: 0.002, shards: 3})
	for _, f := range faults {
		if x := inject(t, f, 1, own, other, nil); len(x.missed) > 0 {
			t.Errorf("%s: not found at steps %v; found:%s", f.name, x.missed, texts(x.result.List))
		}
	}
}
