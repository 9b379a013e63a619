// Package compare holds several recorded runs against each other: in one basis,
// over one loss, with statistics that are paired over seeds.
//
//  1. A Run is a recording with a name, the group that it belongs to (an optimizer
//     with its settings) and its loss. Groups names the groups by what differs.
//  2. Check says what the runs have in common, and with that which of the
//     following analyses are possible.
//  3. Joint finds one plane for all runs, with equal weight for each; Ends takes
//     the plane through the common start and two ends. Paths puts every iterate
//     on it, with its distance from it.
//  4. Landscape evaluates the loss on the plane around all paths.
//  5. Barriers evaluates the loss between the ends, on the straight line and on a
//     trained curve, also after the hidden units of an end were permuted (package
//     align); Agreement compares their predictions.
//  6. Measure reads the numbers of a run off it: floor position, height, barriers,
//     cosines, displacement, curvature. Paired makes of them a table of groups
//     with differences, paired over seeds, and bootstrap intervals.
//  7. Series has the same quantity of every run against steps, epochs or passes
//     over the data.
//
// Whatever the order of the runs, results are computed in the order of their
// names: permuting them changes no number. A run compared with itself differs by
// exactly nothing.
//
// Planes of different runs' own principal directions cannot be compared; one basis
// for all can.
package compare

// Method says in one sentence how the numbers came about.
const Method = "Joint principal component analysis with equal weight for every run; statistics per run, differences " +
	"paired over seeds with percentile bootstrap intervals."

// Citation has the BibTeX entries of the comparison of end points by lines and of
// curves, and of predictions along runs.
const Citation = `@inproceedings{frankle2020linear,
  title     = {Linear Mode Connectivity and the Lottery Ticket Hypothesis},
  author    = {Frankle, Jonathan and Dziugaite, Gintare Karolina and Roy, Daniel M. and Carbin, Michael},
  booktitle = {International Conference on Machine Learning},
  year      = {2020}
}
@inproceedings{garipov2018loss,
  title     = {Loss Surfaces, Mode Connectivity, and Fast Ensembling of {DNN}s},
  author    = {Garipov, Timur and Izmailov, Pavel and Podoprikhin, Dmitrii and Vetrov, Dmitry and Wilson, Andrew Gordon},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2018}
}
@article{fort2019deep,
  title   = {Deep Ensembles: A Loss Landscape Perspective},
  author  = {Fort, Stanislav and Hu, Huiyi and Lakshminarayanan, Balaji},
  journal = {arXiv preprint arXiv:1912.02757},
  year    = {2019}
}
`
