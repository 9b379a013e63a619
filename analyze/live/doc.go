// Package live follows runs while they are being recorded: numbers for a terminal
// and figures for a browser, from the rows on disk alone. The training process is
// neither asked nor slowed down.
//
//  1. A [Log] takes the rows of a run in order ([Log.Follow] reads them with
//     arrowfile.Reader.Follow) and keeps the scalars of every iterate, its step
//     length and the cosines with its predecessors.
//  2. [Log.Status] says how the run stands; [Status.Lines] and [Status.Line] say it
//     in words, for a terminal and for a log file.
//  3. [Log.Figures] draws what is known so far: loss, step length, cosine,
//     distance, and the path in the plane of its own first two principal
//     directions. [Server] serves them, with the report of the run, on loopback.
//
// Memory is bounded: when [MaxPoints] iterates are kept, every second one is
// dropped and figures say so. The plane is fitted to at most [maxKept] iterates
// spread over the run, exactly (snapshot PCA: the eigenvectors of the Gram matrix
// of the kept iterates), so that it costs one inner product with each of them for
// an iterate that is kept and nothing for the others.
package live
