// Package result is the one form in which every analysis is written: a directory
// RUN/analysis/NAME with the data as CSV and Arrow, a summary.json with the
// numbers, warnings and provenance, and the figures.
//
//  1. [Create] makes the directory.
//  2. [Dir.Journal] gives a long analysis an analyze.Store, so that interrupted
//     work resumes where it stopped.
//  3. [Dir.Table] writes a table; [Dir.Keep] notes a file that somebody else
//     wrote there, such as a figure.
//  4. [Dir.Finish] writes summary.json, last of all.
//
// Every file appears under a temporary name and is renamed, so nobody reads half
// of one. A directory with a summary.json is complete: it names every file that
// belongs to the result. The first file of a new result removes the summary of an
// earlier one, and Finish removes the earlier result's files that the new one did
// not write again; files that no summary names are never touched.
//
// The same result gives the same bytes: there is no time, no host and no absolute
// path in a summary.
package result
