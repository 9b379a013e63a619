package session_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train"
	"sgdwalk/train/session"
)

func settings() *session.Settings {
	batch := 100
	return &session.Settings{Data: "digits", Model: "mlp:4", Optimizer: "momentum", Batch: &batch, Epochs: 2, Seed: 3}
}

// stopper ends the training after some steps.
type stopper struct {
	left int
	stop func()

	phase       string
	total, done int
}

func (s *stopper) Begin(phase string, total int) { s.phase, s.total = phase, total }

func (s *stopper) Add(n int) {
	s.done += n
	if s.left -= n; s.left <= 0 {
		s.stop()
	}
}

// TestResume stops a run in the middle of an epoch. The resumed run is, bit for bit, a run in one piece.
func TestResume(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	ctx, cancel := context.WithCancel(t.Context())
	s, err := session.Start(ctx, dir, settings(), session.Options{Progress: &stopper{left: 20, stop: cancel}})
	if err != nil || s.Result.Status != train.Stopped {
		t.Fatalf("%+v, %v; want a stopped run", s, err)
	}
	if kept, err := session.ReadSummary(dir); kept != nil || err != nil {
		t.Errorf("the stopped run has the summary %+v, %v", kept, err)
	}
	refused := errors.New("refused")
	if _, err := session.Resume(t.Context(), dir, session.Options{}, func(stored *session.Settings) error {
		if stored.Model != "mlp:4" || stored.LR == nil {
			t.Errorf("the stored settings are %+v", stored)
		}
		return refused
	}); !errors.Is(err, refused) {
		t.Errorf("got %v; want the error of check", err)
	}
	progress := &stopper{left: 1 << 30}
	s, err = session.Resume(t.Context(), dir, session.Options{Progress: progress}, nil)
	if err != nil || s.Result.Status != train.Finished || s.Rows != s.Planned+1 || !s.Complete {
		t.Fatalf("%+v, %v; want a finished run", s, err)
	}
	if progress.done != progress.total || int64(progress.total) >= s.Planned || progress.phase == "train" {
		t.Errorf("%q reported %d of %d; want the remaining steps of %d", progress.phase, progress.done, progress.total, s.Planned)
	}
	again, err := session.Resume(t.Context(), dir, session.Options{}, nil)
	if err != nil || again.Rows != s.Rows {
		t.Errorf("a finished run gives %+v, %v", again, err)
	}
	rows, difference, err := session.Replay(t.Context(), dir, "", &stopper{left: 1 << 30})
	if err != nil || difference != "" || rows != s.Rows {
		t.Errorf("%d rows are replayed, %q, %v", rows, difference, err)
	}
	if _, err := session.Start(t.Context(), dir, settings(), session.Options{}); !errors.Is(err, arrowfile.ErrExists) {
		t.Errorf("a second run in the directory: %v", err)
	}
}

func TestSettings(t *testing.T) {
	for want, change := range map[string]func(*session.Settings){
		"data is missing":  func(s *session.Settings) { s.Data = "" },
		"epochs is 0":      func(s *session.Settings) { s.Epochs = 0 },
		"batch is 0":       func(s *session.Settings) { s.Batch = new(int) },
		"lr is -0":         func(s *session.Settings) { v := -0.5; s.LR = &v },
		"learning_rate=1":  func(s *session.Settings) { s.Hyper = map[string]float64{"learning_rate": 1} },
		"--record-grad":    func(s *session.Settings) { s.RecGrad = "often" },
		"--record: record": func(s *session.Settings) { s.Record = "often" },
	} {
		s := settings()
		change(s)
		var option *record.OptionError
		if _, err := s.Config("test"); !errors.As(err, &option) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want an OptionError with %q", err, want)
		}
	}
	other := settings()
	other.Hyper = map[string]float64{"momentum": 0.5}
	stored := settings()
	stored.Hyper = map[string]float64{"momentum": 0.9, "weight_decay": 0}
	if err := other.CheckSame(stored, map[string]bool{"seed": true}); err != nil {
		t.Error(err)
	}
	if err := other.CheckSame(stored, map[string]bool{"hyper": true}); err == nil ||
		!strings.Contains(err.Error(), "momentum:0.5") {
		t.Errorf("got %v; want another momentum refused", err)
	}
}
