package curvature

import (
	"math"
	"slices"

	"sgdwalk/analyze"
	"sgdwalk/analyze/internal/column"
	"sgdwalk/record"
)

// Run is the curvature along a run. The tables and the summary are the caller's.
type Run struct {
	// Table has one row per chosen row of the recording:
	//
	//	row, step, epoch, learning_rate         of iterate k
	//	loss, grad_norm                         full data, at theta_k
	//	lambda_max, lambda_max_residual         largest eigenvalue
	//	lambda_min, lambda_min_residual         smallest eigenvalue
	//	trace, trace_standard_error             Hutchinson
	//	critical_sharpness                      2/eta_c along the update, see CriticalSharpness
	//	eta_lambda_max, threshold, above_edge   edge of stability; absent without an edge
	// preconditioned_lambda_max, eta_preconditioned_lambda_max what the threshold is held against
	// for optimizers that scale coordinates
	//	grad_dominant_share                     of the full gradient, in the space of the top k eigenvectors
	//	batch_grad_dominant_share               of the recorded mini-batch gradient
	//	update_dominant_share                   of theta_{k+1}-theta_k
	//	loss_change                             loss at theta_{k+1} minus loss at theta_k
	//	loss_change_dominant, loss_change_bulk  the same for the two parts of the update alone
	// overlap tr(P P')/k with the top space at the chosen row before; k/P for random spaces
	//	product_step                            of products that are differences of gradients, else absent
	//	product_error, asymmetry                how exact the products are, as in Summary
	//	converged                               pairs that more products would not change beyond the tolerance
	//	lanczos_products, products              cost
	Table record.Table
	// Eigenvalues has row, step, side, rank, eigenvalue, residual, lanczos_residual
	// and converged of every pair.
	Eigenvalues record.Table
	Summary     RunSummary
	Warnings    []analyze.Warning

	rows      []values
	absent    string  // why the last row has no preconditioner
	nonfinite []int64 // steps whose gradient or products are not finite
	inexact   string  // why products are differences of gradients; empty when they are exact
}

// RunSummary is the curvature along a run in numbers; distributions are over the
// rows of Run.Table.
type RunSummary struct {
	Rows       int   `json:"rows"`
	FirstStep  int64 `json:"first_step"`
	LastStep   int64 `json:"last_step"`
	Parameters int   `json:"parameters"`
	Top        int   `json:"top"` // k

	// ProductMethod says how products are made, as in Summary, with the range of the steps
	// over the rows.
	ProductMethod string `json:"product_method"`

	Stability Stability `json:"stability"` // of the last row
	// share of the rows with eta lambda_max above the threshold
	AboveEdgeRatio record.Optional      `json:"above_edge_ratio"`
	LambdaMax      analyze.Distribution `json:"lambda_max"`
	LambdaMin      analyze.Distribution `json:"lambda_min"`
	EtaLambdaMax   analyze.Distribution `json:"eta_lambda_max"`
	Trace          analyze.Distribution `json:"trace"`
	// CriticalSharpness is 2/eta_c along the updates. A row lacks it
	// where the update raises the loss however short it is.
	CriticalSharpness analyze.Distribution `json:"critical_sharpness"`
	// LanczosProducts is what the eigenvalues of a row took.
	LanczosProducts analyze.Distribution `json:"lanczos_products"`

	GradDominantShare      analyze.Distribution `json:"grad_dominant_share"`
	BatchGradDominantShare analyze.Distribution `json:"batch_grad_dominant_share"`
	UpdateDominantShare    analyze.Distribution `json:"update_dominant_share"`
	LossChange             analyze.Distribution `json:"loss_change"`
	LossChangeDominant     analyze.Distribution `json:"loss_change_dominant"`
	LossChangeBulk         analyze.Distribution `json:"loss_change_bulk"`
	Overlap                analyze.Distribution `json:"overlap"`
	// k/P, of a random vector; also the overlap of random spaces
	RandomDominantShare float64 `json:"random_dominant_share"`

	ProductErrorMax record.Optional `json:"product_error_max"`
	NonfiniteRows   int             `json:"nonfinite_rows"`   // rows whose gradient is not finite
	UnconvergedRows int             `json:"unconverged_rows"` // rows with a pair that did not converge
	Products        int             `json:"products"`         // over all rows

	// How far the losses are from the full losses that the run recorded.
	RecordedLosses          int             `json:"recorded_losses"`
	RecordedLossMaxAbsolute record.Optional `json:"recorded_loss_max_difference"`
}

