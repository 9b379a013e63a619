// Package train runs the training loop. In every step the loop takes a
// mini-batch, computes its loss and gradient, gives the row to a record.Sink, and
// lets an optimizer update theta. The row is recorded before the update, so its
// loss and gradient belong to its theta.
//
//  1. A [Model] (train/nn) owns theta and computes mini-batch gradients.
//  2. An [Optimizer] (train/optim) changes theta in place.
//  3. A [Source] (train/replay) delivers the batches of a data set in a seeded order.
//  4. [Loop] runs the three together. [Loop.Run] returns a [Result] that says how
//     the run ended.
//  5. A [Checkpoint] holds everything from which a stopped run resumes with the
//     same bits as a run that was never stopped.
//
// The package does not import Gorgonia, file formats or analyses, so that any
// model and any sink can be used.
package train
