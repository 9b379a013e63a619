package replay_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/train"
	"sgdwalk/train/optim"
	"sgdwalk/train/replay"
)

// TestEveryOptimizerResumes stops every optimizer in the middle of an epoch,
// saves the checkpoint, rebuilds everything from the header and resumes. The rows
// must be those of an uninterrupted run.
func TestEveryOptimizerResumes(t *testing.T) {
	for _, name := range optim.Names() {
		t.Run(name, func(t *testing.T) {
			c := config()
			c.Optimizer, c.Hyperparameters, c.Batch, c.Epochs, c.RateSchedule = name, nil, 0, 2, "warmup:3+cosine"
			if name == "entropy-sgd" {
				c.Hyperparameters = map[string]float64{"inner_steps": 3}
			}
			if name == "gd" {
				c.Epochs = 5
			}
			want, _ := trainRun(t, c)

			x, err := replay.New(c)
			if err != nil {
				t.Fatal(err)
			}
			m, _ := record.NewMemory(x.Header())
			loop, err := x.Loop(m)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			loop.Checkpoint = func(c *train.Checkpoint) error { return replay.SaveCheckpoint(dir, x.Header(), c) }
			ctx, cancel := context.WithCancel(context.Background())
			loop.Hook = func(s *record.Step) error {
				if s.Step == 3 {
					cancel()
				}
				return nil
			}
			if r, err := loop.Run(ctx); err != nil || r.Status != train.Stopped {
				t.Fatalf("%+v, %v", r, err)
			}

			y, err := replay.FromHeader(m.Header(), replay.Options{})
			if err != nil {
				t.Fatal(err)
			}
			again, err := y.Loop(m)
			if err != nil {
				t.Fatal(err)
			}
			if again.Resume, err = replay.LoadCheckpoint(dir, y.Header()); err != nil {
				t.Fatal(err)
			}
			last, _ := m.Read(m.Len()-1, record.AllParts)
			again.Recorded = train.Position{Step: last.Step, Substep: last.Substep}
			if r, err := again.Run(context.Background()); err != nil || r.Status != train.Finished {
				t.Fatalf("%+v, %v", r, err)
			}
			equalRows(t, want, m)
			w, _ := want.Read(want.Len()-1, record.AllParts)
			g, _ := m.Read(m.Len()-1, record.AllParts)
			if w.Evaluations != g.Evaluations || w.Epoch != g.Epoch {
				t.Errorf("%d evaluations, epoch %d; the uninterrupted run has %d and %d",
					g.Evaluations, g.Epoch, w.Evaluations, w.Epoch)
			}
		})
	}
}

func TestDamagedCheckpoints(t *testing.T) {
	x, err := replay.New(config())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := replay.LoadCheckpoint(dir, x.Header()); !errors.Is(err, replay.ErrNoCheckpoint) {
		t.Errorf("got %v; want no checkpoint", err)
	}
	c := &train.Checkpoint{
		Step: 3, Epoch: 1, Theta: []float32{1, 2},
		Optimizer: []train.Buffer{{Name: "v", Float64: []float64{3}}},
	}
	if err := replay.SaveCheckpoint(dir, x.Header(), c); err != nil {
		t.Fatal(err)
	}
	got, err := replay.LoadCheckpoint(dir, x.Header())
	if err != nil || got.Step != 3 || !slices.Equal(got.Theta, c.Theta) || got.Optimizer[0].Float64[0] != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	other := x.Header().Clone()
	other.Seed++
	if _, err := replay.LoadCheckpoint(dir, other); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Errorf("got %v; want another run's checkpoint refused", err)
	}
	path := filepath.Join(dir, replay.CheckpointName)
	whole, _ := os.ReadFile(path)
	for n := range whole {
		if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := replay.LoadCheckpoint(dir, x.Header()); err == nil {
			t.Fatalf("cut after %d of %d bytes it is taken", n, len(whole))
		}
		flipped := slices.Clone(whole)
		flipped[n] ^= 0x10
		if err := os.WriteFile(path, flipped, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := replay.LoadCheckpoint(dir, x.Header()); err == nil {
			t.Fatalf("with a bit of byte %d flipped it is taken", n)
		}
	}
}
