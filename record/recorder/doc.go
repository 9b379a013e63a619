// Package recorder records a run while a program trains. It joins the reduction of rows (record/sketch), the
// queue between training and disk (arrowfile.Async) and the writer (arrowfile.Writer).
//
//  1. [Options.Budget] estimates the size of the recording and refuses a recording that does not fit.
//  2. [Create] begins a run, [Continue] continues one.
//  3. Append hands over rows. While it records, the recorder publishes [Counters] for programs that watch.
//  4. Close writes what waits. [Recorder.Stats] then returns the costs of the recording.
//
// [Inspect] describes the rows of a run, [List] the runs below a directory, and [Verify] compares a run with what its
// writer noted about it. [AddNote] and [ReadNotes] keep the user's notes, which are not a part of the recording.
package recorder
