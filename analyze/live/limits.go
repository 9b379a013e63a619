package live

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of a server. Requests beyond them get the status 503 and may be repeated; connections
// beyond them wait.
const (
	maxConnections = 256
	maxRequests    = 128 // that are answered at the same time
	maxFigures     = 64  // of these, requests for figures
	maxReports     = 16  // of these, requests for the report
	maxDraws       = 2   // figures and reports that are made at the same time
)

// How long an answer is given again without looking whether there are new rows. Many readers
// cost as much as one.
const (
	statusAge = 400 * time.Millisecond
	figureAge = 400 * time.Millisecond
	reportAge = 3 * time.Second
)

// kept is an answer that is made again when it is old. The zero value is empty.
type kept[T any] struct {
	mu    sync.Mutex
	value T
	made  time.Time
}

// get returns the value, which make makes again if it is older than age. Only one goroutine
// makes it, and the others wait. After an error the next call tries again.
func (k *kept[T]) get(age time.Duration, make func(old T) (T, error)) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.made.IsZero() && time.Since(k.made) < age {
		return k.value, nil
	}
	value, err := make(k.value)
	if err != nil {
		return value, err
	}
	k.value, k.made = value, time.Now()
	return value, nil
}

// semaphore limits what happens at the same time.
type semaphore chan struct{}

// try takes a place without waiting.
func (s semaphore) try() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s semaphore) leave() { <-s }

// while calls f with a place, for which it waits.
func (s semaphore) while(f func() error) error {
	s <- struct{}{}
	defer s.leave()
	return f()
}

// limited answers a request if there is a place, and otherwise refuses it.
func limited(places semaphore, answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !places.try() {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests at the same time; try again", http.StatusServiceUnavailable)
			return
		}
		defer places.leave()
		answer(w, r)
	}
}

// limitedListener accepts a connection only while fewer than its places are open.
type limitedListener struct {
	net.Listener
	places semaphore
	closed chan struct{}
	once   sync.Once
}

func limitListener(l net.Listener, n int) *limitedListener {
	return &limitedListener{Listener: l, places: make(semaphore, n), closed: make(chan struct{})}
}

// Accept waits for a place and then for a connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		l.places.leave()
		return nil, err
	}
	return &limitedConn{Conn: c, leave: sync.OnceFunc(l.places.leave)}, nil
}

// Close closes the listener.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	leave func()
}

// Close closes the connection and frees its place.
func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
