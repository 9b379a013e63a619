package live

import (
	"context"
	"math"
	"sync"
	"time"

	"sgdwalk/record"
	"sgdwalk/record/arrowfile"
)

// MaxPoints is how many iterates a Log keeps before it drops every second one.
const MaxPoints = 1 << 15

// geometryBacklog is of how many rows the vectors are read when a run with a long
// past is opened; of earlier ones only the scalars are, which is quick.
const geometryBacklog = 2000

// Point is one iterate. What is not known is NaN.
type Point struct {
	Step          int64
	Epoch         int32
	Time          time.Time // when the row was taken
	BatchLoss     float64
	BatchAccuracy float64
	LearningRate  float64
	FullLoss      float64
	TestLoss      float64
	GradNorm      float64 // length of the mini-batch gradient
	GradCos       float64 // cosine with the gradient of the step before
	StepLength    float64 // of the update from here to the next iterate, once that is there
	UpdateCos     float64 // cosine of that update with the one before it
	Displacement  float64 // distance from the first iterate
}

// Log is what is known of a run so far. Its methods may be called from several
// goroutines; rows are added by one.
type Log struct {
	mu       sync.Mutex
	header   *record.Header
	name     string
	rows     int
	points   []Point
	stride   int  // every stride-th iterate is kept
	seen     int  // iterates seen
	measured int  // of them with a loss over a whole set
	tail     bool // the last of points is there as the last only, and goes when another comes
	last     Point
	before   Point   // the iterate before the last
	length   float64 // of the last update, and its cosine with the one before it
	cos      float64
	full     Point // the last iterates at which these were measured
	test     Point
	noBatch  bool // the last row has no batch
	finished bool // the run came to its end
	bad      bool // a loss was not finite
	live     bool
	bytes    int64
	geo      geometry
	plane    plane
	figures  []Named // of the first so many rows
	drawn    int
}

// geometry is what cosines and lengths are computed from: views of the rows
// before, which stay valid as long as the reader is open.
type geometry struct {
	first, theta, grad []float32
	step               int64 // of theta and grad
	update             []float32
	updateOK           bool
}

// NewLog returns a Log of a run without rows.
func NewLog(name string, h *record.Header) *Log {
	nan := math.NaN()
	none := Point{BatchLoss: nan, BatchAccuracy: nan, LearningRate: nan, FullLoss: nan, TestLoss: nan, GradNorm: nan, GradCos: nan, StepLength: nan, UpdateCos: nan, Displacement: nan}
	return &Log{name: name, header: h, stride: 1, last: none, before: none, length: nan, cos: nan, full: none, test: none}
}

// Header returns the header of the run, which must not be changed.
func (l *Log) Header() *record.Header { return l.header }

