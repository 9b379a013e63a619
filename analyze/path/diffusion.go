package path

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// DiffusionOptions of Diffusion. The zero value is the documented default.
type DiffusionOptions struct {
	// Waits are the waiting times: steps from which displacements are measured, in
	// ascending order. A step that is not recorded is replaced by the next one that
	// is. nil means the first recorded step and those 10, 100, 1000, ... after it, up
	// to half of the run; those without a recorded step after them are left out with a
	// warning.
	Waits []int64 `json:"waits"`
	// LagsPerDecade is how many lags there are between 10^k and 10^(k+1), at most
	// 1000; 0 means 10.
	LagsPerDecade int `json:"lags_per_decade"`

	// Progress counts rows and displacements; nil disables progress reporting.
	Progress analyze.Progress `json:"-"`
}

// Validate names the first field whose value is not allowed.
func (o *DiffusionOptions) Validate() error {
	if o.LagsPerDecade < 0 || o.LagsPerDecade > 1000 {
		return fmt.Errorf("path: lags per decade is %d; it must be 1 to 1000, or 0 for 10", o.LagsPerDecade)
	}
	for i, w := range o.Waits {
		if w < 0 || i > 0 && w <= o.Waits[i-1] {
			return fmt.Errorf("path: waits are %v; they must be at least 0 and in ascending order", o.Waits)
		}
	}
	return nil
}

// Effective returns the options with the defaults filled in, except the waiting times:
// they depend on the recording, and DiffusionSummary.Waits has them.
func (o DiffusionOptions) Effective() DiffusionOptions {
	if o.LagsPerDecade == 0 {
		o.LagsPerDecade = 10
	}
	return o
}

// DiffusionResult is the mean squared displacement of a walk. There is one walk
// and therefore no mean over walks: the squared displacement of a vector with many
// coordinates is itself nearly its mean.
type DiffusionResult struct {
	// Table has one row per waiting time and lag:
	//
	//	wait          the step t_w that displacements are measured from
	//	lag           tau, in steps
	//	displacement2 |theta_{t_w+tau} - theta_{t_w}|^2
	// steps2 sum of the squared lengths of the updates between, which a walk of the same step
	// lengths in independent directions would have for displacement2
	// persistence displacement2 / steps2; 1 for such a walk, more for a drift, less for one that is
	// held back; at most tau
	//
	// steps2 and persistence are absent where a step between is not recorded.
	Table record.Table
	// Fits has one row per waiting time and window of lags; see Fit.
	Fits     record.Table
	Summary  DiffusionSummary
	Warnings analyze.Warnings
}

// DiffusionSummary has the fits of the table in numbers.
type DiffusionSummary struct {
	Rows      int     `json:"rows"` // iterates
	FirstStep int64   `json:"first_step"`
	LastStep  int64   `json:"last_step"`
	Waits     []int64 `json:"waits"`
	// Fits of each waiting time over all its lags, in the order of Waits.
	Fits []Fit `json:"fits"`
	// Persistence of the longest lag of the first waiting time.
	Persistence   record.Optional `json:"persistence"`
	NonfiniteRows int             `json:"nonfinite_rows"` // displacements that are NaN or infinite
}

// diffusion is the state of the computation.
type diffusion struct {
	run   record.Trajectory
	opts  *DiffusionOptions
	rows  []int   // of the iterates
	steps []int64 // of the iterates
	// path2[i] is the sum of the squared updates before iterate i; gaps[i] counts
	// the updates before it that are not recorded.
	path2 []float64
	gaps  []int

	table     column.Builder[displacementRow]
	progress  analyze.Progress
	fits      []Fit
	whole     []Fit // fits over all lags
	nonfinite int
	skipped   []int64         // default waiting times without a recorded step after them
	far       record.Optional // persistence of the longest lag of the first waiting time
}

