// Package result is the one form in which every analysis is written: a directory
// RUN/analysis/NAME with the data as CSV and Arrow, a summary.json with the
// numbers, warnings and provenance, and the figures.
//
//  1. [Create] locks the directory: one process at a time makes a result in it.
//  2. [Dir.Journal] gives a long analysis an analyze.Store, so that interrupted
//     work resumes where it stopped.
//  3. [Dir.Table] writes a table, and [Dir.Keep] adds a file, such as a figure, that
//     the caller wrote to [Dir.Stage].
//  4. [Dir.Finish] adds summary.json and puts the new result in the place of an
//     earlier one. [Dir.Close] must be called in any case.
//
// A result is replaced as a whole. All its files are written to a private directory,
// which then takes the place of the result's directory in one step. A process that
// is killed leaves the old result or the new one, and the next one removes what it
// has left. A directory with a summary.json is complete: the summary names every
// file of the result. Files that no summary names are never touched.
//
// The same result gives the same bytes: there is no time, no host and no absolute
// path in a summary.
package result
