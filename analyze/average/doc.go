// Package average evaluates the loss of averages of the iterates of a run: how far the
// iterates are above the floor of their valley.
//
//  1. [NewJob] chooses the steps at which the loss is evaluated, and the averages: means of
//     the last iterates ([Window]), of iterates that were kept every few steps ([LAWA]), of
//     all iterates from a step on ([SWA]), and exponential averages ([EMA]).
//  2. It makes one pass over the recording. Iterates are added in float64, from the start of
//     one window to the start of the next; a window is the sum of such pieces. No sum is the
//     difference of two larger ones, so nothing drifts. The memory is that of the windows that
//     are open at the same time; Options.MaxMemory bounds it.
//  3. At each chosen step the job evaluates the loss at the iterate and at its averages. The
//     gain of an average is the loss of the iterate minus the loss of the average.
//  4. At each chosen step it computes the gradient at the iterate, and from it the gain that
//     the same average has in a stationary walk on a quadratic with the curvature and the
//     noise of this run: the null. In every eigendirection such a walk is a first-order
//     autoregression, and the gain is half the curvature times the variance of an iterate
//     minus that of the mean.
//  5. A [Branches] value trains on from recorded steps with a learning rate that decays to
//     zero, and the end of each branch is compared with averages of the same steps.
//
// A recording of every k-th step has fewer iterates: lengths count recorded iterates, and
// the decay of an exponential average is that from one recorded iterate to the next.
//
// An average of parameters needs statistics of its normalization layers. The policy of the
// loss decides. If the loss takes recorded statistics, it gets their average with the weights
// of the parameters.
package average

// Method describes the method in one sentence, for the provenance of a result.
const Method = "Loss at means and exponential averages of iterates, compared with the iterate and with a stationary " +
	"walk on a quadratic."

// Citation has the BibTeX entries of the methods.
const Citation = `@article{polyak1992acceleration,
  title   = {Acceleration of Stochastic Approximation by Averaging},
  author  = {Polyak, Boris T. and Juditsky, Anatoli B.},
  journal = {SIAM Journal on Control and Optimization},
  volume  = {30},
  number  = {4},
  year    = {1992}
}
@inproceedings{izmailov2018averaging,
  title     = {Averaging Weights Leads to Wider Optima and Better Generalization},
  author    = {Izmailov, Pavel and Podoprikhin, Dmitrii and Garipov, Timur and Vetrov, Dmitry and Wilson, Andrew Gordon},
  booktitle = {Conference on Uncertainty in Artificial Intelligence},
  year      = {2018}
}
@article{kaddour2022stop,
  title   = {Stop Wasting My Time! {Saving} Days of {ImageNet} and {BERT} Training with Latest Weight Averaging},
  author  = {Kaddour, Jean},
  journal = {arXiv preprint arXiv:2209.14981},
  year    = {2022}
}
@article{wen2024understanding,
  title   = {Understanding Warmup-Stable-Decay Learning Rates: A River Valley Loss Landscape Perspective},
  author  = {Wen, Kaiyue and Li, Zhiyuan and Wang, Jason and Hall, David and Liang, Percy and Ma, Tengyu},
  journal = {arXiv preprint arXiv:2410.05192},
  year    = {2024}
}
@inproceedings{ajroldi2025averaging,
  title     = {When, Where and Why to Average Weights?},
  author    = {Ajroldi, Niccolò and Orvieto, Antonio and Geiping, Jonas},
  booktitle = {International Conference on Machine Learning},
  year      = {2025}
}
`
