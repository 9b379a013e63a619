package record

import (
	"fmt"
	"math"
	"sort"
	"time"
)

// BudgetOptions says what a header does not: the costs of the format and the
// habits of the optimizer. The zero value counts the vectors only, for an
// optimizer without inner loop.
type BudgetOptions struct {
	RowOverhead    int64 // bytes that the format adds to the vectors of a row
	RunOverhead    int64 // bytes that it adds once for the run
	InnerRows      int   // rows of inner iterates that come with every kept step; 0 for most optimizers
	BatchesPerStep int   // mini-batches that one step draws, which moves the epochs; 0 means 1
}

// Validate names the field, its value and what is allowed.
func (o BudgetOptions) Validate() error {
	if o.RowOverhead < 0 || o.RunOverhead < 0 || o.InnerRows < 0 || o.BatchesPerStep < 0 {
		return fmt.Errorf("record: budget: row overhead %d, run overhead %d, inner rows %d, batches per step %d: none may be negative",
			o.RowOverhead, o.RunOverhead, o.InnerRows, o.BatchesPerStep)
	}
	return nil
}

// Budget is what a recording will take, known before its first step. A run that
// diverges or is stopped takes less.
type Budget struct {
	Steps       int64 // updates that were asked for
	Rows        int64 // rows that the schedule keeps of them, the one after the last update included
	VectorBytes int64 // bytes of theta, grad and state in a row, as far as they are recorded
	RowBytes    int64 // VectorBytes and the overhead of a row
	TotalBytes  int64 // the whole run; math.MaxInt64 when it is more than that
	Schedule    Schedule

	options BudgetOptions
}

// NewBudget counts what a run with this header takes. Every row is counted with
// all recorded vectors: a format keeps room for an absent one. The rows are
// counted exactly, by asking the schedule about every step; epochs have
// ceil(training examples / batch) mini-batches. Cost: one call of Schedule.Keep
// per step, none for schedules that are a single every:K.
func NewBudget(h *Header, o BudgetOptions) (*Budget, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if err := h.Validate(); err != nil {
		return nil, err
	}
	b := &Budget{Steps: h.Steps, Schedule: h.Schedule, options: o}
	for _, v := range []struct {
		recorded bool
		layout   Layout
		element  int
	}{{h.Columns.Theta, h.Layout, h.ElementBytes()}, {h.Columns.Grad, h.Layout, h.ElementBytes()}, {h.Columns.State, h.State, 4}} {
		if v.recorded {
			b.VectorBytes += int64(v.element) * int64(v.layout.Len())
		}
	}
	b.RowBytes = b.VectorBytes + o.RowOverhead
	b.Rows = b.rowsForSteps(countKeptSteps(h, max(o.BatchesPerStep, 1)))
	b.TotalBytes = b.bytesForRows(b.Rows)
	return b, nil
}

// keptSteps counts the steps from 0 to h.Steps-1 that the schedule keeps.
func countKeptSteps(h *Header, batchesPerStep int) int64 {
	rules := h.Schedule.steps.rules
	switch {
	case len(rules) == 0:
		return h.Steps
	case len(rules) == 1 && rules[0].kind == "every":
		return countMultiples(rules[0].n, 0, h.Steps)
	}
	perEpoch := int64(math.MaxInt64) // nothing is known of the data: one long epoch
	if h.Batch > 0 && h.Data.TrainExamples > 0 {
		perEpoch = int64((h.Data.TrainExamples + h.Batch - 1) / h.Batch)
	}
	n, epoch, batch := int64(0), int32(1), int64(0)
	for k := range h.Steps {
		if h.Schedule.Keep(k, epoch) {
			n++
		}
		batch += int64(batchesPerStep)
		epoch += int32(batch / perEpoch)
		batch %= perEpoch
	}
	return n
}

// multiples counts the multiples of k in [from, to).
func countMultiples(k, from, to int64) int64 {
	if to <= from {
		return 0
	}
	before := func(n int64) int64 { // multiples in [0, n)
		if n == 0 {
			return 0
		}
		return (n-1)/k + 1
	}
	return before(to) - before(from)
}

// rowsOf returns the rows of a run of which so many steps are kept: theirs and
// the one after the last update.
func (b *Budget) rowsForSteps(kept int64) int64 {
	perStep := 1 + int64(b.options.InnerRows)
	if kept > (math.MaxInt64-1)/perStep {
		return math.MaxInt64
	}
	return kept*perStep + 1
}

func (b *Budget) bytesForRows(rows int64) int64 {
	if b.RowBytes > 0 && rows > (math.MaxInt64-b.options.RunOverhead)/b.RowBytes {
		return math.MaxInt64
	}
	return rows*b.RowBytes + b.options.RunOverhead
}

// BytesPerStep returns the mean over all steps, kept or not.
func (b *Budget) BytesPerStep() float64 { return float64(b.TotalBytes) / float64(max(b.Steps, 1)) }

