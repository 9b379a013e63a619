// Package live follows runs while they are being recorded: numbers for a terminal and
// figures for a browser. It reads only the rows on disk and does not slow down the
// training process.
//
//  1. A [Log] takes the rows of a run in order ([Log.Follow] reads them from the
//     files). A path.Meter measures each row, as the path analysis does.
//  2. [Log.Status] returns the state of the run; [Status.Lines] and [Status.Line] print
//     it for a terminal and for a log file.
//  3. [Log.Figures] draws the rows so far with package draw: loss, step length, cosine,
//     distance, and the path in the plane of its own first two principal directions
//     (pca.Snapshots). [Server] serves them, with the report of the run, on loopback.
//
// Memory and the cost of a row are bounded: when the log keeps [MaxPoints] iterates, it
// drops every second one, and the figures say so; the plane is fitted to at most 97
// iterates spread over the run.
package live
