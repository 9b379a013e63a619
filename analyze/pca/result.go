package pca

import (
	"fmt"
	"slices"
	"strconv"

	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Result is the result of Fit. n is the number of rows and K the number of components.
// The caller owns all slices.
type Result struct {
	Runs   []int   // per row, its run, from 0
	Rows   []int   // per row, its index in that run
	Steps  []int64 // per row, its step
	Epochs []int32 // per row, its epoch

	Reference  []float32   // the center that scores are measured from, length P; nil with ScoresOnly
	Components [][]float32 // K orthonormal vectors of length P; 0 in coordinates that take no part; nil with ScoresOnly
	Scores     [][]float64 // Scores[k][i] = <theta_i - Reference, Components[k]>
	Residuals  []float64   // distance of theta_i from the plane of the first two components, over all coordinates
	Distances  []float64   // distance of theta_i from Reference, over all coordinates

	ExplainedVariance      []float64 // per component, sum of squared scores / (n-1)
	ExplainedVarianceRatio []float64 // share of TotalVariance
	// sum of squared distances from the center over the coordinates that take part / (n-1)
	TotalVariance float64
	// (sum of eigenvalues)^2 / sum of their squares: how many directions share the variance
	Participation float64

	// run (from 1; where there are several), row, step, epoch, pc1, pc2, ..., residual, distance
	Table    record.Table
	Summary  Summary
	Warnings []analyze.Warning // limits of what may be concluded from the shares

	nulls      nullResults
	weighted   bool    // rows of different runs weigh differently
	stride     int64   // above 1, only steps that it divides take part
	unresolved float64 // residual of the eigenpairs, in units of the largest eigenvalue
}

// Plane returns the plane of two components, counted from 1, through the given
// origin; nil means Reference. The usual plane is Plane(1, 2, nil); the plane of
// Li et al. (2018) goes through the last iterate.
func (r *Result) Plane(first, second int, origin []float32) (analyze.Plane, error) {
	if r.Components == nil {
		return analyze.Plane{}, fmt.Errorf("pca: plane: the result has scores only; a plane needs the components")
	}
	for _, c := range []int{first, second} {
		if c < 1 || c > len(r.Components) {
			return analyze.Plane{}, fmt.Errorf("pca: plane: component %d; the result has components 1 to %d", c,
				len(r.Components))
		}
	}
	if origin == nil {
		origin = r.Reference
	}
	return analyze.NewPlane(origin, r.Components[first-1], r.Components[second-1])
}

// Summary is the numbers of the result, as in summary.json. Shares are shares of the
// variance over the coordinates that take part, in [0, 1].
type Summary struct {
	Runs               int      `json:"runs"`
	Rows               int      `json:"rows"` // of all runs
	FirstStep          int64    `json:"first_step"`
	LastStep           int64    `json:"last_step"`
	Center             Center   `json:"center"`
	Kinds              Kinds    `json:"kinds,omitempty"`
	Tensors            []string `json:"tensors"`          // that take part
	TensorsLeftOut     []string `json:"tensors_left_out"` // that do not
	Parameters         int      `json:"parameters"`       // P
	ParametersIncluded int      `json:"parameters_included"`
	// LeftOutVarianceRatio is the squared distance from the center in the coordinates
	// left out, divided by the squared distance in all coordinates.
	LeftOutVarianceRatio float64 `json:"left_out_variance_ratio"`

	TotalVariance          float64   `json:"total_variance"`
	ExplainedVariance      []float64 `json:"explained_variance"`
	ExplainedVarianceRatio []float64 `json:"explained_variance_ratio"`
	ParticipationRatio     float64   `json:"participation_ratio"`

	// RandomWalk is the exact null for the same number of rows at the same steps. It has
	// no shares if there is no null, see FitJoint.
	RandomWalk Null `json:"random_walk"`
	// LissajousCorrelation is, per component, |corr| of the scores with the scores of a
	// random walk; 1 for a random walk.
	LissajousCorrelation []record.Optional `json:"lissajous_correlation"`

	// OrnsteinUhlenbeck is the null of a walk that is pulled back to a point; absent
	// for fewer than 8 rows and for rows that are not equally spaced.
	OrnsteinUhlenbeck *OrnsteinUhlenbeck `json:"ornstein_uhlenbeck,omitempty"`
	// Surrogates are nulls that are made from the updates of the run; absent without
	// surrogates or with two rows only.
	Surrogates *Surrogates `json:"surrogates,omitempty"`

	MedianResidual float64 `json:"median_residual"` // of the rows from the plane of the first two components
	MaxResidual    float64 `json:"max_residual"`
	// MedianResidualRatio is the median over the rows of residual/distance: 0 in
	// the plane, 1 if the plane contains nothing of the row.
	MedianResidualRatio float64 `json:"median_residual_ratio"`
}

// Null holds the values of a process without structure.
type Null struct {
	ExplainedVarianceRatio []float64 `json:"explained_variance_ratio"`
	ParticipationRatio     float64   `json:"participation_ratio"`
}

func (r *Result) summarize(s *source, o *Options, d *decomposition) {
	n := len(r.Rows)
	r.Summary = Summary{
		Runs: s.runs, Rows: n, FirstStep: slices.Min(r.Steps), LastStep: slices.Max(r.Steps),
		Center: o.Center, Kinds: o.Kinds, Tensors: s.in, TensorsLeftOut: slices.Concat([]string{}, s.out),
		Parameters: s.layout.Len(), ParametersIncluded: s.taking(),
		LeftOutVarianceRatio: d.excluded / (d.excluded + d.variance),
		TotalVariance:        r.TotalVariance, ExplainedVariance: r.ExplainedVariance,
		ExplainedVarianceRatio: r.ExplainedVarianceRatio, ParticipationRatio: r.Participation,
		RandomWalk: Null{append([]float64{}, r.nulls.walk.ratios...), r.nulls.walk.participation},
		Surrogates: r.nulls.surrogates, OrnsteinUhlenbeck: r.nulls.ou,
		MedianResidual: median(r.Residuals), MaxResidual: slices.Max(r.Residuals),
	}
	for _, c := range r.nulls.lissajous {
		r.Summary.LissajousCorrelation = append(r.Summary.LissajousCorrelation, record.Optional{
			Value: c,
			Valid: c == c,
		})
	}
	var ratios []float64
	for i, distance := range r.Distances {
		if distance > 0 {
			ratios = append(ratios, r.Residuals[i]/distance)
		}
	}
	r.Summary.MedianResidualRatio = median(ratios)
	r.Table = r.table(s.runs)
	r.warn(o)
}

func (r *Result) table(runs int) record.Table {
	rows, epochs := make([]int64, len(r.Rows)), make([]int64, len(r.Rows))
	for i := range rows {
		rows[i], epochs[i] = int64(r.Rows[i]), int64(r.Epochs[i])
	}
	var t record.Table
	if runs > 1 {
		numbers := make([]int64, len(r.Runs))
		for i, run := range r.Runs {
			numbers[i] = int64(run + 1)
		}
		t.Columns = append(t.Columns, record.Column{Name: "run", Ints: numbers})
	}
	t.Columns = append(t.Columns, []record.Column{
		{Name: "row", Ints: rows}, {Name: "step", Ints: r.Steps}, {Name: "epoch", Ints: epochs},
	}...)
	for k, score := range r.Scores {
		t.Columns = append(t.Columns, record.Column{Name: "pc" + strconv.Itoa(k+1), Floats: score})
	}
	t.Columns = append(t.Columns,
		record.Column{Name: "residual", Floats: r.Residuals}, record.Column{Name: "distance", Floats: r.Distances})
	return t
}

// median returns the middle value, or the mean of the two; 0 for none.
func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(x))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
