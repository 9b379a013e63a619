package objective

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

const (
	maxLine       = 16 << 20        // bytes of a line from a process
	tailBytes     = 8 << 10         // kept of its standard error
	maxErrorLines = 40              // lines of it in an error: a traceback
	maxPrinted    = 3               // lines before the first answer that a note shows
	exitGrace     = 2 * time.Second // for a process that has closed its output, or was killed
)

// crash is the error for a process that died: it may be started again.
type crash struct{ state *os.ProcessState }

func (c *crash) Error() string {
	if c.state.Success() {
		return fmt.Sprintf("ended (%s) instead of answering", c.state)
	}
	return fmt.Sprintf("died (%s)", c.state)
}

func crashed(err error) bool {
	var c *crash
	return errors.As(err, &c)
}

// child is one process, or one connection to a process.
type child struct {
	o       *Options
	cmd     *exec.Cmd // nil for a connection
	files   *files
	in      line
	out     line
	stderr  *os.File    // nil for a connection
	lines   chan []byte // unbuffered: the next answer; closed at the end of output
	stop    chan struct{}
	ended   chan struct{} // closed when the process is gone
	readers sync.WaitGroup
	tail    tail
	broken  error  // why read stopped before the end of the output; valid once lines is closed
	id      int64  // of the last request
	token   string // of a connection, for its first line
	welcome welcome
	printed []string // lines before the first answer
	more    int      // lines before it that are not kept
	closed  bool
}

// line is an end of a pipe, or a connection.
type line interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// tail keeps the end of what is written to it.
type tail struct {
	sync.Mutex
	kept []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.Lock()
	defer t.Unlock()
	t.kept = append(t.kept, b...)
	if n := len(t.kept) - tailBytes; n > 0 {
		t.kept = append(t.kept[:0], t.kept[n:]...)
	}
	return len(b), nil
}

// precede puts the content of another tail in front.
func (t *tail) precede(o *tail) {
	t.Lock()
	defer t.Unlock()
	t.kept = append(o.kept, t.kept...)
}

// startChild starts a process and agrees with it on the layout.
func startChild(ctx context.Context, o *Options) (*child, error) {
	f, err := newFiles(o.Dir, o.Layout.Len(), o.StateLayout.Len(), o.gradientLen(), o.mostVectors()*o.Layout.Len())
	if err != nil {
		return nil, fmt.Errorf("objective: %w", err)
	}
	c := &child{o: o, files: f, lines: make(chan []byte), stop: make(chan struct{}), ended: make(chan struct{})}
	if err := c.open(ctx); err != nil {
		f.folder.Close()
		return nil, err
	}
	if err := c.handshake(ctx); err != nil {
		return nil, c.failed("at its start", err)
	}
	if !c.welcome.Hessian {
		f.vectors.close()
		f.products.close()
	}
	return c, nil
}

// open starts the process, or connects to the one that listens.
func (c *child) open(ctx context.Context) error {
	if address, ok := c.o.address(); ok {
		return c.connect(ctx, address)
	}
	if err := c.start(); err != nil {
		return fmt.Errorf("objective: %s could not be started: %w", c.o.name(), err)
	}
	return nil
}

// handshake sends the first line and waits for the first answer. What the program's
// libraries print before it is kept for a note.
func (c *child) handshake(ctx context.Context) (err error) {
	o, f := c.o, c.files
	h := &hello{
		Version: version, Layout: o.Layout, Elements: o.Layout.Len(), StateLayout: o.StateLayout,
		StateElements: o.StateLayout.Len(),
		Theta:         f.theta.name(), State: f.state.name(), Gradient: f.grad.name(),
		Vectors: f.vectors.name(), Products: f.products.name(), MostVectors: o.mostVectors(), Token: c.token,
	}
	deadline := time.Now().Add(o.StartTimeout)
	if err := c.send(ctx, h, deadline, o.StartTimeout); err != nil && !crashed(err) {
		return err
	}
	var before tail // shown when no answer follows
	defer func() {
		if err != nil {
			c.tail.precede(&before)
		}
	}()
	for {
		line, err := c.receive(ctx, deadline, o.StartTimeout)
		if err != nil {
			return err
		}
		if isWelcome(line) {
			if err := json.Unmarshal(line, &c.welcome); err != nil {
				return fmt.Errorf("answered %s as its first line: %w", excerpt(line), err)
			}
			return c.welcome.check(h)
		}
		_, _ = before.Write(append(line, '\n')) // it never fails
		if len(c.printed) < maxPrinted {
			c.printed = append(c.printed, excerpt(line))
		} else {
			c.more++
		}
	}
}

