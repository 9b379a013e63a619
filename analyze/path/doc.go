// Package path computes the geometry of a recorded walk, step by step, without
// evaluating any loss: cosines between consecutive gradients and between
// consecutive updates, step lengths, displacement from the start, path length.
//
//  1. [Compute] reads the rows of a record.Trajectory once, in order. It holds
//     on to the vectors of three consecutive iterates and of the first one, so a
//     run larger than memory is no obstacle.
//  2. Every sum over parameters is made in float64, tensor by tensor in the
//     order of the layout; the whole vector's sums are the sums of these.
//  3. The [Result] is a table with one row per iterate, on request a second one
//     with a row per iterate and tensor, a summary, and warnings.
//     A [Meter] gives the same rows one by one while a run is recorded.
//  4. [Diffusion] measures the squared displacement from several waiting times and
//     fits its exponents, beside those of steps in independent directions.
//  5. [Noise] estimates the gradient noise scale from consecutive batches and, given
//     a gradient to evaluate, from two batch sizes at one point.
//
// Row k of the table belongs to iterate k. Update k is theta_{k+1}-theta_k, so
// the last row has none. The gradient is the raw mini-batch gradient at theta_k;
// gradient and update are different directions under momentum, Adam or weight
// decay, and the columns say which of the two they are about.
//
// A value that is not to be had is absent, never 0 and never NaN: the gradient
// columns of a run without gradients, the cosine with a zero vector, everything
// that needs two consecutive iterates where one of them was not recorded. A NaN
// in the table was computed from a NaN or an infinity in the recording.
//
// Definitions: Xing, Arpit, Tsirigotis and Bengio, "A Walk with SGD",
// arXiv:1802.08770, whose released code adds 1e-6 to the denominator of the
// cosine and gives the first step a cosine of 1 with itself; neither is done
// here.
package path

// Method says in one sentence how the numbers came about.
const Method = "Norms, cosines and distances of recorded iterates, updates and raw mini-batch gradients, summed in " +
	"float64."

// Citation is the BibTeX entry of the definitions.
const Citation = `@article{xing2018walk,
  title   = {A Walk with {SGD}},
  author  = {Xing, Chen and Arpit, Devansh and Tsirigotis, Christos and Bengio, Yoshua},
  journal = {arXiv preprint arXiv:1802.08770},
  year    = {2018}
}
`

// DiffusionMethod says in one sentence how the numbers of Diffusion came about.
const DiffusionMethod = "Squared distances between recorded iterates, summed in float64; exponents by least squares " +
	"over logarithms."

// DiffusionCitation is the BibTeX entry of ultra-slow diffusion.
const DiffusionCitation = `@inproceedings{hoffer2017train,
  title     = {Train Longer, Generalize Better: Closing the Generalization Gap in Large Batch Training of Neural Networks},
  author    = {Hoffer, Elad and Hubara, Itay and Soudry, Daniel},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2017}
}
`

// NoiseMethod says in one sentence how the numbers of Noise came about.
const NoiseMethod = "Inner products of consecutive mini-batch gradients, and distances from full-data gradients, " +
	"averaged before dividing."

// NoiseCitation is the BibTeX entries of the noise scale and the temperature.
const NoiseCitation = `@article{mccandlish2018empirical,
  title   = {An Empirical Model of Large-Batch Training},
  author  = {McCandlish, Sam and Kaplan, Jared and Amodei, Dario and {OpenAI Dota Team}},
  journal = {arXiv preprint arXiv:1812.06162},
  year    = {2018}
}
@inproceedings{smith2018bayesian,
  title     = {A {B}ayesian Perspective on Generalization and Stochastic Gradient Descent},
  author    = {Smith, Samuel L. and Le, Quoc V.},
  booktitle = {International Conference on Learning Representations},
  year      = {2018}
}
`
