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
//	/report.html            the output of Report
type Server struct {
	Runs []Watched
	// Report writes the report of the runs as they are now; without it there is no report.
	Report func(ctx context.Context, w *bytes.Buffer) error
	// Host is the host part of the address that the server listens at. The server refuses
	// requests that name another host, so that a page of another site cannot read this
	// server by pointing its own host name to this machine. "" allows only the names of
	// loopback, which are always allowed.
	Host string

	once    sync.Once
	handler http.Handler
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
		mux := http.NewServeMux()
		mux.HandleFunc("GET /{$}", s.page)
		mux.HandleFunc("GET /page.css", asset("text/css; charset=utf-8", pageCSS))
		mux.HandleFunc("GET /page.js", asset("text/javascript; charset=utf-8", pageJS))
		mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		})
		mux.HandleFunc("GET /status.json", s.status)
		mux.HandleFunc("GET /report.html", s.report)
		mux.HandleFunc("GET /{run}/{file}", s.figure)
		s.handler = mux
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
	}{Report: s.Report != nil}
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
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	_, _ = w.Write(b.Bytes())
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
	b, err := json.Marshal(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b)
}

// figure serves a figure as SVG, or its data as CSV.
func (s *Server) figure(w http.ResponseWriter, r *http.Request) {
	i, err := strconv.Atoi(r.PathValue("run"))
	name, kind, _ := strings.Cut(r.PathValue("file"), ".")
	if err != nil || i < 0 || i >= len(s.Runs) || kind != "svg" && kind != "csv" {
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
	for _, f := range s.Runs[i].Log.Figures() {
		if f.Name != name {
			continue
		}
		var b bytes.Buffer
		if kind == "csv" {
			t := f.Figure.Table()
			err = t.WriteCSV(&b)
			w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		} else {
			err = figure.Render(&b, figure.Styled(f.Figure, style), figure.SVG)
			w.Header().Set("Content-Type", "image/svg+xml")
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(b.Bytes())
		return
	}
	http.NotFound(w, r)
}

// report serves the report, or 404 when the server has none.
func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	if s.Report == nil {
		http.NotFound(w, r)
		return
	}
	var b bytes.Buffer
	if err := s.Report(r.Context(), &b); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // the report has its own content security policy
}

// Serve answers requests at the listener until the context ends. Then it closes the
// listener, and gives open requests two seconds to finish.
func (s *Server) Serve(ctx context.Context, at net.Listener) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, WriteTimeout: time.Minute,
	}
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
