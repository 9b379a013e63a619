package live

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"sgdwalk/analyze/figure"
	"sgdwalk/record/printable"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS []byte
	//go:embed page.js
	pageJS []byte
	//go:embed compare.js
	compareJS []byte

	pageTemplate = sync.OnceValue(func() *template.Template {
		return template.Must(template.New("page").Parse(pageHTML))
	})
)

// Server shows runs in a browser while they are recorded. It answers only GET and HEAD
// requests and changes nothing, and its pages load nothing from other servers.
//
//	/                       the page
//	/status.json            an object with the Status of every run and its figures
//	/N/NAME.svg             figure NAME of run N, counted from 0; the options are
//	                        ?theme=dark, ?width=3.4 and ?width=7
//	/N/NAME.csv             the data of the figure
//	/N/losses.json          Losses of run N; ?from=STEP and &to=STEP choose steps
//	/report.html            the output of Report
//
// Many readers cost about as much as one: answers are kept for a moment, few figures are drawn at
// the same time, and connections and requests are limited.
type Server struct {
	Runs []Watched
	// Report writes the report of the runs as they are now; without it there is no report.
	Report func(ctx context.Context, w *bytes.Buffer) error
	// Host is the host part of the address that the server listens at. The server refuses
	// requests that name another host, so that a page of another site cannot read this
	// server by pointing its own host name to this machine. "" allows only the names of
	// loopback, which are always allowed.
	Host string

	once     sync.Once
	handler  http.Handler
	draws    semaphore
	state    kept[[]byte] // status.json
	reported kept[[]byte] // report.html
	pictures []map[string]*kept[picture]
	mu       sync.Mutex // of pictures
}

// Watched is one run on the page.
type Watched struct {
	Log *Log
	// Status returns the status of the run, for example the log's status with the counters
	// of the recorder; nil means the log's status.
	Status func() Status
}

// status returns the status of the run now.
func (w *Watched) status() Status {
	if w.Status == nil {
		return w.Log.Status(time.Now())
	}
	return w.Status()
}

// Loopback reports whether the host is "localhost" or a loopback address, which only this
// machine can reach.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.Unmap().IsLoopback()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.once.Do(func() {
		s.draws = make(semaphore, maxDraws)
		s.pictures = make([]map[string]*kept[picture], len(s.Runs))
		mux := http.NewServeMux()
		mux.HandleFunc("GET /{$}", s.page)
		mux.HandleFunc("GET /page.css", asset("text/css; charset=utf-8", pageCSS))
		mux.HandleFunc("GET /page.js", asset("text/javascript; charset=utf-8", pageJS))
		mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		})
		mux.HandleFunc("GET /status.json", s.status)
		mux.HandleFunc("GET /report.html", limited(make(semaphore, maxReports), s.report))
		mux.HandleFunc("GET /compare.js", asset("text/javascript; charset=utf-8", compareJS))
		mux.HandleFunc("GET /{run}/losses.json", s.losses)
		mux.HandleFunc("GET /{run}/{file}", limited(make(semaphore, maxFigures), s.figure))
		s.handler = limited(make(semaphore, maxRequests), mux.ServeHTTP)
	})
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	isOurs := s.Host != "" && (strings.EqualFold(strings.Trim(host, "[]"), s.Host) || anyAddress(s.Host))
	if !Loopback(host) && !isOurs {
		http.Error(w, fmt.Sprintf("this server does not answer to the name %q", host), http.StatusMisdirectedRequest)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	s.handler.ServeHTTP(w, r)
}

// anyAddress reports whether a server listens at all addresses of the machine. The server
// then cannot know its names and accepts every host.
func anyAddress(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsUnspecified()
}

// asset returns a handler for a fixed file.
func asset(kind string, content []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(content) // a browser that closes the connection is not an error
	}
}

// page serves the page with the names of the runs; its script loads the rest.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	type run struct {
		Index       int
		Name, Title string
	}
	data := struct {
		Title  string
		Runs   []run
		Report bool
		Open   bool // the figures of the runs are shown at once
	}{Report: s.Report != nil, Open: len(s.Runs) <= 2}
	for i := range s.Runs {
		l := s.Runs[i].Log
		data.Runs = append(data.Runs, run{i, l.name, l.title()})
	}
	if data.Title = "sgdwalk"; len(data.Runs) == 1 {
		data.Title = data.Runs[0].Name
	}
	var b bytes.Buffer
	if err := pageTemplate().Execute(&b, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	send(w, "text/html; charset=utf-8", b.Bytes(), nil)
}

// figureInfo describes a figure to the page.
type figureInfo struct {
	Name    string `json:"name"`
	Heading string `json:"heading"`
	Alt     string `json:"alt"`
}

// runInfo is one run in status.json.
type runInfo struct {
	Status
	Figures []figureInfo `json:"figures"`
}

