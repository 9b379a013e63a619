package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sgdwalk/analyze"
	"sgdwalk/analyze/walk"
	"sgdwalk/record/arrowfile"
	"sgdwalk/train/replay"
)

// BenchmarkWalkEpoch walks over one epoch of mlp:128 on MNIST, as a command, and
// says which share of its time full passes over the data take: passes-%. A pass is
// timed inside the same walk of the library. SGDWALK_MNIST names the directory of
// the IDX files.
func BenchmarkWalkEpoch(b *testing.B) {
	mnist := os.Getenv("SGDWALK_MNIST")
	if mnist == "" {
		b.Skip("SGDWALK_MNIST names no directory with MNIST")
	}
	dir := filepath.Join(b.TempDir(), "run")
	command := func(args ...string) {
		if status := run(context.Background(), append(args, "-q"), io.Discard, os.Stderr); status != 0 {
			b.Fatalf("%q leaves with %d", args, status)
		}
	}
	command("train", "--data", "mnist:"+mnist, "--model", "mlp:128", "--out", dir)
	evaluations, pass := timePass(b, dir)
	for b.Loop() {
		command("walk", dir)
	}
	b.ReportMetric(100*float64(evaluations)*pass.Seconds()*float64(b.N)/b.Elapsed().Seconds(), "passes-%")
	b.ReportMetric(float64(pass.Microseconds())/1000, "ms/pass")
	b.ReportMetric(float64(evaluations), "passes")
}

// timePass returns how many evaluations a walk makes and how long one takes.
func timePass(b *testing.B, dir string) (evaluations int, pass time.Duration) {
	trace, err := arrowfile.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer trace.Close()
	x, err := replay.FromHeader(trace.Header(), replay.Options{})
	if err != nil {
		b.Fatal(err)
	}
	loss, err := x.TrainLoss()
	if err != nil {
		b.Fatal(err)
	}
	var spent time.Duration
	timed := analyze.LossFunc(func(ctx context.Context, theta []float32) (float64, error) {
		start := time.Now()
		v, err := loss.Loss(ctx, theta)
		spent += time.Since(start)
		return v, err
	})
	r, err := walk.Run(context.Background(), trace, timed, walk.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return r.Evaluated, spent / time.Duration(r.Evaluated)
}
