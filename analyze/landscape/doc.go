// Package landscape evaluates the loss on a plane in the space of theta, and
// says how far the picture can be trusted for the path drawn on it.
//
//  1. A plane comes from package pca, from [Directions], or from any two vectors
//     (analyze.NewPlane).
//  2. [Compute] projects the iterates of a run onto the plane and, unless told a
//     range, puts the grid around them with a margin.
//  3. It evaluates the loss at the projections of some iterates and at these
//     iterates themselves: contours on the plane are not the loss along the path,
//     and the difference is a result like any other.
//  4. It evaluates the grid from coarse to fine, one symbolically named cell at a
//     time. Interrupted work is a coarser picture, and resumes where it stopped.
//
// Every point is computed from the plane's origin. A cell that was not evaluated
// is marked by a validity column, never by a special value of the loss; NaN and
// infinite losses are kept and counted.
//
// Definitions: Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss
// landscape of neural nets", NeurIPS 2018. Their released scheduler takes losses
// of zero and below for unfinished cells, fills grids of unequal sides the wrong
// way round, and projects onto directions that are not of unit length in other
// units than it draws in; none of this is done here.
package landscape

// Method says in one sentence how the numbers came about.
const Method = "Loss on a grid of points origin + a u + b v, beside the projections of the recorded iterates, their distances from the plane and their true losses."

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
