// Package figure draws the figures of the analyses at the quality of a paper: the
// walk of Xing et al. ([Walk]), a landscape with the paths of one or several runs
// ([Landscape]), a path without a landscape ([Trajectory]), line plots, single
// ([Curves]) or stacked ([Panels]), explained variance next to its null
// ([Spectrum]), and distances between checkpoints ([Distances]). It takes plain numbers
// and knows no analysis.
//
//  1. The caller fills one of these structs with numbers and labels.
//  2. [Save] checks it, draws it as SVG, PNG and PDF, and writes the numbers next to
//     it as CSV. [Render] writes one format to a writer.
//  3. Drawing computes the layout of the page in points: title, notes and legend take
//     the room that they need, the frames get the rest, so that nothing covers
//     anything.
//
// The packages beneath it:
//
//   - surface draws a landscape in space, animate draws the walk over it as a GIF,
//     vtk writes it for ParaView.
//   - internal/canvas has the page: text, axes, legends, and the three formats. It
//     is the only package that imports gonum.org/v1/plot.
//   - internal/plane has what a landscape is made of: the grid, its contours and
//     colours, and the paths on it.
//
// Labels may have sub- and superscripts as _{...} and ^{...}; the letters are those
// of Liberation Sans, which has Greek but no nabla. A grid value that is NaN or
// infinite is shown as such and counted, never filled in.
package figure