// names are the columns of a row's values, in the order in which a store keeps
// them.
var names = []string{
	"loss", "grad_norm", "lambda_max", "lambda_max_residual", "lambda_min", "lambda_min_residual",
	"trace", "trace_standard_error", "critical_sharpness", "eta_lambda_max", "preconditioned_lambda_max",
	"eta_preconditioned_lambda_max",
	"grad_dominant_share", "batch_grad_dominant_share", "update_dominant_share",
	"loss_change", "loss_change_dominant", "loss_change_bulk", "overlap",
	"product_step", "product_error", "asymmetry", "converged", "lanczos_products", "products",
}

// values is one row of the table.
type values struct {
	numbers []record.Optional
	top     []Pair // without vectors
	bottom  []Pair
}

func (v values) filled() values {
	v.numbers = make([]record.Optional, len(names))
	return v
}

func (v values) set(name string, x record.Optional) { v.numbers[slices.Index(names, name)] = x }

func (v values) of(name string) record.Optional {
	if v.numbers == nil {
		return record.Optional{}
	}
	return v.numbers[slices.Index(names, name)]
}

func newValues(r *Result, p *place) values {
	s := &r.Summary
	v := values{top: r.Top, bottom: r.Bottom}.filled()
	v.set("loss", s.Loss)
	v.set("grad_norm", record.Some(s.GradNorm))
	v.set("lambda_max", s.LambdaMax)
	v.set("lambda_max_residual", s.LambdaMaxResidual)
	v.set("lambda_min", s.LambdaMin)
	v.set("lambda_min_residual", s.LambdaMinResidual)
	v.set("trace", s.Trace.Mean)
	v.set("trace_standard_error", s.Trace.StandardError)
	if p.LearningRate.Valid {
		v.set("eta_lambda_max", record.Some(p.LearningRate.Value*s.LambdaMax.Value))
	}
	v.set("preconditioned_lambda_max", r.preconditioned.LambdaMax)
	v.set("eta_preconditioned_lambda_max", s.Stability.EtaPreconditionedLambdaMax)
	for _, d := range r.splits {
		switch d.name {
		case gradientName:
			v.set("grad_dominant_share", d.share)
		case batchGradient:
			v.set("batch_grad_dominant_share", d.share)
		case update:
			v.set("update_dominant_share", d.share)
			v.set("loss_change", d.whole)
			v.set("loss_change_dominant", d.top)
			v.set("loss_change_bulk", d.low)
		}
	}
	v.set("product_step", record.Optional{Value: s.Step, Valid: s.Step > 0})
	v.set("product_error", s.ProductError)
	v.set("asymmetry", record.Some(s.Asymmetry))
	v.set("converged", record.Some(float64(s.Converged)))
	v.set("lanczos_products", record.Some(float64(s.LanczosProducts)))
	v.set("products", record.Some(float64(s.Products)))
	return v
}

// pack writes the values as numbers for a store: whether each is there and what it
// is, the numbers of pairs, and the pairs.
func (v values) pack() []float64 {
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	var x []float64
	for _, n := range v.numbers {
		x = append(x, truth(n.Valid), n.Value)
	}
	x = append(x, float64(len(v.top)), float64(len(v.bottom)))
	for _, p := range slices.Concat(v.top, v.bottom) {
		x = append(x, p.Value, p.Residual, p.Estimate, truth(p.Converged))
	}
	return x
}

// unpack reads what pack wrote; ok is false for anything else.
func unpack(x []float64) (v values, ok bool) {
	n := 2 * len(names)
	if len(x) < n+2 || len(x) != n+2+4*int(x[n]+x[n+1]) {
		return values{}, false
	}
	v = v.filled()
	for i := range v.numbers {
		v.numbers[i] = record.Optional{Value: x[2*i+1], Valid: x[2*i] == 1}
	}
	top := int(x[n])
	for i, p := 0, x[n+2:]; len(p) > 0; i, p = i+1, p[4:] {
		pair := Pair{Value: p[0], Residual: p[1], Estimate: p[2], Converged: p[3] == 1}
		if i < top {
			v.top = append(v.top, pair)
		} else {
			v.bottom = append(v.bottom, pair)
		}
	}
	return v, true
}

