// Package sketch makes reduced recordings, for a model that is too large to record every
// parameter at every step. It keeps some tensors, a seeded random projection of all
// tensors, or values rounded to 16 bits.
//
//  1. A [Spec] says what to keep; [ParseSpec] reads its text, such as
//     "subset:conv*+project:256+float16", where the parts apply from left to right.
//  2. [Sink] wraps the function that opens a sink: the sink is opened with the
//     reduced header, and every row is reduced before it is written. The
//     header's Sketch says what was done.
//  3. [Reduce] does the same with an existing recording.
//  4. [Projection] is the linear map itself. It preserves norms and angles, and so
//     everything that an analysis computes from inner products, with a known error and
//     without storing its matrix.
//
// Step lengths, angles between updates, displacements and the scores of a PCA need only
// inner products, so these analyses read a sketch like any other run. A loss cannot be
// evaluated on a projection or a subset; record.Header.CheckEvaluable then returns an
// error.
package sketch
