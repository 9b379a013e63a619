package report

import (
	"fmt"
	"strings"

	"sgdwalk/analyze/curvature"
	"sgdwalk/analyze/landscape"
)

// captions say what figures show, by analysis and name. Those of landscapes depend
// on their plane, see caption.
var captions = map[string]string{
	"path/loss":        "Loss over the steps.",
	"path/cosine":      "Cosine of each gradient, or update, with the one before.",
	"path/step_length": "Length of each update and of its mini-batch gradient.",
	"path/distance":    "How far the iterates are from the first one, and how long the path is so far.",
	"path/diffusion_figure": "Squared distance from an iterate to those so many steps later, on logarithmic axes: " +
		"steps that do not know of one another make a line of slope 1, a straight walk one of slope 2.",
	"walk/walk": "The full training loss along the segments between consecutive iterates, with the " +
		"valley floor below.",
	"walk/profile": "The loss along a step, relative to its start: the median over all segments and the " +
		"middle half of them.",
	"pca/pca":               "Share of the variance of each principal direction, beside that of a random walk.",
	"pca/scores_over_steps": "Coordinates along the leading directions, over the steps.",
	"line/line": "The loss on the straight line between two points of parameter space; beyond 0 and 1 " +
		"the line goes on past them.",
	"line/curve": "The loss along the trained curve between the two points, and on the straight line.",
	"lines/lines": "The loss along random lines through one point: their mean, and the band from the " +
		"lowest to the highest of them.",
	"lines/accuracy":      "Training accuracy along the same lines.",
	"lines/test_loss":     "Held-out loss along the same lines.",
	"lines/test_accuracy": "Held-out accuracy along the same lines.",
	"curvature/along":     "Learning rate times largest eigenvalue over the steps, beside the edge of stability.",
	"curvature/dominant": "How much of the gradients and of the updates lies in the space of the leading " +
		"eigenvectors, over the steps.",
	"compare/landscape": "All runs over one landscape, each projected onto the common plane.",
	"compare/series":    "The runs over their passes through the data, on common scales.",
}

// onPlane say what figures of landscapes show; the plane in words is put in.
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

// caption returns what a figure of a result shows, "" for one that is not known.
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

// density is the caption of a spectral density.
func density(m curvature.Matrix) string {
	return "Eigenvalues of the " + m.Name() + ": their spectral density."
}
