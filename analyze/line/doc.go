// Package line evaluates the loss on lines and curves between two points of the space of
// theta: the start and the end of a run, a checkpoint and the end, or the ends of two runs.
//
//  1. [Between] evaluates the loss on the straight line between two points and beyond them.
//     It measures whether the loss falls all the way (Goodfellow et al.), how convex it is,
//     and how high the barrier is (linear mode connectivity, Frankle et al.).
//  2. [ProjectPath] projects the path of a run onto a line: how far along the line and how
//     far from the line every iterate is, compared with a random walk.
//  3. [Updates] reads the samples of a walk and measures how far each step is from the step
//     of an exact line search (Mutschler and Zell).
//  4. [Connect] bends the line. It trains the middle point of a quadratic Bezier curve, or of
//     a chain of two segments, so that the loss along the curve becomes low (Garipov et al.).
//     It compares the curve with the straight line.
//
// Points are theta(alpha) = a + alpha (b - a), computed from the two ends in float64 and
// rounded once. Alpha 0 and 1 are a and b to the bit. Every point is a unit of the job with
// a name such as "alpha 0.25", so that with a Store the work resumes.
//
// Two networks may differ in the order of their hidden units alone. With [Options.Aligned],
// [Between] also evaluates the line to a copy of b whose units are permuted (package align).
//
// The policy of the loss decides the running statistics of normalization layers. A loss that
// takes them gets those of both ends, interpolated as theta is, when the caller gives
// [States]. Interpolated statistics are not those of the interpolated network, whose units
// vary less (Jordan et al. 2023, "REPAIR"): between two trainings, a policy that computes the
// statistics at every point (batch, recompute) shows the lower barrier.
package line

// Method describes the method in one sentence, for the provenance of a result.
const Method = "Loss on the straight line or trained curve between two points of parameter space, computed from the ends."

// Citation has the BibTeX entries of the methods.
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
