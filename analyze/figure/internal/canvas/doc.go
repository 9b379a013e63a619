// Package canvas is the page that figures are drawn on.
//
//  1. A [Device] takes filled and stroked paths and text. SVG and PDF are written
//     here; PNG is drawn by the image canvas of gonum.org/v1/plot, which only this
//     package imports.
//  2. A [Page] is a device with a size, a font size and the colours of a theme. It
//     draws titles, notes, legends and axes, and wraps text.
//  3. A [Frame] is a rectangle with two axes. It maps values to points of the page.
//
// Lengths are in points (1/72 inch). The origin is at the bottom left of the page.
// The same calls give the same bytes on every machine.
package canvas
