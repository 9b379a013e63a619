// Package replay builds a run from its description: data, model, optimizer, batch
// order and loop. There is only one way from a record.Header to a run. Training
// uses it, and later analyses use it to rebuild the run, so every run that was
// trained can be replayed.
//
//  1. [New] takes a [Config], the settings of a user, and returns an [Experiment]. Its
//     Header is complete: data hash, layout, all hyperparameters.
//  2. [FromHeader] rebuilds an Experiment from the header of a recording. It refuses data
//     or a layout that differ from the recorded ones.
//  3. [Experiment.Loop] is the training loop. [Experiment.TrainLoss] and
//     [Experiment.TestLoss] evaluate any theta over the whole sets. Analyses need this;
//     the results implement analyze.Loss.
package replay
