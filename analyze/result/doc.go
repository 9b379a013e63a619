// Package result writes and reads the results of all analyses in the same form: a
// directory RUN/analysis/NAME with the data as CSV and Arrow, the figures, and a
// summary.json with numbers, warnings and provenance.
//
//  1. [Create] locks the directory, so that only one process at a time writes a result
//     in it.
//  2. [Dir.Journal] opens an analyze.Store for a long analysis, so that interrupted
//     work resumes where it stopped.
//  3. [Dir.Table] writes a table. [Dir.Keep] adds a file, such as a figure, that the
//     caller has written to [Dir.Stage].
//  4. [Dir.Finish] adds summary.json and replaces an earlier result. The caller must
//     call [Dir.Close] in any case.
//
// A result is replaced as a whole. All its files are written to a private directory,
// which then replaces the result's directory in one step. A killed process leaves the
// old or the new result, and the next process removes the remaining private directory.
// A directory with a summary.json is complete: the summary names every file of the
// result. Files that no summary names belong to the user and are never changed.
//
// The same result gives the same bytes: a summary has no time, no host name and no
// absolute path.
package result
