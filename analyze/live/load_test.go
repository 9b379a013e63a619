package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sgdwalk/analyze/live"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// TestManyClients has many readers at the page of a run that is being recorded: every answer is there or refused, the
// run is followed to its end, and the state is computed for all readers together.
func TestManyClients(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	const steps, clients = 400, 100
	h, all := header(steps), rows(steps)
	w, err := arrowfile.Create(dir, h, arrowfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := arrowfile.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	log := live.NewLog("run", r.Header())
	var looked, reports atomic.Int64
	s := &live.Server{
		Runs: []live.Watched{{Log: log, Status: func() live.Status { looked.Add(1); return log.Status(time.Now()) }}},
		Report: func(_ context.Context, w *bytes.Buffer) error {
			reports.Add(1)
			_, err := w.Write(make([]byte, 1<<20))
			return err
		},
	}
	at, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, at) }()
	followed := make(chan error, 1)
	go func() { followed <- log.Follow(ctx, r, 20*time.Millisecond, nil) }()

	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}, Timeout: time.Minute}
	before, begun := runtime.NumGoroutine(), time.Now()
	var answered, refused atomic.Int64
	var readers sync.WaitGroup
	paths := []string{"", "status.json", "0/loss.svg", "0/path.svg?theme=dark", "0/losses.json", "report.html", "0/loss.csv"}
	for n := range clients {
		readers.Go(func() {
			for k := range 2 * len(paths) {
				resp, err := client.Get(fmt.Sprintf("http://%s/%s", at.Addr(), paths[(n+k)%len(paths)]))
				if err != nil {
					t.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				switch {
				case err != nil:
					t.Error(err)
				case resp.StatusCode == http.StatusServiceUnavailable:
					refused.Add(1)
				case resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusNotFound: // no rows yet
					answered.Add(1)
				default:
					t.Errorf("%s: %d", resp.Request.URL.Path, resp.StatusCode)
				}
			}
		})
	}
	most := 0
	for i := range all {
		if err := w.Append(&all[i]); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			time.Sleep(time.Millisecond)
			most = max(most, runtime.NumGoroutine())
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	readers.Wait()
	took := time.Since(begun)
	if err := <-followed; err != nil || log.Rows() != len(all) {
		t.Errorf("followed %d of %d rows: %v", log.Rows(), len(all), err)
	}
	if answered.Load()+refused.Load() != clients*2*int64(len(paths)) || answered.Load() < clients {
		t.Errorf("%d answers, %d refusals", answered.Load(), refused.Load())
	}
	// Each client has a goroutine and two for its connection, and the server two for the connection and its watch.
	if limit := before + 6*clients; most > limit {
		t.Errorf("%d goroutines; at most %d are expected", most, limit)
	}
	// 400 ms between two looks at the state, and 3 s between two reports.
	if limit := 2 + took.Milliseconds()/400; looked.Load() > limit {
		t.Errorf("the state was computed %d times in %v; at most %d are expected", looked.Load(), took, limit)
	}
	if limit := 2 + took.Milliseconds()/3000; reports.Load() > limit {
		t.Errorf("the report was written %d times in %v; at most %d are expected", reports.Load(), took, limit)
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestSlowReport: while a report takes long, further readers of it wait or are refused, the rest is answered, and
// the report is written once.
func TestSlowReport(t *testing.T) {
	const requests, waiting = 40, 16
	release, written := make(chan struct{}), atomic.Int64{}
	s := &live.Server{
		Runs: []live.Watched{{Log: logOf(header(40), rows(40))}},
		Report: func(_ context.Context, w *bytes.Buffer) error {
			written.Add(1)
			<-release
			w.WriteString("the report")
			return nil
		},
	}
	codes := make(chan int, requests)
	for range requests {
		go func() { codes <- get(t, s, http.MethodGet, "localhost", "/report.html").StatusCode }()
	}
	for range requests - waiting {
		if code := <-codes; code != http.StatusServiceUnavailable {
			t.Errorf("a request beyond the limit: %d", code)
		}
	}
	for _, path := range []string{"/", "/status.json", "/0/loss.svg", "/0/losses.json"} {
		if code := get(t, s, http.MethodGet, "localhost", path).StatusCode; code != http.StatusOK {
			t.Errorf("%s beside a slow report: %d", path, code)
		}
	}
	close(release)
	for range waiting {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("a waiting request: %d", code)
		}
	}
	if written.Load() != 1 {
		t.Errorf("the report was written %d times", written.Load())
	}
}

// TestLosses compares curves with the rows: all of a short run, means of a long one, and a range of it.
func TestLosses(t *testing.T) {
	l := live.NewLog("run", header(20000))
	s := rows(2)[0]
	const n = 4000
	for k := range int64(n) {
		s.Step, s.BatchLoss, s.FullLoss, s.TestLoss = k, record.Some(float64(k)), record.Optional{}, record.Optional{}
		if k%1000 == 0 {
			s.FullLoss = record.Some(float64(-k))
		}
		if err := l.Add(&s); err != nil {
			t.Fatal(err)
		}
	}
	whole := l.Losses(0, 1<<62)
	if whole.Rows != n || whole.First != 0 || whole.Last != n-1 || whole.Mean != 4 || len(whole.Batch.Step) != n/4 ||
		len(whole.Full.Step) != 4 || len(whole.Test.Step) != 0 {
		t.Fatalf("%d rows, %d to %d, mean of %d, %d %d %d points", whole.Rows, whole.First, whole.Last, whole.Mean,
			len(whole.Batch.Step), len(whole.Full.Step), len(whole.Test.Step))
	}
	for i, step := range whole.Batch.Step {
		if step != int64(4*i+3) || whole.Batch.Value[i].Value != float64(4*i)+1.5 {
			t.Fatalf("point %d is %v at step %d", i, whole.Batch.Value[i].Value, step)
		}
	}
	part := l.Losses(100, 350)
	if part.Mean != 1 || len(part.Batch.Step) != 251 || part.Batch.Step[0] != 100 || part.Batch.Value[250].Value != 350 ||
		len(part.Full.Step) != 0 {
		t.Errorf("%+v", part)
	}
	if none := live.NewLog("run", header(5)).Losses(0, 9); none.Rows != 0 || len(none.Batch.Step) != 0 {
		t.Errorf("without rows: %+v", none)
	}

	server := &live.Server{Runs: []live.Watched{{Log: l}}}
	var got live.Losses
	text := body(t, get(t, server, http.MethodGet, "localhost", "/0/losses.json?from=100&to=350"))
	if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Batch.Step) != 251 {
		t.Errorf("%v: %.100s", err, text)
	}
	for path, want := range map[string]int{
		"/1/losses.json": 404, "/x/losses.json": 404, "/0/losses.json?from=x": 400, "/0/losses.json?to=1e9": 400,
		"/0/losses.json?from=9&to=2": 200,
	} {
		if code := get(t, server, http.MethodGet, "localhost", path).StatusCode; code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
}
