// Package report makes one HTML file of what is known about one or several runs:
// a summary in words, every figure, tables of the key numbers, the warnings,
// where all of it comes from, and BibTeX of what is cited. It can be mailed: it
// loads nothing from anywhere.
//
//  1. [Open] reads a run's header and its finished results, RUN/analysis/NAME.
//  2. [Write] writes the page. A result that is not there leaves a section that
//     names the command which makes it.
//  3. With a copy of Plotly.js ([Options.Plotly]) or its pinned release
//     ([Options.PlotlyRelease]) the page has a view step by step besides: the
//     landscape as a surface to rotate, and one slider that moves a marker on
//     path, loss and walk together. Where the script does not load, the page is
//     complete, only still.
//
// Figures are drawn by others: their SVG is taken element by element from a list
// of what draws and does nothing else, their ids are made unique, and title and
// description stay as the text for readers who do not see them. A summary of an
// analysis that this package does not know is shown as tables all the same.
//
// A content security policy in the page forbids every request and every script
// but its own. The same run gives the same bytes; this package adds no time, no
// host and no path to them, but what a comment or a warning says stays as it is.
package report
