// Package curvature computes the curvature of the loss at a point or along a
// recorded run: its largest and smallest eigenvalues, its trace, its spectral
// density, how the largest eigenvalue stands to the edge of stability of the
// optimizer, and how much of the gradient and of the updates lies in the space
// of the leading eigenvectors.
//
//  1. [Compute] multiplies vectors by the matrix: exactly where the loss offers it
//     (analyze.HessianProduct), otherwise by central differences of gradients with a
//     step chosen from a ladder ([Result.Steps]). The result says which.
//  2. A block Lanczos iteration with full reorthogonalization finds the top and the
//     bottom eigenpairs, multiple ones as often as they occur, each with its residual.
//     It restarts within the memory that is allowed.
//  3. Hutchinson's estimator outside the Lanczos basis gives the trace and the squared
//     Frobenius norm with their standard errors; stochastic Lanczos quadrature outside
//     the eigenvectors gives the density of the rest with a band.
//  4. Gradient and other directions are split into their part in the space of
//     the top eigenvectors (dominant) and the rest (bulk).
//  5. [Along] does this at chosen rows of a run.
//
// The Hessian belongs to the loss that the caller passes in: of its data, without weight
// decay. "Top" means largest, "bottom" means smallest, with the sign.
//
// Of a loss with kinks (ReLU, max pooling) exact products are the derivative almost
// everywhere, as automatic differentiation gives it. Differences of gradients see what
// the gradient does over the step, kinks included: [Pair].Residual then includes the
// spread over half, one and two steps, and a warning says that products are differences.
//
// [EmpiricalFisher] computes another matrix, the mean of g g' over recorded mini-batch
// gradients g. It evaluates no loss. This matrix is neither the Hessian nor the Fisher
// matrix of single examples, and no edge of stability applies to it.
//
// The vectors of the Lanczos basis are held in memory, 4P bytes for every product, up
// to [Options].MaxMemory; [Options.Memory] says how much before it is allocated.
package curvature

// Method says in one sentence how the numbers came about.
const Method = "Hessian-vector products, exact or by central differences of full-data gradients as the summary says; " +
	"with differences, the residual of an eigenvalue includes the spread over half, one and two steps; block Lanczos " +
	"with full reorthogonalization; trace by Hutchinson's estimator outside the Lanczos basis; density by stochastic " +
	"Lanczos quadrature outside the eigenvectors found."

// Citation is the BibTeX entries of the methods.
const Citation = `@inproceedings{ghorbani2019hessian,
  title     = {An Investigation into Neural Net Optimization via {H}essian Eigenvalue Density},
  author    = {Ghorbani, Behrooz and Krishnan, Shankar and Xiao, Ying},
  booktitle = {International Conference on Machine Learning},
  year      = {2019}
}
@article{pearlmutter1994fast,
  title   = {Fast Exact Multiplication by the {H}essian},
  author  = {Pearlmutter, Barak A.},
  journal = {Neural Computation},
  year    = {1994}
}
@inproceedings{meyer2021hutch,
  title     = {{H}utch++: Optimal Stochastic Trace Estimation},
  author    = {Meyer, Raphael A. and Musco, Cameron and Musco, Christopher and Woodruff, David P.},
  booktitle = {Symposium on Simplicity in Algorithms},
  year      = {2021}
}
@inproceedings{cohen2021edge,
  title     = {Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability},
  author    = {Cohen, Jeremy and Kaur, Simran and Li, Yuanzhi and Kolter, J. Zico and Talwalkar, Ameet},
  booktitle = {International Conference on Learning Representations},
  year      = {2021}
}
@article{gurari2018tiny,
  title   = {Gradient Descent Happens in a Tiny Subspace},
  author  = {Gur-Ari, Guy and Roberts, Daniel A. and Dyer, Ethan},
  journal = {arXiv preprint arXiv:1812.04754},
  year    = {2018}
}
@inproceedings{song2025dominant,
  title     = {Does {SGD} Really Happen in Tiny Subspaces?},
  author    = {Song, Minhak and Ahn, Kwangjun and Yun, Chulhee},
  booktitle = {International Conference on Learning Representations},
  year      = {2025}
}
`
