// Package record is the vocabulary of a recorded training run: what an iterate
// is, how its flat vector splits into tensors, which steps are kept, and the two
// interfaces through which everything else writes and reads a run. It imports
// the standard library only, so that a training loop of any origin can record
// and any analysis can read without pulling in an engine or a file format.
//
//  1. A training loop fills a [Header] (model, data, optimizer, seed, [Layout];
//     [NewHeader] does what is the same for every program) and opens a [Sink] with
//     it; record/arrowfile is the one that writes files, and its examples record a
//     plain loop and a stock Gorgonia program in a few lines.
//  2. Before update k it appends the [Step] of row k: theta_k, the loss and the
//     gradient of batch k at theta_k, and the learning rate that update k uses.
//     T updates give T+1 rows; the last has theta_T and no batch.
//  3. A [Schedule] says which rows are kept.
//  4. Analyses read the rows back through a [Trajectory].
//
// theta is one flat []float32 of length P and every parameter tensor is a view
// onto it, described by the Layout; Layout.Gather joins tensors that a program
// keeps apart. Running statistics of normalization layers are not parameters:
// they are a second flat vector, state, of length S.
package record
