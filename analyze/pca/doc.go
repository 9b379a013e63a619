// Package pca finds the principal directions of a recorded walk: the few
// directions in the space of theta along which the iterates differ most. It
// says with every share of variance what a random walk would show, because a
// random walk shows a lot (Antognini and Sohl-Dickstein, "PCA of high
// dimensional random walks with comparison to neural network training",
// NeurIPS 2018).
//
//  1. [Fit] chooses the rows and the coordinates. As in Li et al. ("Visualizing
//     the loss landscape of neural nets", NeurIPS 2018) only filters and weights
//     take part unless told otherwise; [Summary] says what was left out.
//  2. One pass over blocks of columns accumulates the Gram matrix of the rows,
//     after a reference iterate was subtracted. Its size is rows x rows, for any number
//     of parameters, and only one block is copied at a time. The rows of a recording on
//     disk are verified in this pass.
//     Slabs of columns are units that several processes can share ([Gram]).
//  3. The matrix is centred and its leading eigenpairs are found: by a full
//     decomposition for few rows, by block Krylov iteration for many. The other
//     eigenvalues are not needed: their sum comes from the trace, their spread
//     from the Frobenius norm.
//  4. A second pass makes the components, the scores and the distance of every
//     iterate from the plane of the first two components.
//  5. Nulls are computed for comparison: the exact shares of a random walk with the same
//     number of rows at the same steps, and the correlation of each score with the
//     cosine that a random walk gives.
//
// The result is the same to the last bit for any number of workers.
package pca

// Method describes in one sentence how the numbers are computed.
const Method = "Principal component analysis of the recorded iterates through their Gram matrix, accumulated in " +
	"float64 over blocks of columns; compared with the exact shares of a random walk and surrogate walks of the " +
	"run's own updates."

// Citation has the BibTeX entries of the definitions: the analysis of paths, and
// the random walk that paths are compared with.
const Citation = `@inproceedings{li2018visualizing,
  title     = {Visualizing the Loss Landscape of Neural Nets},
  author    = {Li, Hao and Xu, Zheng and Taylor, Gavin and Studer, Christoph and Goldstein, Tom},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {31},
  year      = {2018},
  note      = {arXiv:1712.09913}
}
@inproceedings{antognini2018pca,
  title     = {{PCA} of High Dimensional Random Walks with Comparison to Neural Network Training},
  author    = {Antognini, Joseph and Sohl-Dickstein, Jascha},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {31},
  year      = {2018}
}
`
