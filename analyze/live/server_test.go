package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sgdwalk/analyze/live"
)

func get(t *testing.T, s *live.Server, method, host, path string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, http.NoBody)
	r.Host = host
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestServer requests every page, figure and table, and some that do not exist.
func TestServer(t *testing.T) {
	s := &live.Server{
		Runs:   []live.Watched{{Log: logOf(header(40), rows(40))}, {Log: live.NewLog("<b>empty</b>", header(5))}},
		Report: func(_ context.Context, w *bytes.Buffer) error { w.WriteString("the report"); return nil },
	}
	const host = "127.0.0.1:8347"
	page := body(t, get(t, s, http.MethodGet, host, "/"))
	if strings.Contains(page, "<b>") || !strings.Contains(page, "mlp:4, sgd, batch 10") || !strings.Contains(page,
		"report.html") {
		t.Errorf("page: %s", page)
	}
	for _, outside := range []string{"http:", "https:", "//"} {
		if strings.Contains(page, outside) {
			t.Errorf("the page names %q", outside)
		}
	}
	var status struct {
		Runs []struct {
			State   string
			Step    int64
			Figures []struct{ Name, Heading, Alt string }
		}
	}
	if err := json.Unmarshal([]byte(body(t, get(t, s, http.MethodGet, host, "/status.json"))), &status); err != nil {
		t.Fatal(err)
	}
	if len(status.Runs) != 2 || status.Runs[0].Step != 40 || status.Runs[0].State != "finished" ||
		len(status.Runs[1].Figures) != 0 {
		t.Fatalf("%+v", status)
	}
	names := ""
	for _, f := range status.Runs[0].Figures {
		names += f.Name + " "
		if f.Alt == "" || f.Heading == "" {
			t.Errorf("figure %s has no text", f.Name)
		}
		for _, look := range []string{"", "?theme=dark&width=3.4", "?theme=light&width=7", "?theme=pink&width=1e9"} {
			r := get(t, s, http.MethodGet, "localhost:8347", "/0/"+f.Name+".svg"+look)
			svg := body(t, r)
			if r.StatusCode != 200 || r.Header.Get("Content-Type") != "image/svg+xml" || xml.Unmarshal([]byte(svg),
				new(struct{})) != nil {
				t.Errorf("%s%s: %d, %.200s", f.Name, look, r.StatusCode, svg)
			}
			if dark := strings.Contains(svg, "#16181d"); dark != strings.Contains(look, "dark") {
				t.Errorf("%s%s: dark is %v", f.Name, look, dark)
			}
		}
		if csv := body(t, get(t, s, http.MethodGet, "[::1]:8347", "/0/"+f.Name+".csv")); strings.Count(csv, "\n") < 10 {
			t.Errorf("%s.csv: %.100s", f.Name, csv)
		}
	}
	if names != "loss step_length cosine distance path " {
		t.Errorf("figures: %s", names)
	}
	if got := body(t, get(t, s, http.MethodGet, host, "/report.html")); got != "the report" {
		t.Errorf("report: %q", got)
	}
	for _, c := range []struct {
		method, host, path string
		want               int
	}{
		{http.MethodHead, host, "/", 200},
		{http.MethodGet, host, "/page.js", 200},
		{http.MethodGet, host, "/page.css", 200},
		{http.MethodGet, host, "/favicon.ico", 204},
		{http.MethodGet, host, "/0/nothing.svg", 404},
		{http.MethodGet, host, "/0/loss.png", 404},
		{http.MethodGet, host, "/2/loss.svg", 404},
		{http.MethodGet, host, "/-1/loss.svg", 404},
		{http.MethodGet, host, "/1/loss.svg", 404},
		{http.MethodGet, host, "/header.json", 404},
		{http.MethodGet, host, "/0/..%2fheader.json", 404},
		{http.MethodPost, host, "/", 405},
		{http.MethodGet, "evil.example", "/status.json", 421},
		{http.MethodGet, "127.0.0.1.evil.example:8347", "/", 421},
		{http.MethodGet, "", "/", 421},
	} {
		if got := get(t, s, c.method, c.host, c.path).StatusCode; got != c.want {
			t.Errorf("%s %s at %q: %d, want %d", c.method, c.path, c.host, got, c.want)
		}
	}
	if got := get(t, &live.Server{Host: "10.1.2.3"}, http.MethodGet, "10.1.2.3:80", "/").StatusCode; got != 200 {
		t.Errorf("a server that listens at an address does not answer to it: %d", got)
	}
	if got := get(t, &live.Server{Host: "0.0.0.0"}, http.MethodGet, "lab", "/").StatusCode; got != 200 {
		t.Errorf("a server that listens everywhere does not answer to its name: %d", got)
	}
	if got := get(t, new(live.Server), http.MethodGet, host, "/report.html").StatusCode; got != 404 {
		t.Errorf("a report that is not there: %d", got)
	}
	failing := &live.Server{Report: func(context.Context, *bytes.Buffer) error { return errors.New("no room") }}
	if r := get(t, failing, http.MethodGet, host, "/report.html"); r.StatusCode != 500 || !strings.Contains(body(t, r),
		"no room") {
		t.Errorf("a report that fails: %d", r.StatusCode)
	}
}

// TestServe listens on loopback and answers. TestMain checks that no goroutine remains
// after the server has ended.
func TestServe(t *testing.T) {
	at, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &live.Server{Runs: []live.Watched{{Log: logOf(header(40), rows(40))}}}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, at) }()
	client := &http.Client{Transport: &http.Transport{}, Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	r, err := client.Get("http://" + at.Addr().String() + "/status.json")
	if err != nil {
		t.Fatal(err)
	}
	if text := body(t, r); r.StatusCode != 200 || !strings.Contains(text, `"finished"`) {
		t.Errorf("%d %s", r.StatusCode, text)
	}
	r.Body.Close()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	if c, err := net.DialTimeout("tcp", at.Addr().String(), time.Second); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.5.5.5": true, "::1": true, "[::1]": true, "localhost": true, "LOCALHOST": true,
		"::ffff:127.0.0.1": true,
		"0.0.0.0":          false, "::": false, "10.0.0.1": false, "example.org": false, "": false,
		"localhost.example.org": false, "127.0.0.1.nip.io": false,
	} {
		if live.Loopback(host) != want {
			t.Errorf("Loopback(%q) is %v", host, !want)
		}
	}
}
