// Package plane has the parts of a figure of a plane in the space of theta: the grid
// of values and the paths of the runs on it.
//
//  1. A [Field] is the grid. It is refined between its samples, and cut by a level
//     into lines and regions (marching squares).
//  2. A [Relief] is a field with levels, colours and a colour bar.
//  3. A [Trail] is a path with its ink, its marks and its distance from the plane.
//
// Packages figure, surface, animate and vtk use it.
package plane
