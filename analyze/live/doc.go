// Package live follows runs while they are being recorded: numbers for a terminal and
// figures for a browser. It reads only the rows on disk and does not slow down the
// training process.
//
//  1. A [Log] takes the rows of a run in order ([Log.Follow] reads them from the
//     files). A path.Meter measures each row, as the path analysis does.
//  2. [Log.Status] returns the state of the run; [Status.Lines] and [Status.Line] print
//     it for a terminal and for a log file.
//  3. [Log.Figures] draws the rows so far with package draw: loss, step length, cosine,
//     distance, and the path in the plane of the first two principal directions of these
//     rows (pca.Snapshots). [Server] serves the figures and the report of the run on
//     loopback, and the [Losses] of all runs for one figure. Answers are kept for a moment
//     and requests are limited, so that many readers do not slow down the following.
//
// Memory and the cost of a row are bounded, because a run may have millions of steps: when
// the log has [MaxPoints] iterates, it drops every second iterate, and a note in the
// figures gives the fraction. The plane is fitted to at most 97 iterates that are spread
// over the run.
package live
