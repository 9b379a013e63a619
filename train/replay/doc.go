// Package replay turns a description of a run into the run: data, model,
// optimizer, batch order and loop. There is one way from a record.Header to
// them, used both to train and, later, to rebuild what the header says, so what
// was trained is what can be replayed.
//
//  1. [New] takes a [Config], what a user asks for, and returns an [Experiment]
//     whose Header is complete: data hash, layout, every hyperparameter.
//  2. [FromHeader] rebuilds an Experiment from the header of a recording and
//     refuses data or a layout that is not the recorded one.
//  3. [Experiment.Loop] is the training loop; [Experiment.TrainLoss] and
//     [Experiment.TestLoss] evaluate any theta over the whole sets, which is
//     what the analyses need: they satisfy analyze.Loss.
package replay