// Follow adds the rows of r that the log does not have, and those that are
// recorded meanwhile, and calls each after every look at the run, with new rows or
// without (nil does nothing). It returns nil when all rows were added and no writer
// has the run open any more, else the error of r, of each or of the context. r
// must stay open as long as the log is used.
func (l *Log) Follow(ctx context.Context, r *arrowfile.Reader, poll time.Duration, each func() error) error {
	l.look(r)
	if err := l.catchUp(ctx, r, each); err != nil {
		return err
	}
	tick := time.NewTicker(max(poll, 10*time.Millisecond))
	defer tick.Stop()
	for {
		// Whether a writer is there is asked first: what it writes before it leaves
		// is then seen below.
		live := r.Live()
		if _, err := r.Refresh(); err != nil {
			return err
		}
		if err := l.catchUp(ctx, r, each); err != nil {
			return err
		}
		l.look(r)
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

// catchUp adds the rows that are there. While many are read, each is called now
// and then.
func (l *Log) catchUp(ctx context.Context, r *arrowfile.Reader, each func() error) error {
	said, from := time.Now(), l.Rows()
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
		if err == nil && (i == 0 || i >= recent || l.plane.wants(s.Step)) {
			s, err = r.Read(i, record.ThetaPart|record.GradPart)
		}
		if err != nil {
			return err
		}
		l.Add(&s)
		if each != nil && time.Since(said) > time.Second {
			said = time.Now()
			l.look(r)
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
	l.plane.expect(step)
}

// look takes what the files say.
func (l *Log) look(r *arrowfile.Reader) {
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

// Add adds the next row. Its vectors are not copied: they must not change as long
// as the log is used.
func (l *Log) Add(s *record.Step) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows++
	if s.Substep != 0 {
		return // an inner iterate: it is on disk, and no step of the walk
	}
	p := Point{
		Step: s.Step, Epoch: s.Epoch, Time: s.WallTime,
		BatchLoss: value(s.BatchLoss), BatchAccuracy: value(s.BatchAccuracy), LearningRate: value(s.LearningRate), FullLoss: value(s.FullLoss), TestLoss: value(s.TestLoss),
	}
	if length, cos, ok := l.geo.add(&p, s); ok {
		l.length, l.cos = length, cos
		if n := len(l.points); n > 0 && l.points[n-1].Step == p.Step-1 {
			l.points[n-1].StepLength, l.points[n-1].UpdateCos = length, cos
		}
	}
	l.plane.add(s, l.geo.first)
	l.noBatch, l.finished = s.IsLast(), l.header.EndsRun(s)
	l.bad = l.bad || s.BatchLoss.Valid && p.BatchLoss-p.BatchLoss != 0
	if s.FullLoss.Valid {
		l.full = p
	}
	if s.TestLoss.Valid {
		l.test = p
	}
	l.before, l.last = l.last, p
	if p.measured() {
		l.measured++
	}
	if l.tail {
		l.points = l.points[:len(l.points)-1]
	}
	l.points, l.tail = append(l.points, p), l.seen%l.stride != 0 && !l.special(&p)
	l.seen++
	if len(l.points) >= MaxPoints {
		l.thin()
	}
}

// measured tells whether a loss over a whole set is known.
func (p *Point) measured() bool { return !math.IsNaN(p.FullLoss) || !math.IsNaN(p.TestLoss) }

// special tells whether a point is kept in any case: those at which the full losses
// were measured are, unless that was done at so many that they are nothing special.
func (l *Log) special(p *Point) bool { return l.measured <= MaxPoints/8 && p.measured() }

// thin drops every second point.
func (l *Log) thin() {
	l.stride *= 2
	kept := l.points[:0]
	for i, p := range l.points {
		if i%2 == 0 || l.special(&p) {
			kept = append(kept, p)
		}
	}
	l.points, l.tail = kept, false
	if kept[len(kept)-1].Step != l.last.Step { // what is shown ends with the last row
		l.points, l.tail = append(kept, l.last), true
	}
}

func value(o record.Optional) float64 {
	if !o.Valid {
		return math.NaN()
	}
	return o.Value
}

// add computes lengths and cosines of the new iterate and remembers its vectors.
// It returns the length of the update that led to it, and the cosine of that with
// the one before, when the iterate before it was recorded.
func (g *geometry) add(p *Point, s *record.Step) (length, cos float64, ok bool) {
	nan := math.NaN()
	p.GradNorm, p.GradCos, p.StepLength, p.UpdateCos, p.Displacement = nan, nan, nan, nan, nan
	if s.Theta != nil && g.first == nil {
		g.first = s.Theta
	}
	if s.Theta != nil {
		p.Displacement = distance(s.Theta, g.first)
	}
	next := g.theta != nil && s.Step == g.step+1
	if s.Grad != nil {
		p.GradNorm = math.Sqrt(dot(s.Grad, s.Grad))
		if next && g.grad != nil {
			p.GradCos = dot(s.Grad, g.grad) / (p.GradNorm * math.Sqrt(dot(g.grad, g.grad)))
		}
	}
	if next && s.Theta != nil {
		// The update is stored over the one before it: both are read once.
		if g.update == nil {
			g.update = make([]float32, len(s.Theta))
		}
		var now, before, both float64
		for i, v := range s.Theta {
			d := float64(v) - float64(g.theta[i])
			b := float64(g.update[i])
			now, before, both = now+d*d, before+b*b, both+d*b
			g.update[i] = float32(d)
		}
		length, cos, ok = math.Sqrt(now), nan, true
		if g.updateOK {
			cos = both / math.Sqrt(now*before)
		}
	}
	g.updateOK = ok
	g.theta, g.grad, g.step = s.Theta, s.Grad, s.Step
	return length, cos, ok
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

func distance(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += d * d
	}
	return math.Sqrt(sum)
}
