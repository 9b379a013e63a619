// Package sketch makes reduced recordings: of a model too large to keep every
// parameter at every step, it keeps some tensors, a seeded random projection of
// all of them, or values rounded to 16 bits.
//
//  1. A [Spec] says what to keep; [ParseSpec] reads its text, such as
//     "subset:conv*+project:256+float16", where the parts apply from left to right.
//  2. [Sink] wraps the function that opens a sink: the sink is opened with the
//     reduced header, and every row is reduced before it is written. The
//     header's Sketch says what was done.
//  3. [Reduce] does the same to a recording that exists.
//  4. [Projection] is the linear map itself: it preserves norms, angles and so
//     everything that an analysis computes from inner products, to a stated
//     error and without ever storing its matrix.
//
// Inner products are all that step lengths, angles between updates, displacement
// and the scores of a PCA need, so those analyses read a sketch like any other
// run. A loss cannot be evaluated on a projection or a subset:
// record.Header.CheckEvaluable says so.
package sketch
