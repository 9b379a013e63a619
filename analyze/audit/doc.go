// Package audit examines a series of checkpoints for faults: weights that belong to another
// step or another training, tensors that do not train, values that were rounded, steps that
// are missing.
//
//  1. [Run] reads every tensor of every checkpoint once, in parts. It keeps a hash of the
//     values, a few facts about their bits, and a random projection ([Sketch]).
//  2. Checks compare what was kept. Equal hashes are equal values. Everything that needs
//     distances uses the sketches, whose relative error is known.
//  3. Each [Finding] names step, tensor and file, a number, and the number that would be
//     expected. Events, such as an embedding that was initialized again, are findings that
//     are not faults.
//
// A distance alone is never a fault: a learning-rate schedule changes the speed of a walk by
// orders of magnitude. The checks ask whether a checkpoint fits to its neighbours better
// than to other steps, and compare every number with the same number at the other places
// of the series.
package audit
