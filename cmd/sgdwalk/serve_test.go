package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// announced is standard output of serve: its first object tells the address.
type announced struct {
	bytes.Buffer
	lines chan string // one value: what was printed first
}

func (a *announced) Write(p []byte) (int, error) {
	n, err := a.Buffer.Write(p)
	if strings.Contains(a.String(), "}") {
		select {
		case a.lines <- a.String():
		default:
		}
	}
	return n, err
}

// TestServeWhileTraining serves the run in a directory: the numbers move, the report is
// there, and an interrupt ends it.
func TestServeWhileTraining(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "run")
	train := func(args ...string) int {
		return run(ctx, append([]string{
			"train", "-q", "--data", "digits", "--model", "mlp:4", "--epochs", "1",
			"--grad", "--out", dir,
		}, args...), io.Discard, io.Discard)
	}
	if status := train(); status != exitOK {
		t.Fatalf("train ends with %d", status)
	}
	out := &announced{lines: make(chan string, 1)}
	served := make(chan int, 1)
	serving, interrupt := context.WithCancel(ctx)
	go func() {
		served <- run(serving, []string{"serve", "--json", "--port", "0", filepath.Dir(dir)}, out, io.Discard)
	}()
	var said struct{ Address string }
	select {
	case text := <-out.lines:
		if err := json.Unmarshal([]byte(text), &said); err != nil ||
			!strings.HasPrefix(said.Address, "http://127.0.0.1:") {
			t.Fatalf("%q: %v", text, err)
		}
	case status := <-served:
		t.Fatalf("serve ends with %d", status)
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	get := func(path string) string {
		r, err := client.Get(said.Address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d, %v", path, r.StatusCode, err)
		}
		return string(b)
	}
	for !strings.Contains(get("status.json"), `"rows":16,`) {
		if ctx.Err() != nil {
			t.Fatal("the rows are not seen")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if svg := get("0/path.svg"); !strings.Contains(svg, "PC1") {
		t.Errorf("path: %.200s", svg)
	}
	if losses := get("0/losses.json"); !strings.Contains(losses, `"rows":16,"first":0,"last":15,"mean":1,`) {
		t.Errorf("losses: %.200s", losses)
	}
	if page := get("report.html"); !strings.Contains(page, "mlp:4") {
		t.Errorf("report: %.200s", page)
	}
	// The run is replaced by another one: the page stays, and shows what it knew.
	if status := train("--force"); status != exitOK {
		t.Errorf("train --force beside a server ends with %d", status)
	}
	if text := get("status.json"); !strings.Contains(text, `"rows":16,`) {
		t.Errorf("after another run was begun: %s", text)
	}
	interrupt()
	select {
	case status := <-served:
		if status != exitOK {
			t.Errorf("an interrupted serve ends with %d", status)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("serve does not end")
	}
}
