// Package walk evaluates the loss on the segments between consecutive iterates
// of a recorded run, as Xing et al. (2018) did, and says in numbers what the
// curves look like: where the valley floor is, how high above it the iterates
// are, whether a barrier was crossed.
//
//  1. [Run] picks the segments: rows k and k+1 of consecutive steps.
//  2. It evaluates the loss at the chosen alphas on each segment. theta(alpha) is
//     theta_k + alpha (theta_{k+1} - theta_k), computed from the two ends in
//     float64 and rounded once; alpha 0 and 1 are theta_k and theta_{k+1} to the
//     bit. An iterate that two segments share is evaluated once: S consecutive
//     segments of A alphas take S(A-1)+1 evaluations.
//  3. Each sampled curve is measured: floor position s*, heights, barriers,
//     slopes, curvature, polynomial fits. See [Result] for the definitions.
//  4. The same statistics of a stationary noisy quadratic stand beside them
//     ([Comparison], [Null]), so that mere bouncing is not taken for structure.
//
// Every segment is a unit of its own with a symbolic name ("segment 12",
// "iterate 12"); its numbers depend on the recording and the options only, not on
// what was evaluated before it. With a Store the work resumes where it stopped.
//
// The loss is deterministic, so a barrier of any height counts
// (Options.BarrierTolerance is 0); how many are lower than what float32
// arithmetic can resolve is counted separately and warned about.
//
// Compared with the code that Xing et al. released: the last point alpha = 1 is
// evaluated too, every alpha sees the same un-augmented data in the same order,
// and nothing is changed by looking.
package walk

// Method says in one sentence how the numbers came about.
const Method = "Loss on the straight segments between consecutive iterates; floor by a parabola through the lowest sample and its neighbours."

// Citation is the BibTeX entry of the method.
const Citation = `@article{xing2018walk,
  title   = {A Walk with {SGD}},
  author  = {Xing, Chen and Arpit, Devansh and Tsirigotis, Christos and Bengio, Yoshua},
  journal = {arXiv preprint arXiv:1802.08770},
  year    = {2018}
}
`
