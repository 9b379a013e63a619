package average

import (
	"context"
	"fmt"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/job"
	"sgdwalk/record"
)

// unit is what a job.Unit stands for. Exactly one of the four kinds is set.
type unit struct {
	kind  kind
	mark  int // index of the iterate, except for a branch
	point int // of an average
	group int // of a null
	from  int64
}

type kind int

const (
	iterateKind kind = iota
	averageKind
	nullKind
	branchKind
)

// gradientPoints is about how many losses a gradient costs, for progress.
const gradientPoints = 3

// Job is the loss of averages along a run, divided into the points at which the loss is
// evaluated.
type Job struct {
	*plan
	run        record.Trajectory
	opts       Options
	measures   []job.Measure
	null       analyze.Gradient // nil without the null
	nullAbsent string           // why there is none
	states     *states
	parameters int
	units      []unit
	index      map[unit]int
	nullAt     map[unit][]int // the points of each null, in their order

	evaluated int // points of this process
}

var _ job.Job[*Result] = (*Job)(nil)

// NewJob returns the job that Compute runs, with the same arguments. It reads the scalars of
// every row. Progress and Store of the options are not used, because the driver has its own.
func NewJob(t record.Trajectory, loss analyze.Loss, opts Options) (*Job, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	list, err := iterates(t)
	if err != nil {
		return nil, err
	}
	opts = opts.effective(len(list))
	j := &Job{
		run: t, opts: opts, parameters: t.Header().Layout.Len(), index: make(map[unit]int),
		nullAt: make(map[unit][]int), measures: []job.Measure{{Loss: loss}},
	}
	losses := []analyze.Loss{loss}
	for _, m := range opts.Also {
		j.measures = append(j.measures, job.Measure{Name: m.Name, Loss: m.Loss})
		losses = append(losses, m.Loss)
	}
	if j.states, err = newStates(t, list, losses); err != nil {
		return nil, err
	}
	j.findNull(loss)
	sum := 8 * int64(j.parameters+j.states.len())
	vector := sum
	if j.null != nil {
		vector += 8 * int64(j.parameters)
	}
	if j.plan, err = newPlan(list, &opts, vector, sum); err != nil {
		return nil, err
	}
	j.listUnits()
	return j, nil
}

// findNull sets null, or nullAbsent.
func (j *Job) findNull(loss analyze.Loss) {
	if j.opts.NoNull {
		j.nullAbsent = "it was not requested"
		return
	}
	if j.opts.NullAbsent != nil {
		j.nullAbsent = j.opts.NullAbsent()
	}
	g, ok := loss.(analyze.Gradient)
	switch {
	case j.nullAbsent != "":
	case !ok:
		j.nullAbsent = "the loss offers no gradients"
	default:
		j.null = g
	}
}

// listUnits lists the units mark by mark, so that interrupted work has finished marks.
func (j *Job) listUnits() {
	at := make(map[int][]unit)
	for g, of := range j.groups {
		for i := of.first; i < of.end; i++ {
			pt := &j.points[i]
			at[pt.mark] = append(at[pt.mark], unit{kind: averageKind, mark: pt.mark, point: i})
			if j.null != nil && j.hasNull(pt) {
				u := unit{kind: nullKind, mark: pt.mark, group: g}
				j.nullAt[u] = append(j.nullAt[u], i)
			}
		}
	}
	for _, m := range j.marks {
		j.units = append(j.units, unit{kind: iterateKind, mark: m})
		j.units = append(j.units, at[m]...)
		for g := range j.groups {
			if u := (unit{kind: nullKind, mark: m, group: g}); j.nullAt[u] != nil {
				j.units = append(j.units, u)
			}
		}
	}
	for _, from := range j.opts.Branches.From {
		j.units = append(j.units, unit{kind: branchKind, from: from})
	}
	for i, u := range j.units {
		j.index[u] = i
	}
}

// name returns the name of a unit.
func (j *Job) name(u unit) string {
	switch u.kind {
	case branchKind:
		return fmt.Sprintf("branch %d", u.from)
	case averageKind:
		return fmt.Sprintf("%s at %d", j.points[u.point].Average, j.list[u.mark].step)
	case nullKind:
		if len(j.groups) > 1 {
			return fmt.Sprintf("null %d part %d", j.list[u.mark].step, u.group)
		}
		return fmt.Sprintf("null %d", j.list[u.mark].step)
	}
	return fmt.Sprintf("iterate %d", j.list[u.mark].step)
}

// unitAt returns a unit as the driver knows it.
func (j *Job) unitAt(i int) job.Unit {
	u := job.Unit{Name: j.name(j.units[i]), Index: i}
	if j.units[i].kind == nullKind {
		u.Points = gradientPoints
	}
	return u
}

// Units returns all points, gradients and branches.
func (j *Job) Units() []job.Unit {
	units := make([]job.Unit, len(j.units))
	for i := range units {
		units[i] = j.unitAt(i)
	}
	return units
}

// Fits reports whether there is a value for every measure or, of a null, for every point.
func (j *Job) Fits(u job.Unit, values []float64) bool {
	if of := j.units[u.Index]; of.kind == nullKind {
		return len(values) == len(j.nullAt[of])
	}
	return len(values) == len(j.measures)
}

