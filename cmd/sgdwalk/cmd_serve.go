package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sgdwalk/analyze/live"
	"sgdwalk/analyze/report"
	"sgdwalk/cmd/runloss"
	"sgdwalk/record/arrowfile"
	"sgdwalk/record/recorder"
)

// serveCmd shows runs in a browser while they are recorded.
type serveCmd struct {
	Runs   []string `arg:"" name:"run" help:"Directories of the runs, and directories that have runs in them."`
	Host   string   `default:"127.0.0.1" placeholder:"ADDRESS" help:"Address to listen at (default ${default}, this machine alone)."`
	Port   int      `default:"8347" placeholder:"N" help:"Port to listen at; 0 takes a free one (default ${default})."`
	Expose bool     `help:"Allow an address that other machines can reach; everyone who reaches it can read the runs."`
}

func (serveCmd) Help() string {
	return `A page with loss, step length, cosine, distance and path that is kept up to date while the runs
are recorded, the report of all finished analyses beside it, and the numbers at /status.json. The
losses of several runs are in one figure, with a filter, smoothing and zoom. A directory stands for
the runs in it when the server starts, as sgdwalk ls lists them. It listens on loopback, loads
nothing from elsewhere and changes nothing. Ctrl-C ends it.

Examples:
  sgdwalk serve RUN
  sgdwalk serve runs
  sgdwalk serve --port 0 RUN RUN2
  ssh -L 8347:127.0.0.1:8347 HOST sgdwalk serve RUN        (a run on another machine)`
}

func (c *serveCmd) validate() error {
	if c.Port < 0 || c.Port > 65535 {
		return usagef("--port is %d; it must be between 0 and 65535", c.Port)
	}
	if c.Host == "" {
		return usagef("--host is empty; it must be an address such as 127.0.0.1")
	}
	if !live.Loopback(c.Host) && !c.Expose {
		return usagef("--host %s can be reached from other machines; give --expose if that is wanted", c.Host)
	}
	return nil
}

// Run serves until it is interrupted.
func (c *serveCmd) Run(ctx context.Context, e *env) error {
	if err := c.validate(); err != nil {
		return err
	}
	runs, err := c.expand(ctx, e)
	if err != nil {
		return err
	}
	server := &live.Server{Host: strings.Trim(c.Host, "[]"), Report: runs.report}
	group, ctx := errgroup.WithContext(ctx)
	for _, run := range runs {
		dir := run.dir
		r, err := arrowfile.Open(dir)
		if err != nil {
			return err
		}
		defer r.Close()
		log := live.NewLog(run.name, r.Header())
		server.Runs = append(server.Runs,
			live.Watched{Log: log, Status: func() live.Status { return log.StatusIn(dir) }})
		group.Go(func() error { return followOn(ctx, e, log, r, dir) })
	}
	// The followers end before the readers are closed: their maps are in use.
	at, err := (&net.ListenConfig{}).Listen(ctx, "tcp",
		net.JoinHostPort(strings.Trim(c.Host, "[]"), strconv.Itoa(c.Port)))
	if err != nil {
		group.Go(func() error { return err })
		return fmt.Errorf("%w; another --port may be free, and 0 finds one", group.Wait())
	}
	address := "http://" + at.Addr().String() + "/"
	if e.json {
		err = e.printJSON(struct {
			Address string   `json:"address"`
			Runs    []string `json:"runs"`
		}{address, c.Runs})
	} else {
		e.printf("%s shows %s; Ctrl-C ends it\n", address, strings.Join(c.Runs, ", "))
	}
	group.Go(func() error { return errors.Join(err, server.Serve(ctx, at)) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// maxServed is the number of runs that a server shows. Each one takes a few megabytes.
const maxServed = 64

// servedRun is a run with its name on the page.
type servedRun struct{ dir, name string }

type servedRuns []servedRun

// expand returns the runs that are named, and those in the directories that are named.
func (c *serveCmd) expand(ctx context.Context, e *env) (servedRuns, error) {
	var runs servedRuns
	for _, dir := range c.Runs {
		if !runloss.IsSeries(dir) {
			runs = append(runs, servedRun{dir, runName(dir)})
			continue
		}
		found, err := recorder.List(ctx, dir, recorder.DefaultDepth, func(err error) { e.say("note: %s", oneLine(err)) })
		if err != nil {
			return nil, err
		}
		n := len(runs)
		for i := range found {
			switch f := &found[i]; f.State {
			case recorder.Series:
			case recorder.Damaged:
				e.say("note: %s is left out: %s", f.Path, f.Problem)
			default:
				name, err := filepath.Rel(dir, f.Path)
				if err != nil {
					return nil, err
				}
				runs = append(runs, servedRun{f.Path, filepath.ToSlash(name)})
			}
		}
		if len(runs) == n {
			if err := needRun("serve", dir, "it shows runs while they are recorded"); err != nil {
				return nil, err
			}
		}
	}
	if len(runs) > maxServed {
		return nil, usagef("there are %d runs; serve shows at most %d: name fewer", len(runs), maxServed)
	}
	return runs, nil
}

// followOn follows a run without end, because a stopped run may be resumed. An error of
// reading is said once and ends the following, not the page.
func followOn(ctx context.Context, e *env, log *live.Log, r *arrowfile.Reader, dir string) error {
	const pause = 500 * time.Millisecond
	for {
		if err := log.Follow(ctx, r, pause, nil); err != nil {
			if ctx.Err() == nil {
				e.say("%s: %s; the page shows what came before", dir, oneLine(err))
				<-ctx.Done()
			}
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// report writes the report of the runs as they are.
func (s servedRuns) report(_ context.Context, w *bytes.Buffer) error {
	var runs []report.Run
	for _, run := range s {
		r, err := report.Open(run.dir)
		if err != nil {
			return err
		}
		r.Name, r.Place = run.name, placeOf(run.dir)
		runs = append(runs, r)
	}
	return report.Write(w, runs, report.Options{Software: software})
}