// status serves status.json.
func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	b, err := s.state.get(statusAge, func([]byte) ([]byte, error) {
		out := struct {
			Runs []runInfo `json:"runs"`
		}{Runs: []runInfo{}}
		for i := range s.Runs {
			info := runInfo{Status: s.Runs[i].status(), Figures: []figureInfo{}}
			for _, f := range s.Runs[i].Log.Figures() {
				info.Figures = append(info.Figures, figureInfo{f.Name, f.Heading, printable.Line(f.Figure.Alt())})
			}
			out.Runs = append(out.Runs, info)
		}
		return json.Marshal(out)
	})
	send(w, "application/json", b, err)
}

// losses serves the losses of a run.
func (s *Server) losses(w http.ResponseWriter, r *http.Request) {
	i, err := strconv.Atoi(r.PathValue("run"))
	if err != nil || i < 0 || i >= len(s.Runs) {
		http.NotFound(w, r)
		return
	}
	steps := [2]int64{0, wholeRun}
	for k, name := range []string{"from", "to"} {
		text := r.FormValue(name)
		if text == "" {
			continue
		}
		if steps[k], err = strconv.ParseInt(text, 10, 64); err != nil {
			http.Error(w, fmt.Sprintf("%s is %q; it must be a step", name, printable.Line(text)), http.StatusBadRequest)
			return
		}
	}
	b, err := json.Marshal(s.Runs[i].Log.Losses(steps[0], steps[1]))
	send(w, "application/json", b, err)
}

// send answers with content of a kind, or with an error.
func send(w http.ResponseWriter, kind string, content []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(content) // a browser that closes the connection is not an error
}

// figure serves a figure as SVG, or its data as CSV.
func (s *Server) figure(w http.ResponseWriter, r *http.Request) {
	i, err := strconv.Atoi(r.PathValue("run"))
	name, kind, _ := strings.Cut(r.PathValue("file"), ".")
	if err != nil || i < 0 || i >= len(s.Runs) || kind != "svg" && kind != "csv" || !isFigure(name) {
		http.NotFound(w, r)
		return
	}
	style := figure.Style{Theme: figure.Light}
	if r.FormValue("theme") == "dark" {
		style.Theme = figure.Dark
	}
	if r.FormValue("width") == "3.4" {
		style.Width = figure.SingleColumn
	}
	p, err := s.picture(i, fmt.Sprint(name, kind, style.Theme, style.Width)).get(figureAge,
		func(old picture) (picture, error) {
			return old, s.draws.while(func() (err error) { old, err = s.draw(i, name, kind, style, old); return err })
		})
	switch {
	case err != nil:
		send(w, "", nil, err)
	case p.content == nil:
		http.NotFound(w, r) // the run does not have this figure yet
	case kind == "csv":
		send(w, "text/csv; charset=utf-8", p.content.Bytes(), nil)
	default:
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		send(w, "image/svg+xml", p.content.Bytes(), nil)
	}
}

// isFigure reports whether a run can have a figure of this name.
func isFigure(name string) bool {
	for _, h := range headings {
		if h.name == name {
			return true
		}
	}
	return false
}

// picture is a drawn figure, or its data.
type picture struct {
	rows    int // of the run
	content *bytes.Buffer
}

// picture returns the place of a picture of a run. There are as many as names, kinds and styles.
func (s *Server) picture(run int, key string) *kept[picture] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pictures[run] == nil {
		s.pictures[run] = make(map[string]*kept[picture])
	}
	p := s.pictures[run][key]
	if p == nil {
		p = new(kept[picture])
		s.pictures[run][key] = p
	}
	return p
}

// draw makes a picture, or returns the old one when the run has no new rows.
func (s *Server) draw(run int, name, kind string, style figure.Style, old picture) (picture, error) {
	l := s.Runs[run].Log
	rows := l.Rows()
	if old.content != nil && old.rows == rows {
		return old, nil
	}
	for _, f := range l.Figures() {
		if f.Name != name {
			continue
		}
		p := picture{rows: rows, content: new(bytes.Buffer)}
		if kind == "csv" {
			t := f.Figure.Table()
			return p, t.WriteCSV(p.content)
		}
		return p, figure.Render(p.content, figure.Styled(f.Figure, style), figure.SVG)
	}
	return picture{}, nil
}

// report serves the report, or 404 when the server has none.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	if s.Report == nil {
		http.NotFound(w, r)
		return
	}
	// Other readers wait for the same report, so that it is finished when this one has left.
	ctx := context.WithoutCancel(r.Context())
	b, err := s.reported.get(reportAge, func([]byte) ([]byte, error) {
		var b bytes.Buffer
		err := s.draws.while(func() error { return s.Report(ctx, &b) })
		return b.Bytes(), err
	})
	send(w, "text/html; charset=utf-8", b, err) // the report has its own content security policy
}

// Serve answers requests at the listener until the context ends. Then it closes the
// listener, and gives open requests two seconds to finish.
func (s *Server) Serve(ctx context.Context, at net.Listener) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: time.Minute,
		WriteTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
	}
	at = limitListener(at, maxConnections)
	done := make(chan error, 1) // one value, from the one goroutine
	go func() { done <- server.Serve(at) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := server.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return err
}
