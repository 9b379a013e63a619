package walk

import (
	"sgdwalk/analyze"
	"sgdwalk/record"
)

// Result is a walk. The tables and the summary are the caller's.
//
// phi(alpha) is the loss at theta_k + alpha d, where d is the update
// theta_{k+1}-theta_k or, along the gradient, -eta g_k. Alpha counts in steps.
// Everything derived from phi is absent where one of the segment's samples is NaN
// or infinite; the samples themselves are kept.
type Result struct {
	// Segments has one row per segment, in the order of the recording:
	//
	//	row, step, epoch        of iterate k
	//	learning_rate           of update k
	//	batch_loss              loss of batch k at theta_k, as recorded
	//	step_length             length of d
	//	loss_start, loss_end    phi(0), phi(1)
	//	loss_resolution         least difference of losses that is one: 5 standard deviations of the rounding noise.
	//	                        Where the samples do not tell the curvature by it, slopes, curvature and what follows
	//	                        from them are those of a product with the Hessian at theta_k, or absent
	//	rises                   phi(1) > phi(0)
	//	floor_position          s*, the argmin of phi over the alphas, refined by a parabola
	//	floor_loss              the valley floor, phi(s*) by the same parabola
	//	floor_at_edge           the floor is the first or last alpha: perhaps it is farther out
	//	floor_interior          0 < s* < 1
	//	height_start, height_end, height_mean   phi(0), phi(1) and their mean minus the floor
	//	barrier                 a sample strictly between 0 and 1 is above both ends (by more than the tolerance)
	//	barrier_height          highest such sample minus the higher end; absent without a barrier
	//	barrier_alpha           its alpha
	//	chord_barrier_height    largest excess of a sample over the straight line between the ends, at least 0
	//	interior_maxima         local maxima of the samples strictly between 0 and 1
	//	slope_start, slope_end  phi'(0), phi'(1): derivative of the polynomial through the 5 nearest samples
	//	curvature               phi'(1)-phi'(0), the mean of phi'' over the step; d'Hd for a quadratic
	//	curvature_source        samples, or hessian: d'Hd of a product; empty where the curvature is absent
	//	sharpness               curvature / step_length^2, the directional curvature of the loss
	//	eta_sharpness           learning_rate * sharpness; 2 where a step along an eigenvector ends as high as it started
	//	parabola_position       minimum of the least-squares parabola through all samples; may be outside
	//	cockpit_alpha           1/parabola_position - 1 (Cockpit's normalized step length); -1 where the parabola is concave
	//	mae_degree_1 ... 4      mean absolute residual of the least-squares polynomials
	//	r2_degree_2             R^2 of the parabola
	//	nonfinite               samples that are NaN or infinite
	Segments record.Table
	// Losses has one row per segment and alpha: row, step, epoch, alpha, position
	// (step + alpha), loss, and a column for each of Options.Also.
	Losses record.Table
	// Epochs has the statistics of the segments of each epoch; see epochTable.
	Epochs record.Table
	// Summary has the numbers of the whole walk.
	Summary Summary
	// Warnings are what to know before believing the numbers.
	Warnings []analyze.Warning
	// Evaluated is how often the loss was evaluated this time: less than
	// Summary.Evaluations when a Store had some of the results.
	Evaluated int
}
