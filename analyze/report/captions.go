package report

import (
	"fmt"
	"strings"

	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/landscape"
)

// captions are the captions of figures by ANALYSIS/FIGURE. The captions of landscapes depend
// on their plane and are in onPlane.
var captions = map[string]string{
	"path/loss":        "Loss over the steps.",
	"path/cosine":      "Cosine of each gradient, or update, with the one before.",
	"path/step_length": "Length of each update and of its mini-batch gradient.",
	"path/distance":    "How far the iterates are from the first one, and how long the path is so far.",
	"path/diffusion_figure": "Squared distance between two iterates against the number of steps between them, on " +
		"logarithmic axes: independent steps give a line of slope 1, a straight walk a line of slope 2.",
	"walk/walk": "The full training loss along the segments between consecutive iterates, with the " +
		"valley floor below.",
	"walk/profile": "The loss along a step, relative to its start: the median over all segments and the " +
		"band of the middle half.",
	"pca/pca":               "Share of the variance of each principal direction, compared with a random walk.",
	"pca/scores_over_steps": "Coordinates along the leading directions, over the steps.",
	"line/line": "The loss on the straight line between two points of parameter space; below 0 and above 1 " +
		"the line continues beyond the points.",
	"line/curve": "The loss along the trained curve between the two points, and on the straight line.",
	"lines/lines": "The loss along random lines through one point: the mean over the lines, and the band from the " +
		"lowest to the highest loss.",
	"lines/accuracy":      "Training accuracy along the same lines.",
	"lines/test_loss":     "Held-out loss along the same lines.",
	"lines/test_accuracy": "Held-out accuracy along the same lines.",
	"curvature/along": "Learning rate times largest eigenvalue over the steps, compared with the edge of " +
		"stability.",
	"curvature/dominant": "How much of the gradients and of the updates lies in the space of the leading " +
		"eigenvectors, over the steps.",
	"average/average": "The full training loss of the iterates and of their averages, at the same steps.",
	"average/length":  "The loss of the mean of the last iterates against their number, at some steps.",
	"average/gain": "How much lower the loss of the mean of the last iterates is than that of the iterate, compared with " +
		"noise in a quadratic bowl.",
	"compare/landscape": "All runs over one landscape, each projected onto the common plane.",
	"compare/landscape_apart": "The same landscape with the runs of one group in each map, so that paths are seen that " +
		"coincide with others.",
	"compare/series":       "The runs over their passes through the data, on common scales.",
	"compare/series_apart": "The training loss of one group in each plot, with all of its seeds; the others are grey.",
	"audit/distances": "Distances between the checkpoints, with marks at the steps of findings: errors, warnings and " +
		"events.",
	"audit/neighbours": "Distance from each checkpoint to the one before and to the first one, with marks at errors and " +
		"warnings.",
}

// onPlane are the captions of figures of landscapes; %s stands for the name of the plane.
var onPlane = map[string]string{
	"landscape":     "The loss on %s",
	"surface":       "The loss on %s, as a shaded surface",
	"walk":          "The walk over the loss on %s, as an animation",
	"accuracy":      "Training accuracy on %s.",
	"test_loss":     "Held-out loss on %s.",
	"test_accuracy": "Held-out accuracy on %s.",
	"lambda_min": "The smallest eigenvalue of the Hessian at the points of %s: below zero the loss bends down in " +
		"some direction.",
	"lambda_max": "The largest eigenvalue of the Hessian at the points of %s.",
	"lambda_ratio": "The smallest eigenvalue of the Hessian against the largest, in size, at the points of %s: " +
		"where it is near 0 the loss is close to convex.",
}

// caption returns the caption of a figure of a result, or "" for an unknown figure.
func (r *Result) caption(name string) string {
	switch s := r.Summary.(type) {
	case *landscape.Summary:
		plane := s.PlaneOf()
		if text := onPlane[name]; text != "" {
			text = fmt.Sprintf(text, &plane)
			if s.PathRows > 0 && name != "walk" && !strings.HasSuffix(text, ".") {
				text += ", with the path of the iterates projected onto it"
			}
			return sentence(text)
		}
	case *curvature.RunSummary:
		if name == "curvature" {
			return captions["curvature/along"]
		}
	case *curvature.Summary:
		if name == "curvature" {
			return density(s.Matrix)
		}
	case *curvature.FisherSummary:
		if name == "curvature" {
			return density(s.Matrix)
		}
	}
	return captions[r.Document.Analysis+"/"+name]
}

// density returns the caption of a figure of a spectral density.
func density(m curvature.Matrix) string {
	return "Eigenvalues of the " + m.Name() + ": their spectral density."
}
