// Package walk evaluates the loss on the segments between consecutive iterates of a
// recorded run, as Xing et al. (2018) did. It measures the shape of each curve: where the
// valley floor is, how high the iterates are above the floor, and whether the step crossed
// a barrier.
//
//  1. [Run] selects the segments: pairs of rows of consecutive steps k and k+1.
//  2. It evaluates the loss at the chosen alphas on each segment. theta(alpha) is
//     theta_k + alpha (theta_{k+1} - theta_k), computed from the two ends in float64 and
//     rounded once. Alpha 0 and 1 are theta_k and theta_{k+1} to the bit. An iterate that
//     two segments share is evaluated once: S consecutive segments with A alphas take
//     S(A-1)+1 evaluations.
//  3. It measures each sampled curve: floor position s*, heights, barriers, slopes,
//     curvature, polynomial fits. [Result] defines these quantities.
//  4. It simulates a stationary noisy quadratic and measures it in the same way
//     ([Comparison], [Null]). A reader can so tell structure of the loss from mere bouncing.
//
// A walk is a job ([Job]). The units of a segment have symbolic names ("segment 12",
// "iterate 12"). Their values depend on the recording and the options only, not on the
// units that were evaluated before. With a Store the work resumes where it stopped.
//
// The loss is deterministic, so a barrier of any height counts (Options.BarrierTolerance
// is 0). A separate number and a warning count the barriers that are lower than what
// float32 arithmetic can resolve.
//
// There are three differences from the code that Xing et al. released. The last point
// alpha = 1 is evaluated too. Every alpha sees the same data without augmentation, in the
// same order. An evaluation does not change the state of the model.
package walk

// Method describes the method in one sentence, for the provenance of a result.
const Method = "Loss on the straight segments between consecutive iterates; floor by a parabola through the lowest " +
	"sample and its neighbours."

// Citation is the BibTeX entry of the method.
const Citation = `@article{xing2018walk,
  title   = {A Walk with {SGD}},
  author  = {Xing, Chen and Arpit, Devansh and Tsirigotis, Christos and Bengio, Yoshua},
  journal = {arXiv preprint arXiv:1802.08770},
  year    = {2018}
}
`
