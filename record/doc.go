// Package record is the vocabulary of a recorded training run: what an iterate
// is, how its flat vector is divided into tensors, which steps are kept, and the two
// interfaces through which all other packages write and read a run. It imports the
// standard library only. So any training loop can record, and any analysis can
// read, without importing an engine or a file format.
//
//  1. A training loop fills a [Header] (model, data, optimizer, seed, [Layout];
//     [NewHeader] fills in what all programs share) and opens a [Sink] with it. The
//     sink of record/arrowfile writes files; its examples record a plain loop and a
//     Gorgonia program in a few lines.
//  2. Before update k it appends the [Step] of row k: theta_k, the loss and the
//     gradient of batch k at theta_k, and the learning rate that update k uses.
//     T updates give T+1 rows; the last has theta_T and no batch.
//  3. A [Schedule] says which rows are kept, in the grammar of [Steps].
//  4. Analyses read the rows back through a [Trajectory].
//
// theta is one flat []float32 of length P, and every parameter tensor is a view
// of a part of it, described by the Layout; Layout.Gather copies tensors that a
// program keeps in separate memory into one flat vector. Running statistics of normalization layers are not parameters:
// they are a second flat vector, state, of length S.
package record
