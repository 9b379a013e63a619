// Package landscape evaluates the loss on a plane in the space of theta. It also measures how
// far the picture can be trusted for the path that is drawn on the plane.
//
//  1. A plane comes from package pca, from [Directions], or from any two vectors
//     (analyze.NewPlane).
//  2. [Compute] projects the iterates of a run onto the plane. Without given ranges it puts
//     the grid around the projections, with a margin.
//  3. It evaluates the loss at the projections of some iterates and at the iterates
//     themselves. Contours on the plane are not the loss along the path, and the difference
//     is a part of the result.
//  4. It evaluates the grid from coarse to fine. Interrupted work is therefore a coarser
//     picture of the whole plane. With a Store the work resumes where it stopped.
//  5. [BetweenPoints] evaluates the loss on the lines between the points of a plane, before
//     and after the hidden units of the other points were permuted (package align).
//
// Every point is computed from the origin of the plane. A validity column marks the cells
// that were not evaluated, so that every value of the loss is possible. NaN and infinite
// losses are kept and counted.
//
// The definitions are those of Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss
// landscape of neural nets", NeurIPS 2018. This package does not repeat three errors of
// their released code. Their scheduler treats losses of zero and below as unfinished cells.
// Their code fills grids of unequal sides in the wrong order. It projects onto directions that
// are not of unit length in other units than it draws in.
package landscape

// Method describes the method in one sentence, for the provenance of a result.
const Method = "Loss on a grid of points origin + a u + b v, with the projections of the recorded iterates, their " +
	"distances from the plane and their true losses."

// Citation is the BibTeX entry of the definitions.
const Citation = `@inproceedings{li2018visualizing,
  title     = {Visualizing the Loss Landscape of Neural Nets},
  author    = {Li, Hao and Xu, Zheng and Taylor, Gavin and Studer, Christoph and Goldstein, Tom},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {31},
  year      = {2018},
  note      = {arXiv:1712.09913}
}
`
