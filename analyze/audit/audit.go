package audit

import (
	"context"
	"encoding/hex"
	"math"
	"strings"

	"sgdwalk/record/exchange"
)

// Result is the outcome of an audit.
type Result struct {
	Summary
	Distances Distances // between whole checkpoints, for a figure
	Starts    []Start   // of Against; nil otherwise

	series *series
}

// CompareHashes calls known with the file, the tensor and the hash of every tensor that was read.
// known keeps the hash and returns the one of an earlier audit, or "". A file that has the same
// size and time as then but other values was damaged since, which is a finding.
func (r *Result) CompareHashes(known func(file, tensor, hash string) string) {
	j := newJudge(r.series)
	for i := range j.steps {
		for _, tr := range j.tracks {
			c := &tr.contents[i]
			if !c.isPresent || c.problem != nil {
				continue
			}
			b := c.hash.Bytes()
			hash := hex.EncodeToString(b[:])
			if before := known(c.tensor.Path, tr.name, hash); before != "" && before != hash {
				j.add(Changed, Fault, i, []string{tr.name}, Finding{}, "step %d: tensor %.100q has other values than in the audit "+
					"before, although the size and the time of the file are the same", j.steps[i], tr.name)
			}
		}
	}
	r.add(j.findings)
}

// Distances are the distances between whole checkpoints: root mean squares over tensors, each in
// units of its median distance between consecutive checkpoints.
type Distances struct {
	Steps  []int64
	Values [][]float64 // NaN for checkpoints that cannot be compared
}

// Run audits a series. It reads every value of the files once.
func Run(ctx context.Context, c *exchange.Catalog, o Options) (*Result, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	s, err := scan(ctx, c, o)
	if err != nil {
		return nil, err
	}
	return s.judge(), nil
}

// judge runs all checks.
func (s *series) judge() *Result {
	j := newJudge(s)
	whole := newJudge(s) // for the figure, which shows all checkpoints
	j.findProblems()
	j.findTooFew()
	j.findMissingSteps()
	j.findStructure()
	j.findFrozen()
	j.findRounded()
	j.findSameCheckpoints()
	j.findBadValues()
	j.findMisplacedCheckpoints()
	j.findSameTensors()
	j.findMisplacedTensors()
	j.findStrangers()
	j.findBranches()
	if steady := j.steady(); len(steady) > 0 {
		j.findFaster(j.wholeMatrix(steady))
	}

	r := &Result{Summary: s.summary(j.findings), series: s}
	if steady := s.steady(); len(steady) > 0 {
		r.Distances = whole.distances(whole.wholeMatrix(steady))
	}
	return r
}

// findTooFew says when distances cannot be judged.
func (j *judge) findTooFew() {
	if n := len(j.steps); n < fewest {
		j.add(TooFewCheckpoints, Event, -1, nil, Finding{Value: some(float64(n)), Expected: some(fewest)},
			"the series has %d checkpoints; the checks of distances need %d", n, fewest)
	}
}

// findProblems reports what the listing and the pass could not read.
func (j *judge) findProblems() {
	for i := range j.steps {
		e := &j.catalog.Entries[i]
		if err := j.problems[i]; err != nil {
			j.add(Unreadable, Fault, i, nil, Finding{}, "step %d cannot be read: %s", j.steps[i], cause(err))
		}
		if e.MetadataStep >= 0 {
			j.add(MetadataStep, Warning, i, nil, Finding{Value: some(float64(e.MetadataStep)), Expected: some(float64(e.Step))},
				"step %d has the step %d in its metadata; the name counts", e.Step, e.MetadataStep)
		}
		for _, tr := range j.tracks {
			if err := tr.contents[i].problem; err != nil {
				j.add(Unreadable, Fault, i, []string{tr.name}, Finding{}, "step %d: tensor %.100q cannot be read: %s", j.steps[i],
					tr.name, cause(err))
			}
		}
	}
	for _, e := range j.catalog.Repeated {
		j.findings = append(j.findings, Finding{
			Check: RepeatedStep, Severity: Fault, Step: e.Step, File: e.Path,
			Text: "step " + listSteps([]int64{e.Step}) + " comes twice; " + e.Path + " is left out of the audit",
		})
	}
}

// cause returns the text of an error of package exchange without the name of the package.
func cause(err error) string { return strings.TrimPrefix(err.Error(), "exchange: ") }

// mostDrawn is the largest number of checkpoints of the distance matrix in a result.
const mostDrawn = 256

// distances returns the matrix, of evenly chosen checkpoints when there are many.
func (j *judge) distances(m *matrix) Distances {
	n := len(j.steps)
	rows := allPlaces(n)
	if n > mostDrawn {
		rows = rows[:mostDrawn]
		for k := range rows {
			rows[k] = k * (n - 1) / (mostDrawn - 1)
		}
	}
	d := Distances{Steps: j.stepsOf(rows)}
	for _, a := range rows {
		line := make([]float64, len(rows))
		for k, b := range rows {
			line[k] = math.NaN()
			if m.isGood(a) && m.isGood(b) {
				line[k] = math.Sqrt(m.squared(a, b))
			}
		}
		d.Values = append(d.Values, line)
	}
	return d
}
