package walk

import (
	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Result is the result of a walk. The caller owns the tables and the summary.
//
// phi(alpha) is the loss at theta_k + alpha d, where d is the update theta_{k+1}-theta_k
// or, along the gradient, -eta g_k. Alpha is in units of the step. When a sample of a
// segment is NaN or infinite, everything derived from phi is absent, and the samples are
// kept.
type Result struct {
	// Segments has one row per segment, in the order of the recording:
	//
	//	row, step, epoch        of iterate k
	//	learning_rate           of update k
	//	batch_loss              loss of batch k at theta_k, as recorded
	//	step_length             length of d
	//	loss_start, loss_end    phi(0), phi(1)
	//	loss_resolution         smallest difference of losses that rounding does not explain: 5 standard deviations of
	// the rounding noise. When the samples do not determine the curvature at this resolution,
	//	                        slopes, curvature and the values that follow from them come from a product with the
	//	                        Hessian at theta_k, or are absent
	//	rises                   phi(1) > phi(0)
	//	floor_position          s*, the argmin of phi over the alphas, refined by a parabola
	//	floor_loss              the valley floor, phi(s*) by the same parabola
	//	floor_at_edge           the floor is at the first or last alpha; the minimum may be farther out
	//	floor_interior          0 < s* < 1
	//	height_start, height_end, height_mean   phi(0), phi(1) and their mean minus the floor
	//	barrier                 a sample strictly between 0 and 1 is above both ends by more than the tolerance
	//	barrier_height          highest such sample minus the higher end; absent without a barrier
	//	barrier_alpha           its alpha
	//	chord_barrier_height    largest excess of a sample over the straight line between the ends, at least 0
	//	interior_maxima         local maxima of the samples strictly between 0 and 1
	//	slope_start, slope_end  phi'(0), phi'(1): derivative of the polynomial through the 5 nearest samples
	//	curvature               phi'(1)-phi'(0), the mean of phi'' over the step; d'Hd for a quadratic
	//	curvature_source        "samples", or "hessian" for d'Hd from a product; empty when the curvature is absent
	//	sharpness               curvature / step_length^2, the directional curvature of the loss
	// eta_sharpness learning_rate * sharpness; it is 2 when a step along an eigenvector ends at the
	// loss at
	//	                        which it started
	//	parabola_position       minimum of the least-squares parabola through all samples; may be outside the samples
	//	cockpit_alpha           1/parabola_position - 1, Cockpit's normalized step length; -1 for a concave parabola
	//	mae_degree_1 ... 4      mean absolute residual of the least-squares polynomials
	//	r2_degree_2             R^2 of the parabola
	//	nonfinite               samples that are NaN or infinite
	Segments record.Table
	// Losses has one row per segment and alpha: row, step, epoch, alpha, position
	// (step + alpha), loss, and a column for each of Options.Also.
	Losses record.Table
	// Epochs has one row per epoch: the shares and means of the segments of the epoch with
	// 95 % intervals, and the same quantities of a matched quadratic.
	Epochs record.Table
	// NullHeights has for each epoch the middle 90 % of the mean heights on the noisy quadratic
	// that is matched to it: epoch, height_mean_low and height_mean_high.
	NullHeights record.Table
	// Summary has the numbers of the whole walk.
	Summary Summary
	// Warnings name what limits the conclusions.
	Warnings []analyze.Warning
	// Evaluated is the number of points that this call evaluated. It is less than
	// Summary.Evaluations when a Store had some of the values.
	Evaluated int
}