// displacementRow is a row of DiffusionResult.Table, which defines the columns.
type displacementRow struct {
	Wait          int64           `col:"wait"`
	Lag           int64           `col:"lag"`
	Displacement2 float64         `col:"displacement2"`
	Steps2        record.Optional `col:"steps2"`
	Persistence   record.Optional `col:"persistence"`
}

// Diffusion measures how far a walk gets in a time, from several points of it
// (Chen et al. 2020): displacement2 ~ lag^gamma with gamma = 1 for a random walk
// of equal steps, 2 for a straight one, less than 1 for a walk that is held back.
// It reads the run once in order and the displaced iterates once more, and holds
// on to the vectors of one waiting time. Inner iterates are left out.
//
// It returns an error when options are wrong, the run recorded no theta or a row
// cannot be read, and the context's error when it was cancelled.
func Diffusion(ctx context.Context, t record.Trajectory, opts DiffusionOptions) (*DiffusionResult, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	opts = opts.Effective()
	d := &diffusion{run: t, opts: &opts, progress: opts.Progress}
	if d.progress == nil {
		d.progress = analyze.NoProgress{}
	}
	if err := d.read(ctx); err != nil {
		return nil, err
	}
	waits, err := d.waits()
	if err != nil {
		return nil, err
	}
	for _, w := range waits {
		if err := d.displace(ctx, w); err != nil {
			return nil, err
		}
	}
	return d.result(waits), nil
}

// read finds the iterates and adds up the squared updates.
func (d *diffusion) read(ctx context.Context) error {
	if d.run.Len() > 0 && !d.run.Header().Columns.Theta {
		return fmt.Errorf("path: the run recorded no theta; a displacement needs the iterates")
	}
	d.progress.Begin("updates", d.run.Len())
	var before []float32
	for i := range d.run.Len() {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("path: stopped at row %d: %w", i, err)
		}
		s, err := d.run.Read(i, record.ScalarsOnly)
		if err != nil {
			return fmt.Errorf("path: row %d: %w", i, err)
		}
		d.progress.Add(1)
		if s.Substep > 0 {
			continue
		}
		theta, err := record.ThetaOf(d.run, i)
		if err != nil {
			return fmt.Errorf("path: row %d: %w", i, err)
		}
		if theta == nil {
			continue
		}
		sum, gap := 0.0, 0
		if n := len(d.rows); n > 0 {
			sum, gap = d.path2[n-1], d.gaps[n-1]
			if s.Step == d.steps[n-1]+1 {
				sum += distance2(before, theta)
			} else {
				gap++
			}
		}
		d.rows, d.steps = append(d.rows, i), append(d.steps, s.Step)
		d.path2, d.gaps = append(d.path2, sum), append(d.gaps, gap)
		before = theta
	}
	if len(d.rows) < 2 {
		return fmt.Errorf("path: %d iterates are recorded; a displacement needs at least two", len(d.rows))
	}
	return nil
}

// waits returns the indices of the iterates to measure from.
func (d *diffusion) waits() ([]int, error) {
	first, last := d.steps[0], d.steps[len(d.steps)-1]
	wanted := d.opts.Waits
	if wanted == nil {
		wanted = []int64{first}
		for w := int64(10); w <= (last-first)/2; w *= 10 {
			wanted = append(wanted, first+w)
		}
	}
	var found []int
	for _, w := range wanted {
		i, _ := slices.BinarySearch(d.steps, w)
		if i >= len(d.steps)-1 && d.opts.Waits == nil {
			d.skipped = append(d.skipped, w)
			continue
		}
		if i >= len(d.steps)-1 {
			return nil, fmt.Errorf("path: waiting time %d: the recorded steps are %d to %d; at least one must come "+
				"after it", w, first, last)
		}
		if len(found) == 0 || found[len(found)-1] != i {
			found = append(found, i)
		}
	}
	return found, nil
}