// start starts the process and the goroutines that read from it. They end with
// it, or when kill closes their pipes.
func (c *child) start() (err error) {
	c.cmd = exec.Command(c.o.Command[0], c.o.Command[1:]...)
	c.cmd.Env = c.o.Env
	ownGroup(c.cmd)
	var childEnds, ourEnds [3]*os.File
	defer func() {
		for _, f := range childEnds {
			if f != nil {
				_ = f.Close()
			}
		}
		if err != nil {
			for _, f := range ourEnds {
				if f != nil {
					_ = f.Close()
				}
			}
		}
	}()
	if childEnds[0], ourEnds[0], err = os.Pipe(); err != nil {
		return err
	}
	if ourEnds[1], childEnds[1], err = os.Pipe(); err != nil {
		return err
	}
	if ourEnds[2], childEnds[2], err = os.Pipe(); err != nil {
		return err
	}
	c.in, c.out, c.stderr = ourEnds[0], ourEnds[1], ourEnds[2]
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = childEnds[0], childEnds[1], childEnds[2]
	started := make(chan error)
	go func() {
		// The thread stays for as long as the process: see ownGroup.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			_ = c.cmd.Wait() // the state is in cmd.ProcessState
			killGroup(c.cmd) // what it has started and left
			close(c.ended)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	c.readers.Add(2)
	go func() { defer c.readers.Done(); _, _ = io.Copy(&c.tail, c.stderr) }()
	go func() { defer c.readers.Done(); c.read() }()
	return nil
}

// read hands lines over, in their order.
func (c *child) read() {
	defer close(c.lines)
	s := bufio.NewScanner(c.out)
	s.Buffer(make([]byte, 4096), maxLine)
	s.Split(wholeLines)
	for s.Scan() {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		select {
		case c.lines <- bytes.Clone(s.Bytes()):
		case <-c.stop:
			return
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		c.broken = fmt.Errorf("printed a line of more than %d bytes on standard output", maxLine)
	}
}

// wholeLines is bufio.ScanLines without a last line that has no end: what a process
// has written of its answer when it dies.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if atEOF && bytes.IndexByte(data, '\n') < 0 {
		return len(data), nil, nil
	}
	return bufio.ScanLines(data, atEOF)
}

// exchange sends a request and waits for its answer.
func (c *child) exchange(ctx context.Context, message any) ([]byte, error) {
	select {
	case line, ok := <-c.lines:
		if ok {
			return nil, c.unexpectedLine(line)
		}
		return nil, c.over()
	default:
	}
	deadline := time.Now().Add(c.o.Timeout)
	if err := c.send(ctx, message, deadline, c.o.Timeout); err != nil {
		return nil, err
	}
	return c.receive(ctx, deadline, c.o.Timeout)
}

// send writes a line. limit is the time-out behind the deadline, for the error.
func (c *child) send(ctx context.Context, message any, deadline time.Time, limit time.Duration) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	// A process that reads nothing fills the pipe with a long first line.
	_ = c.in.SetWriteDeadline(deadline) // where pipes have none, the line is short
	stop := context.AfterFunc(ctx, func() { _ = c.in.SetWriteDeadline(time.Unix(1, 0)) })
	_, err = c.in.Write(append(text, '\n'))
	stop()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("read nothing for %v, its time-out", limit)
	case err != nil:
		return c.gone()
	}
	return nil
}

