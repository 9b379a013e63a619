// Package line looks at the loss on lines and curves between points of the space
// of theta: the start and the end of a run, a checkpoint and the end, the ends of
// two runs.
//
//  1. [Between] evaluates the loss on the straight line between two points and
//     beyond them, and says whether it falls all the way (Goodfellow et al.), how
//     convex it is, and how high the barrier is (linear mode connectivity, Frankle
//     et al.).
//  2. [Progress] holds the path of a run against a line: how far along it and how
//     far from it every iterate is, beside what a random walk would show.
//  3. [Updates] takes a walk's samples along the updates and says how far each
//     step was from the optimal one (Mutschler and Zell).
//  4. [Connect] bends the line: it trains the middle point of a quadratic Bezier
//     curve or of a chain of two segments so that the loss along it becomes low
//     (Garipov et al.), and compares it with the straight line.
//
// Points are theta(alpha) = a + alpha (b - a), computed from the two ends in
// float64 and rounded once; alpha 0 and 1 are a and b to the bit. Every point is a
// unit of its own ("alpha 0.25"), so that with a Store the work resumes.
//
// Only parameters are interpolated. What the running statistics of normalization
// layers are between the ends is decided by the policy of the loss that is
// passed in.
package line

// Method says in one sentence how the numbers came about.
const Method = "Loss on the straight line or trained curve between two points of parameter space, computed from the ends."

// Citation is the BibTeX entries of the methods.
const Citation = `@inproceedings{goodfellow2015qualitatively,
  title     = {Qualitatively Characterizing Neural Network Optimization Problems},
  author    = {Goodfellow, Ian J. and Vinyals, Oriol and Saxe, Andrew M.},
  booktitle = {International Conference on Learning Representations},
  year      = {2015}
}
@inproceedings{frankle2020linear,
  title     = {Linear Mode Connectivity and the Lottery Ticket Hypothesis},
  author    = {Frankle, Jonathan and Dziugaite, Gintare Karolina and Roy, Daniel M. and Carbin, Michael},
  booktitle = {International Conference on Machine Learning},
  year      = {2020}
}
@inproceedings{lucas2021monotonic,
  title     = {On Monotonic Linear Interpolation of Neural Network Parameters},
  author    = {Lucas, James and Bae, Juhan and Zhang, Michael R. and Fort, Stanislav and Zemel, Richard and Grosse, Roger},
  booktitle = {International Conference on Machine Learning},
  year      = {2021}
}
@inproceedings{garipov2018loss,
  title     = {Loss Surfaces, Mode Connectivity, and Fast Ensembling of {DNN}s},
  author    = {Garipov, Timur and Izmailov, Pavel and Podoprikhin, Dmitrii and Vetrov, Dmitry and Wilson, Andrew Gordon},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2018}
}
@article{mutschler2021empirically,
  title   = {Empirically Explaining {SGD} from a Line Search Perspective},
  author  = {Mutschler, Maximus and Zell, Andreas},
  journal = {arXiv preprint arXiv:2103.17132},
  year    = {2021}
}
`
