// Package curve measures a loss that was sampled along a line: the points of the
// line, the floor by a parabola, derivatives, polynomial fits. walk and line use
// the same definitions.
package curve