// finish makes tables, summary and warnings of the rows.
func (r *Run) finish(places []place, h *record.Header, o *AlongOptions) {
	r.tables(places, &o.Each)
	s := &r.Summary
	p, k := h.Layout.Len(), min(o.Each.Top, h.Layout.Len())
	*s = RunSummary{
		Rows: len(places), FirstStep: places[0].Step.Step, LastStep: places[len(places)-1].Step.Step,
		Parameters: p, Top: k, RandomDominantShare: float64(k) / float64(p),
		AboveEdgeRatio: analyze.Share(r.Table.Column("above_edge")),
	}
	for name, to := range map[string]*analyze.Distribution{
		"lambda_max": &s.LambdaMax, "lambda_min": &s.LambdaMin, "eta_lambda_max": &s.EtaLambdaMax, "trace": &s.Trace,
		"critical_sharpness": &s.CriticalSharpness, "lanczos_products": &s.LanczosProducts,
		"grad_dominant_share": &s.GradDominantShare, "batch_grad_dominant_share": &s.BatchGradDominantShare,
		"update_dominant_share": &s.UpdateDominantShare, "loss_change": &s.LossChange,
		"loss_change_dominant": &s.LossChangeDominant, "loss_change_bulk": &s.LossChangeBulk, "overlap": &s.Overlap,
	} {
		*to = analyze.Describe(r.Table.Column(name))
	}
	s.ProductMethod = Exact
	if steps := analyze.Describe(r.Table.Column("product_step")); steps.Min.Valid {
		s.ProductMethod = differences(steps.Min.Value, steps.Max.Value, r.inexact)
	}
	s.ProductErrorMax = analyze.Describe(r.Table.Column("product_error")).Max
	last := o.Each
	last.LearningRate, last.NoRate = places[len(places)-1].LearningRate.Value, places[len(places)-1].noRate
	end := r.rows[len(r.rows)-1]
	last.PreconditionerAbsent = r.absent
	s.Stability = stability(&last, end.of("lambda_max"), Preconditioned{LambdaMax: end.of("preconditioned_lambda_max")},
		end.of("grad_norm").Value)
	for i, v := range r.rows {
		loss := v.of("loss")
		if !loss.Valid {
			s.NonfiniteRows++
			r.nonfinite = append(r.nonfinite, places[i].Step.Step)
			continue
		}
		s.Products += int(v.of("products").Value)
		if int(v.of("converged").Value) < len(v.top)+len(v.bottom) {
			s.UnconvergedRows++
		}
		if full := places[i].FullLoss; full.Valid {
			s.RecordedLosses++
			s.RecordedLossMaxAbsolute = record.Some(math.Max(s.RecordedLossMaxAbsolute.Value,
				math.Abs(full.Value-loss.Value)))
		}
	}
	r.Warnings = r.warnings(h, o)
}

