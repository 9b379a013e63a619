// Package train runs the training loop: it takes batches in a seeded order,
// computes the loss and the gradient, hands every step to a record.Sink before
// the update, and lets an optimizer move theta.
//
//  1. A [Model] (train/nn) owns theta and computes mini-batch gradients.
//  2. An [Optimizer] (train/optim) changes theta in place.
//  3. [Loop] puts both together with a data set (train/dataset) and a sink.
//
// The package knows nothing of Gorgonia, of files or of the analyses.
package train