// lags returns the indices of the iterates whose displacement from iterate w is
// measured: those nearest to logarithmically spaced lags, each once.
func (d *diffusion) lags(w int) []int {
	var found []int
	longest := d.steps[len(d.steps)-1] - d.steps[w]
	for j := 0; ; j++ {
		lag := int64(math.Round(math.Pow(10, float64(j)/float64(d.opts.LagsPerDecade))))
		if lag >= longest {
			break
		}
		i, _ := slices.BinarySearch(d.steps, d.steps[w]+lag)
		if i < len(d.steps) && i > w && (len(found) == 0 || found[len(found)-1] < i) {
			found = append(found, i)
		}
	}
	if end := len(d.steps) - 1; len(found) == 0 || found[len(found)-1] < end {
		found = append(found, end)
	}
	return found
}

// displace measures all lags of one waiting time and fits them.
func (d *diffusion) displace(ctx context.Context, w int) error {
	from, err := record.ThetaOf(d.run, d.rows[w])
	if err != nil {
		return fmt.Errorf("path: row %d: %w", d.rows[w], err)
	}
	lags := d.lags(w)
	d.progress.Begin(fmt.Sprintf("displacement from step %d", d.steps[w]), len(lags))
	var points []fitPoint
	for _, i := range lags {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("path: stopped at row %d: %w", d.rows[i], err)
		}
		to, err := record.ThetaOf(d.run, d.rows[i])
		if err != nil {
			return fmt.Errorf("path: row %d: %w", d.rows[i], err)
		}
		p := fitPoint{lag: float64(d.steps[i] - d.steps[w]), displacement2: distance2(from, to)}
		complete := d.gaps[i] == d.gaps[w]
		if complete {
			p.steps2 = record.Some(d.path2[i] - d.path2[w])
		}
		if p.displacement2-p.displacement2 != 0 {
			d.nonfinite++
		}
		persistence := record.Optional{Value: p.displacement2 / p.steps2.Value, Valid: complete && p.steps2.Value > 0}
		d.table.Add(displacementRow{d.steps[w], d.steps[i] - d.steps[w], p.displacement2, p.steps2, persistence})
		if len(d.whole) == 0 {
			d.far = persistence
		}
		points = append(points, p)
		d.progress.Add(1)
	}
	whole := fit(d.steps[w], points, 0, math.Inf(1))
	d.whole = append(d.whole, whole)
	d.fits = append(d.fits, whole)
	for low := 1.0; low <= points[len(points)-1].lag; low *= 10 {
		d.fits = append(d.fits, fit(d.steps[w], points, low, low*10))
	}
	return nil
}

func (d *diffusion) result(waits []int) *DiffusionResult {
	r := &DiffusionResult{
		Table: d.table.Table(),
		Fits:  column.Of(d.fits),
		Summary: DiffusionSummary{
			Rows: len(d.rows), FirstStep: d.steps[0], LastStep: d.steps[len(d.steps)-1],
			Fits: d.whole, Persistence: d.far, NonfiniteRows: d.nonfinite,
		},
	}
	for _, w := range waits {
		r.Summary.Waits = append(r.Summary.Waits, d.steps[w])
	}
	add := r.Warnings.Add
	add(len(d.skipped) > 0, "waits_skipped", "no displacement is measured from the default waiting times %s: no step "+
		"is recorded after them", strings.Trim(fmt.Sprint(d.skipped), "[]"))
	last := len(d.gaps) - 1
	add(d.gaps[last] > 0, "steps_missing", "the recording has %d gaps: what the lengths of the steps say is absent "+
		"across them", d.gaps[last])
	add(d.nonfinite > 0, "nonfinite_iterates", "%d displacements are NaN or infinite: they are kept, and left out of "+
		"the fits", d.nonfinite)
	if f := d.whole[0]; f.Exponent.Valid && f.StepsExponent.Valid {
		add(math.Abs(f.Exponent.Value-f.StepsExponent.Value) < 0.1, "exponent_of_independent_steps",
			"from step %d the displacement grows with the exponent %.3g; steps of the same lengths in independent "+
				"directions give %.3g: the exponent speaks of the step lengths only",
			f.Wait, f.Exponent.Value, f.StepsExponent.Value)
	}
	return r
}