// Evaluate trains the branches and makes one pass over the recording for each group of
// averages.
func (j *Job) Evaluate(ctx context.Context, units []job.Unit, save job.Save) error {
	defer j.states.restore()
	passes := make([]map[int]bool, len(j.groups)) // units of each
	for i := range passes {
		passes[i] = make(map[int]bool)
	}
	for _, u := range units {
		of := j.units[u.Index]
		switch of.kind {
		case branchKind:
			if err := j.branch(ctx, u, of.from, save); err != nil {
				return fmt.Errorf("average: %w", err)
			}
		case iterateKind:
			passes[0][u.Index] = true
		case nullKind:
			passes[of.group][u.Index] = true
		default:
			g := slices.IndexFunc(j.groups, func(g group) bool { return of.point < g.end })
			passes[g][u.Index] = true
		}
	}
	for g, wanted := range passes {
		if len(wanted) == 0 {
			continue
		}
		v := newEvaluator(j, g, wanted, save)
		err := newPass(j, j.groups[g], v).walk(ctx, v)
		if err == nil {
			err = v.flush(ctx)
		}
		if err != nil {
			return fmt.Errorf("average: %w", err)
		}
	}
	return nil
}

// branch trains a branch and evaluates its end.
func (j *Job) branch(ctx context.Context, u job.Unit, from int64, save job.Save) error {
	theta, state, err := j.opts.Branches.Train(ctx, from)
	if err != nil {
		return job.Failed(u.Name, err)
	}
	at := record.Coordinates{}
	if j.states.len() > 0 {
		at.State = state
	}
	j.evaluated++
	return job.AtPoints(ctx, j.measures, record.Span{Points: [][]float32{theta}},
		func(job.Unit) record.Coordinates { return at }, []job.Unit{u}, save)
}

// evaluator evaluates the loss at what a pass gives it, several points together.
type evaluator struct {
	j       *Job
	group   int
	wanted  map[int]bool // indices of units
	save    job.Save
	size    int
	pending []job.Unit
	thetas  [][]float32
	states  [][]float32
	grad    []float32
}

// pendingShare is the share of Options.MaxMemory that points may take while they wait to be
// evaluated together.
const pendingShare = 8

func newEvaluator(j *Job, g int, wanted map[int]bool, save job.Save) *evaluator {
	losses := make([]analyze.Loss, len(j.measures))
	for i, m := range j.measures {
		losses[i] = m.Loss
	}
	point := 4 * int64(j.parameters+j.states.len())
	size := min(int64(analyze.BatchSize(losses...)), max(1, j.opts.MaxMemory/pendingShare/point))
	return &evaluator{j: j, group: g, wanted: wanted, save: save, size: int(size)}
}

// unit returns the index of the unit of a point or, for -1, of an iterate.
func (v *evaluator) unit(mark, point int) int {
	if point < 0 {
		return v.j.index[unit{kind: iterateKind, mark: mark}]
	}
	return v.j.index[unit{kind: averageKind, mark: mark, point: point}]
}

func (v *evaluator) needs(mark, point int) bool { return v.wanted[v.unit(mark, point)] }

func (v *evaluator) needsNull(mark int) bool {
	i, ok := v.j.index[unit{kind: nullKind, mark: mark, group: v.group}]
	return ok && v.wanted[i]
}

// buffer returns the memory of the next pending point.
func (v *evaluator) buffer() (theta, state []float32) {
	n := len(v.pending)
	if n == len(v.thetas) {
		v.thetas = append(v.thetas, make([]float32, v.j.parameters))
		v.states = append(v.states, make([]float32, v.j.states.len()))
	}
	return v.thetas[n], v.states[n]
}

func (v *evaluator) average(ctx context.Context, mark, point int, _, _ []float32) error {
	v.pending = append(v.pending, v.j.unitAt(v.unit(mark, point)))
	if len(v.pending) < v.size {
		return nil
	}
	return v.flush(ctx)
}

// flush evaluates the pending points.
func (v *evaluator) flush(ctx context.Context) error {
	if len(v.pending) == 0 {
		return nil
	}
	place := make(map[int]int, len(v.pending))
	for i, u := range v.pending {
		place[u.Index] = i
	}
	at := func(u job.Unit) record.Coordinates {
		c := record.Coordinates{Base: place[u.Index]}
		if v.j.states.len() > 0 {
			c.State = v.states[c.Base]
		}
		return c
	}
	span := record.Span{Points: v.thetas[:len(v.pending)]}
	err := job.AtPoints(ctx, v.j.measures, span, at, v.pending, func(u job.Unit, values []float64) error {
		v.j.evaluated++
		return v.save(u, values)
	})
	v.pending = v.pending[:0]
	return err
}

func (v *evaluator) gradient(ctx context.Context, theta, state []float32) ([]float32, error) {
	if v.grad == nil {
		v.grad = make([]float32, v.j.parameters)
	}
	if s, ok := v.j.null.(analyze.Stateful); ok && state != nil {
		s.SetState(slices.Clone(state))
		defer s.SetState(nil)
	}
	_, err := v.j.null.Gradient(ctx, slices.Clone(theta), v.grad) // the loss may change its copy
	return v.grad, err
}

func (v *evaluator) null(mark int, gains []float64) error {
	i := v.j.index[unit{kind: nullKind, mark: mark, group: v.group}]
	return v.save(v.j.unitAt(i), gains)
}

// Options returns the options with the defaults filled in, for the provenance of a result.
func (j *Job) Options() Options { return j.opts }