// receive waits for a line.
func (c *child) receive(ctx context.Context, deadline time.Time, limit time.Duration) ([]byte, error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case line, ok := <-c.lines:
		if !ok {
			return nil, c.over()
		}
		return line, nil
	case <-timer.C:
		return nil, fmt.Errorf("did not answer within %v, its time-out", limit)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// unexpectedLine returns the error for a line that answers no request.
func (c *child) unexpectedLine(line []byte) error {
	if c.id == 0 {
		return fmt.Errorf("printed %s on standard output before the first request (print to standard error)",
			excerpt(line))
	}
	if _, err := readAnswer(line, c.id+1, nil); err != nil {
		return err
	}
	return fmt.Errorf("answered request %d before it was sent", c.id+1)
}

// over returns the error for a process whose output has ended.
func (c *child) over() error {
	if c.broken != nil {
		return c.broken
	}
	return c.gone()
}

// gone returns the error for a process that has closed its output.
func (c *child) gone() error {
	if c.cmd == nil {
		return errors.New("closed the connection")
	}
	select {
	case <-c.ended:
		return &crash{c.cmd.ProcessState}
	case <-time.After(exitGrace):
		return errors.New("closed its standard output and is still running")
	}
}

// ask sends a request for a point and waits for the answer.
func (c *child) ask(ctx context.Context, p point) (answer, error) {
	failed := func(err error) (answer, error) {
		return answer{}, c.failed(fmt.Sprintf("at request %d", c.id), err)
	}
	if err := c.put(p); err != nil {
		return answer{}, c.failed(fmt.Sprintf("before request %d", c.id+1), err)
	}
	names := c.o.values()[:p.asked]
	r := request{ID: c.id + 1, Want: names, Vectors: len(p.vectors)}
	if p.grad != nil {
		r.Want = append(r.Want, gradientName)
	}
	if p.vectors != nil {
		r.Want = append(r.Want, hessianName)
	}
	line, err := c.exchange(ctx, r)
	if c.id++; c.id == 1 {
		c.files.folder.RemoveNames() // it has them open by now
	}
	if err != nil {
		return failed(err)
	}
	a, err := readAnswer(line, c.id, names)
	if err != nil {
		return failed(err)
	}
	if p.grad != nil {
		if err := c.files.grad.read(p.grad, 0); err != nil {
			return failed(fmt.Errorf("lost the gradient: %w", err))
		}
	}
	for i, v := range p.products {
		if err := c.files.products.read(v, i*len(v)); err != nil {
			return failed(fmt.Errorf("lost a product: %w", err))
		}
	}
	return a, nil
}

// put writes the point and the vectors of a request to the files.
func (c *child) put(p point) error {
	if err := c.files.put(p.theta, p.state); err != nil {
		return err
	}
	for i, v := range p.vectors {
		if err := c.files.vectors.write(v, i*len(v)); err != nil {
			return err
		}
	}
	return nil
}

// kill ends the process, waits for it and frees everything.
func (c *child) kill() {
	if c.closed {
		return
	}
	c.closed = true
	if c.cmd != nil {
		killGroup(c.cmd)
		select {
		case <-c.ended:
		case <-time.After(exitGrace): // the process hangs in the kernel and cannot be waited for
		}
	}
	// What it printed before it died is read to its end; a process outside the group
	// that still holds the pipe is not waited for.
	close(c.stop)
	deadline := time.Now().Add(exitGrace / 10)
	ends := []line{c.out, c.in}
	if c.stderr != nil {
		ends = append(ends, c.stderr)
	}
	for _, f := range ends {
		if f != c.in && f.SetReadDeadline(deadline) != nil || c.cmd == nil {
			_ = f.Close()
		}
	}
	c.readers.Wait()
	for _, f := range ends {
		_ = f.Close()
	}
	c.files.folder.Close()
}

// close ends the input of the process and waits for it to exit. The error reports any
// other end; the numbers that were answered before stay valid.
func (c *child) close() error {
	if c.closed {
		return nil
	}
	if c.cmd == nil {
		c.kill()
		return nil
	}
	_ = c.in.Close()
	timer := time.NewTimer(c.o.ExitTimeout)
	defer timer.Stop()
	var err error
	for lines, ended := c.lines, c.ended; err == nil && (lines != nil || ended != nil); {
		select {
		case line, ok := <-lines:
			if ok {
				err = c.unexpectedLine(line)
			}
			lines = nil
		case <-ended:
			if !c.cmd.ProcessState.Success() {
				err = fmt.Errorf("ended with %s", c.cmd.ProcessState)
			}
			ended = nil
		case <-timer.C:
			err = fmt.Errorf("did not end within %v of the end of its input and was killed", c.o.ExitTimeout)
		}
	}
	if err != nil {
		return c.failed("after the last request", err)
	}
	c.kill()
	return nil
}
