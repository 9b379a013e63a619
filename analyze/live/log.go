package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"sgdwalk/analyze/path"
	"sgdwalk/analyze/pca"
	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// MaxPoints is the number of iterates at which a Log drops every second one.
const MaxPoints = 1 << 15

// geometryBacklog is the number of rows whose vectors Follow reads when it opens a run
// with a long past. Of earlier rows it reads only the scalars, which is quick.
const geometryBacklog = 2000

// Point is one iterate: its row of the path analysis, and when it was recorded.
type Point struct {
	path.IterateRow
	Time time.Time
}

// Log is what is known of a run so far. Its methods may be called from several
// goroutines; one goroutine adds the rows.
type Log struct {
	mu       sync.Mutex
	header   *record.Header
	name     string
	rows     int
	iterates int // rows that are not inner iterates
	meter    *path.Meter
	plane    pca.Snapshots
	points   []Point // complete rows, without the newest iterate
	stride   int     // every stride-th of them is kept
	seen     int     // complete rows seen
	measured int     // of them with a loss over a whole set
	before   Point   // the last complete row
	newest   Point   // of newestOf rows: see last
	newestOf int
	time     time.Time // of the newest iterate

	fullLoss, testLoss record.Optional // measured last
	fullStep           int64

	noBatch  bool // the last row has no batch
	finished bool // the run came to its end
	bad      bool // a loss was not finite
	live     bool
	bytes    int64
	figures  []Named // of the first drawn rows
	drawn    int
}

// NewLog returns a Log of a run without rows.
func NewLog(name string, h *record.Header) *Log {
	return &Log{name: name, header: h, stride: 1, meter: path.NewMeter(h.Layout)}
}

// Header returns the header of the run, which must not be changed.
func (l *Log) Header() *record.Header { return l.header }

// Follow adds the rows of r that the log does not have, and then polls r for rows that
// are recorded meanwhile. It calls each after every poll, with new rows or without; nil
// does nothing. It returns nil when all rows were added and no writer has the run open
// any more, otherwise the error of r, of each or of the context. r must stay open as
// long as the log is used.
func (l *Log) Follow(ctx context.Context, r *arrowfile.Reader, poll time.Duration, each func() error) error {
	l.readState(r)
	if err := l.catchUp(ctx, r, each); err != nil {
		return err
	}
	tick := time.NewTicker(max(poll, 10*time.Millisecond))
	defer tick.Stop()
	for {
		// The writer is checked before the rows: rows that it writes before it leaves
		// are then read below.
		live := r.Live()
		if _, err := r.Refresh(); err != nil {
			return err
		}
		if err := l.catchUp(ctx, r, each); err != nil {
			return err
		}
		l.readState(r)
		if each != nil {
			if err := each(); err != nil {
				return err
			}
		}
		if !live {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// catchUp adds the rows that are on disk. While it reads many rows, it calls each about
// once a second.
func (l *Log) catchUp(ctx context.Context, r *arrowfile.Reader, each func() error) error {
	reported, from := time.Now(), l.Rows()
	recent := r.Len() - geometryBacklog
	if from < recent {
		last, err := r.Read(r.Len()-1, record.ScalarsOnly)
		if err != nil {
			return err
		}
		l.expect(last.Step)
	}
	for i := from; i < r.Len(); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := r.Read(i, record.ScalarsOnly)
		if err == nil && (i == 0 || i >= recent || l.plane.Wants(s.Step)) {
			s, err = r.Read(i, record.ThetaPart|record.GradPart)
		}
		if err != nil {
			return err
		}
		if err := l.Add(&s); err != nil {
			return err
		}
		if each != nil && time.Since(reported) > time.Second {
			reported = time.Now()
			l.readState(r)
			if err := each(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *Log) expect(step int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plane.Expect(step)
}

// readState takes the state of the run from its files.
func (l *Log) readState(r *arrowfile.Reader) {
	live, bytes, finished := r.Live(), r.Bytes(), r.Finished()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live, l.bytes, l.finished = live, bytes, finished
}

// Rows returns how many rows were added.
func (l *Log) Rows() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rows
}

// Add adds the next row. Its vectors are not copied: they must not change as long as
// the log is used. It returns an error when a vector does not have the length of the
// layout.
func (l *Log) Add(s *record.Step) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, complete, err := l.meter.Push(l.rows, s)
	if err != nil {
		return err
	}
	l.rows++
	if s.Substep != 0 {
		return nil // an inner iterate is not a step of the walk
	}
	if complete {
		l.before = Point{before, l.time}
		l.keep(&l.before)
	}
	l.iterates++
	l.time = s.WallTime
	l.plane.Add(s)
	l.noBatch, l.finished = s.IsLast(), l.header.EndsRun(s)
	l.bad = l.bad || s.BatchLoss.Valid && s.BatchLoss.Value-s.BatchLoss.Value != 0
	if s.FullLoss.Valid {
		l.fullLoss, l.fullStep = s.FullLoss, s.Step
	}
	if s.TestLoss.Valid {
		l.testLoss = s.TestLoss
	}
	return nil
}

// keep adds a complete row to the points if it is its turn.
func (l *Log) keep(p *Point) {
	if p.measured() {
		l.measured++
	}
	if l.seen%l.stride == 0 || l.special(p) {
		l.points = append(l.points, *p)
	}
	l.seen++
	if len(l.points) < MaxPoints-1 { // and the newest iterate
		return
	}
	l.stride *= 2
	i := -1
	l.points = slices.DeleteFunc(l.points, func(p Point) bool { i++; return i%2 == 1 && !l.special(&p) })
}

// last returns the newest iterate. The columns that need its successor are absent.
func (l *Log) last() Point {
	if l.newestOf != l.rows {
		l.newest, l.newestOf = Point{l.meter.Newest(), l.time}, l.rows
	}
	return l.newest
}

// all returns the points with the newest iterate.
func (l *Log) all() []Point {
	if l.iterates == 0 {
		return nil
	}
	return append(slices.Clip(l.points), l.last())
}

// measured reports whether a loss over a whole set is known.
func (p *Point) measured() bool { return p.FullLoss.Valid || p.TestLoss.Valid }

// special reports whether a point is always kept: one at which a full loss was measured,
// unless the run measures it at more than an eighth of MaxPoints.
func (l *Log) special(p *Point) bool { return l.measured <= MaxPoints/8 && p.measured() }
