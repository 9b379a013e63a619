// Package figure draws the figures of the analyses at the quality of a paper: the
// walk of Xing et al. ([Walk]), a landscape with the paths of one or several runs
// on it, flat ([Landscape]) or in space ([Surface]), the paths alone
// ([Trajectory]), line plots, single ([Curves]) or stacked ([Panels]), and
// explained variance beside its null ([Spectrum]). It
// takes plain numbers, knows no analysis, and is the only package that imports
// gonum.org/v1/plot.
//
//  1. The caller fills one of these structs with numbers and labels.
//  2. [Save] checks it, draws it as SVG, PNG and PDF, and puts the numbers beside
//     it as CSV. [Render] writes one format to a writer. An [Animation] of a
//     landscape is saved as GIF, and [Landscape.SaveVTK] writes it for ParaView.
//  3. Drawing lays the page out in points: title, notes and legend take what they
//     need, the frames get the rest, so that nothing covers anything.
//  4. All marks are filled and stroked paths and lines of text (device); a format
//     is one implementation of these.
//
// Labels may have sub- and superscripts as _{...} and ^{...}; the letters are those
// of Liberation Sans, which has Greek but no nabla. A grid value that is
// NaN or infinite is shown as such and counted, never filled in.
package figure