// TimeShare estimates the time for writing over the time for training: the mean
// bytes of a step at this speed of writing over the time that a step takes. A
// writer that works beside the training loop slows it by less. It is NaN when
// either is not positive.
func (b *Budget) TimeShare(step time.Duration, bytesPerSecond float64) float64 {
	if step <= 0 || bytesPerSecond <= 0 {
		return math.NaN()
	}
	return b.BytesPerStep() / bytesPerSecond / step.Seconds()
}

// String is one line for people.
func (b *Budget) String() string {
	return fmt.Sprintf("%d of %d steps kept as %d rows of %s: %s", (b.Rows-1)/(1+int64(b.options.InnerRows)), b.Steps, b.Rows, bytesText(b.RowBytes), bytesText(b.TotalBytes))
}

// BudgetError says that a recording does not fit and what would.
type BudgetError struct {
	Budget   *Budget
	MaxBytes int64
	Fits     bool     // whether any schedule does
	Schedule Schedule // the one that Fit suggests
	Bytes    int64    // what it takes, or, where none fits, what the first and the last row take
}

// Error is one line with all numbers.
func (e *BudgetError) Error() string {
	text := fmt.Sprintf("record: the recording would take %s (%d rows of %s), and %s are allowed; ",
		bytesText(e.Budget.TotalBytes), e.Budget.Rows, bytesText(e.Budget.RowBytes), bytesText(e.MaxBytes))
	if !e.Fits {
		return text + fmt.Sprintf("no schedule fits: the first and the last step alone take %s", bytesText(e.Bytes))
	}
	return text + fmt.Sprintf("the schedule %s fits with %s", e.Schedule, bytesText(e.Bytes))
}

// Check returns nil when the recording fits into so many bytes and otherwise a
// *BudgetError with the schedule that would.
func (b *Budget) Check(maxBytes int64) error {
	if b.TotalBytes <= maxBytes {
		return nil
	}
	e := &BudgetError{Budget: b, MaxBytes: maxBytes}
	var kept int64
	if e.Schedule, kept, e.Fits = b.fitSchedule(maxBytes); !e.Fits {
		kept = 1
	}
	e.Bytes = b.bytesForRows(b.rowsForSteps(kept))
	return e
}

// Fit returns the densest simple schedule that fits into so many bytes,
// whatever the header's schedule is:
//
//   - every step, if all fit;
//   - first:N+every:K with N a tenth of the steps that fit, at most 100: a run
//     moves most at its beginning;
//   - log:N when fewer than 20 steps fit, where evenly spaced ones would miss
//     the beginning, and every:K when not even log:1 fits.
//
// The error is a *BudgetError when the first and the last row do not fit.
func (b *Budget) Fit(maxBytes int64) (Schedule, error) {
	s, _, ok := b.fitSchedule(maxBytes)
	if !ok {
		return Schedule{}, &BudgetError{Budget: b, MaxBytes: maxBytes, Bytes: b.bytesForRows(b.rowsForSteps(min(1, b.Steps)))}
	}
	return s, nil
}

// fewSteps is where evenly spaced steps begin to tell more than logarithmically
// spaced ones.
const minEvenSteps = 20

// fit also returns how many steps the schedule keeps.
func (b *Budget) fitSchedule(maxBytes int64) (s Schedule, kept int64, ok bool) {
	room := int64(math.MaxInt64) // steps that fit
	if b.RowBytes > 0 {
		rows := (maxBytes - b.options.RunOverhead) / b.RowBytes
		if maxBytes < b.options.RunOverhead || rows < 1 {
			return s, 0, false
		}
		room = (rows - 1) / (1 + int64(b.options.InnerRows))
	}
	switch {
	case room >= b.Steps:
		return s, b.Steps, true
	case room < 1:
		return s, 0, false
	case room < minEvenSteps:
		if n, kept := b.fitLog(room); n > 0 {
			return Schedule{Steps{[]stepRule{{kind: "log", n: n}}}}, kept, true
		}
	}
	first := min(100, room/10)
	count := func(k int64) int64 { return first + countMultiples(k, first, b.Steps) }
	k := 1 + int64(sort.Search(int(b.Steps-1), func(i int) bool { return count(int64(i)+1) <= room }))
	if first > 0 {
		s.steps.rules = append(s.steps.rules, stepRule{kind: "first", n: first})
	}
	s.steps.rules = append(s.steps.rules, stepRule{kind: "every", n: k})
	return s, count(k), true
}

// fitLog returns the densest log:N that keeps at most room steps, and how many;
// 0 when there is none.
func (b *Budget) fitLog(room int64) (n, kept int64) {
	for next := int64(1); next <= minEvenSteps; next++ {
		count, last := int64(1), int64(0) // step 0
		for i := 0; ; i++ {
			step := int64(math.Round(math.Pow(10, float64(i)/float64(next))))
			if step >= b.Steps {
				break
			}
			if step > last {
				count, last = count+1, step
			}
		}
		if count > room {
			break
		}
		n, kept = next, count
	}
	return n, kept
}

// bytesText writes a size with three digits and a decimal unit.
func bytesText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < 6 {
		v, unit = v/1000, unit+1
	}
	return fmt.Sprintf("%.3g %cB", v, " kMGTPE"[unit])
}
