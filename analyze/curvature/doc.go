// Package curvature looks at the Hessian of the loss at a point or along a
// recorded run: its largest and smallest eigenvalues, its trace, its spectral
// density, how the largest eigenvalue stands to the edge of stability of the
// optimizer, and how much of the gradient and of the updates lies in the space
// of the leading eigenvectors.
//
//  1. [Compute] evaluates the gradient at theta and chooses the step of the
//     central differences Hv = (g(theta + eps v) - g(theta - eps v)) / (2 eps),
//     |v| = 1, from a ladder of steps relative to |theta|, tried on a stiff
//     direction ([Result.Steps]): truncation makes large steps wrong, float32
//     rounding small ones.
//  2. Lanczos with full reorthogonalization, from a random start, gives the top
//     and the bottom eigenpairs with residuals made of the products themselves,
//     and one sample of the spectral density (stochastic Lanczos quadrature).
//     How far from symmetric the products are comes out of it for nothing; two
//     eigenpairs are checked with a second step.
//  3. Hutchinson's estimator with Rademacher vectors gives the trace and its
//     standard error.
//  4. Gradient and other directions are split into their part in the space of
//     the top eigenvectors (dominant) and the rest (bulk).
//  5. [Along] does this at chosen rows of a run.
//
// The Hessian is that of the loss that is passed in: of its data, without weight
// decay. "Top" means largest, "bottom" means smallest, with the sign.
//
// Of a loss with kinks (ReLU, max pooling) the products see what the gradient does
// over the step, kinks included; the second derivative that automatic
// differentiation gives almost everywhere leaves them out. With few examples the
// kinks make the products noisy. [Summary].ProductError and Asymmetry say by how
// much; residuals include it, and a warning tells.
//
// A product costs two gradients over the full data. The vectors of the Lanczos
// basis are held in memory, 4P bytes for every product.
package curvature

// Method says in one sentence how the numbers came about.
const Method = "Hessian-vector products by central differences of full-data gradients; Lanczos with full reorthogonalization; Hutchinson trace; density by stochastic Lanczos quadrature."

// Citation is the BibTeX entries of the methods.
const Citation = `@inproceedings{ghorbani2019hessian,
  title     = {An Investigation into Neural Net Optimization via {H}essian Eigenvalue Density},
  author    = {Ghorbani, Behrooz and Krishnan, Shankar and Xiao, Ying},
  booktitle = {International Conference on Machine Learning},
  year      = {2019}
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
