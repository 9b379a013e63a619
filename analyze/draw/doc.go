// Package draw maps the results of analyses to figures of package figure, ready to be
// saved, styled or shown. No other package does.
//
//  1. [Path] and [Diffusion] draw the geometry of a run (package path).
//  2. [Walk] and [Profile] draw the loss between its iterates (package walk).
//  3. [Spectrum] and [Scores] draw its principal directions (package pca).
//  4. [Landscape] draws the loss around it, [Measures] what was measured with it and
//     [Lines] random lines (package landscape); [Line] and [Curve] draw the loss
//     between two points (package line).
//  5. [Averages] draws the loss of averages of the iterates (package average).
//
// [Drawing] is a function such as [PathOf], which loads a result from its files and draws all
// of its figures. The commands draw new results with them, and old results in another style.
// The notebooks draw with the functions above, so both show the same figure of
// the same result. Anything else is drawn with package figure from the tables:
// [Values] turns a column into what it takes.
package draw