func (r *Run) tables(places []place, o *Options) {
	most, absent := o.threshold()
	var row, step, epoch, pairRow, pairStep, rank []int64
	var side []string
	var rate, edge, value, residual, estimate column.Floats
	var above, converged column.Bools
	columns := make([]column.Floats, len(names))
	for i, v := range r.rows {
		p := &places[i]
		row, step, epoch = append(row, int64(p.row)), append(step, p.Step.Step), append(epoch, int64(p.Epoch))
		rate.Add(p.LearningRate)
		eta, threshold := v.of("eta_lambda_max"), record.Optional{Value: most, Valid: absent == ""}
		switch {
		case o.Edge.Preconditioned:
			eta = v.of("eta_preconditioned_lambda_max")
			threshold.Valid = threshold.Valid && v.of("preconditioned_lambda_max").Valid
		case o.Edge.AscentRadius > 0:
			threshold.Value = o.Edge.ofHessian(most, p.LearningRate.Value, v.of("grad_norm").Value)
			threshold.Valid = threshold.Valid && p.LearningRate.Valid && v.of("grad_norm").Valid
		}
		edge.Add(threshold)
		above.Add(eta.Value > threshold.Value, eta.Valid && threshold.Valid)
		for j, x := range v.numbers {
			columns[j].Add(x)
		}
		for j, q := range slices.Concat(v.top, v.bottom) {
			name, n := "top", j+1
			if j >= len(v.top) {
				name, n = "bottom", j+1-len(v.top)
			}
			pairRow, pairStep = append(pairRow, int64(p.row)), append(pairStep, p.Step.Step)
			side, rank = append(side, name), append(rank, int64(n))
			value.Add(record.Some(q.Value))
			residual.Add(record.Some(q.Residual))
			estimate.Add(record.Some(q.Estimate))
			converged.Add(q.Converged, true)
		}
	}
	r.Table = record.Table{Columns: []record.Column{
		column.Ints("row", row), column.Ints("step", step), column.Ints("epoch", epoch), rate.Column("learning_rate"),
	}}
	for j, name := range names {
		r.Table.Columns = append(r.Table.Columns, columns[j].Column(name))
		if name == "eta_preconditioned_lambda_max" {
			r.Table.Columns = append(r.Table.Columns, edge.Column("threshold"), above.Column("above_edge"))
		}
	}
	r.Eigenvalues = record.Table{Columns: []record.Column{
		column.Ints("row", pairRow), column.Ints("step", pairStep), column.Strings("side", side), column.Ints("rank",
			rank),
		value.Column("eigenvalue"), residual.Column("residual"), estimate.Column("lanczos_residual"),
		converged.Column("converged"),
	}}
}

func (r *Run) warnings(h *record.Header, o *AlongOptions) []analyze.Warning {
	var w analyze.Warnings
	add := w.Add
	s := &r.Summary
	e := &s.Stability
	if n := len(r.nonfinite); n > 0 {
		add(true, "nonfinite_gradients", "at %d of %d rows, steps %d to %d, the gradient or a product is not finite: "+
			"they have no curvature", n, s.Rows, r.nonfinite[0], r.nonfinite[n-1])
	}
	add(s.UnconvergedRows > 0, "eigenpairs_unconverged", "at %d of %d rows some eigenpair has not converged to %v of "+
		"the largest eigenvalue", s.UnconvergedRows, s.Rows, o.Each.Tolerance)
	add(s.ProductMethod != Exact, "finite_differences", differencesText, s.ProductMethod)
	add(s.ProductErrorMax.Valid && s.ProductErrorMax.Value > productLimit, "product_error",
		"the Hessian-vector product with a stiff direction changes by up to %.2g of its length when the step changes",
		s.ProductErrorMax.Value)
	add(e.LearningRateAbsent != "", "no_learning_rate", "eta lambda_max is not known at the last row: %s",
		e.LearningRateAbsent)
	add(e.ThresholdAbsent != "", "no_threshold", "no edge of stability to compare with: %s", e.ThresholdAbsent)
	add(e.Threshold.Valid && e.WeightDecay > 0, "weight_decay", "the optimizer's weight decay of %v adds up to as "+
		"much to the eigenvalues of what it minimizes; lambda_max is without it", e.WeightDecay)
	add(e.Threshold.Valid && e.ClipNorm > 0, "clipped_gradients", "the optimizer clips gradients at norm %v: a "+
		"clipped step is shorter than the edge of stability assumes", e.ClipNorm)
	add(e.Threshold.Valid && h.Batch > 0 && h.Batch < h.Data.TrainExamples, "minibatch_edge",
		"the edge of stability belongs to the full gradient; with batches of %d of %d examples, noise may keep "+
			"lambda_max below it", h.Batch, h.Data.TrainExamples)
	add(len(h.State) > 0, "normalization_state", "the model has running statistics, which are not parameters: the "+
		"policy of the loss decides their values")
	add(s.GradDominantShare.Mean.Valid && s.GradDominantShare.Mean.Value > 0.5, "dominant_not_progress",
		"%.3g of the squared gradient lies in %d directions on the average; noise in a narrow valley does that too: "+
			"loss_change_bulk says what the rest of the update achieves (Song et al. 2025)",
		s.GradDominantShare.Mean.Value, s.Top)
	if d := s.RecordedLossMaxAbsolute; d.Valid && d.Value > 0 {
		add(true, "recorded_loss_differs", "the losses differ by up to %.3g from the %d that the run recorded: other "+
			"data, another processor or another policy", d.Value, s.RecordedLosses)
	}
	return w
}
