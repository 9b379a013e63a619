// Package report writes the results of one or several runs as one HTML file: findings
// in plain sentences, all figures, tables of the key numbers, warnings, the provenance
// of every number, and BibTeX of the cited papers. The file loads nothing, so it can be
// sent by mail.
//
//  1. [Open] reads a run's header and its finished results, RUN/analysis/NAME.
//  2. [Write] writes the page. For a missing result, the page has a section with the
//     command that makes the result.
//  3. With a copy of Plotly.js ([Options.Plotly]) or its pinned release
//     ([Options.PlotlyRelease]), the page also has an interactive view: the landscape as
//     a surface that the reader can rotate, and a slider that moves a marker along path,
//     loss and walk together. If the script does not load, the page is complete but not
//     interactive.
//
// Figures come from files, which may be forged. Therefore the page takes from an SVG
// only the elements and attributes on a list; everything on the list draws and does
// nothing else. The page makes the ids unique, and keeps title and description as the
// text for readers who cannot see the figure. If this package does not know an analysis,
// the page shows the summary as tables.
//
// A content security policy in the page forbids all requests, and all scripts except
// the page's own. The same run gives the same bytes. This package adds no time, no host
// name and no path, but it does not change comments and warnings, which may have some.
package report
