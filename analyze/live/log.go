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

// geometryBacklog is the number of newest rows whose vectors Follow reads when it opens a
// run that already has many rows. It reads only the scalars of the earlier rows, which is
// fast.
const geometryBacklog = 2000

// Point is one iterate: its row of the path analysis, and when it was recorded.
type Point struct {
	path.IterateRow
	Time time.Time
}

// Log has the measured rows of a run so far. Several goroutines may call its methods, but
// only one may add rows.
type Log struct {
	mu       sync.Mutex
	header   *record.Header
	name     string
	rows     int
	iterates int // rows that are not inner iterates
	meter    *path.Meter
	plane    pca.Snapshots
	points   []Point // complete rows, without the newest iterate
	stride   int     // points has every stride-th complete row
	seen     int     // number of complete rows
	measured int     // number of complete rows with a loss over a whole set
	before   Point   // the last complete row
	newest   Point   // the newest iterate when the log had newestOf rows; see last
	newestOf int
	time     time.Time // when the newest iterate was recorded

	fullLoss, testLoss record.Optional // the last measured values
	fullStep           int64           // step of fullLoss

	noBatch  bool    // the last row has no batch
	finished bool    // the last row is the last one of the whole run
	bad      bool    // a loss was not finite
	live     bool    // a writer has the run open
	bytes    int64   // size on disk
	figures  []Named // the figures of the first drawn rows
	drawn    int
}

// NewLog returns a Log of a run without rows.
func NewLog(name string, h *record.Header) *Log {
	return &Log{name: name, header: h, stride: 1, meter: path.NewMeter(h.Layout)}
}

// Header returns the header of the run. Callers must not change it.
func (l *Log) Header() *record.Header { return l.header }

// Follow adds the rows of r that the log does not have, and then polls r for new rows. It
// calls each after every poll, even when there were no new rows; each may be nil. Follow
// returns nil when it has added all rows and no writer has the run open any more. Otherwise
// it returns the error of r, of each or of the context. r must stay open as long as the log
// is used, because the log keeps vectors of r.
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

// expect sets the last known step, so that the plane can spread its iterates over the run.
func (l *Log) expect(step int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plane.Expect(step)
}

// readState reads from the files whether the run has a writer and is finished, and its size.
func (l *Log) readState(r *arrowfile.Reader) {
	live, bytes, finished := r.Live(), r.Bytes(), r.Finished()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live, l.bytes, l.finished = live, bytes, finished
}

// Rows returns the number of rows that were added.
func (l *Log) Rows() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rows
}

// Add adds the next row. It keeps the vectors without copying them, so they must not change
// as long as the log is used. It returns an error when a vector does not have the length of
// the layout.
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

// keep adds a complete row to the points when its number is a multiple of the stride or the
// row is special. When the points are full, keep doubles the stride and drops every second
// point.
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

// last returns the newest iterate. The columns that need the next iterate are absent.
func (l *Log) last() Point {
	if l.newestOf != l.rows {
		l.newest, l.newestOf = Point{l.meter.Newest(), l.time}, l.rows
	}
	return l.newest
}

// all returns the points and, after them, the newest iterate.
func (l *Log) all() []Point {
	if l.iterates == 0 {
		return nil
	}
	return append(slices.Clip(l.points), l.last())
}

// measured reports whether the point has a loss over a whole data set.
func (p *Point) measured() bool { return p.FullLoss.Valid || p.TestLoss.Valid }

// special reports whether keep never drops the point. Points with a measured full loss are
// special, because they are rare and expensive; but when there are more than MaxPoints/8 of
// them, no point is special, so that the memory stays bounded.
func (l *Log) special(p *Point) bool { return l.measured <= MaxPoints/8 && p.measured() }
