// Package sweep trains and records a grid of runs from one initialization.
//
//  1. [ReadGrid] reads a TOML file, whose lists are the axes of the grid, and returns its cells.
//  2. [Sweep.Plan] builds every cell once, so that an impossible cell is named before any cell is trained.
//  3. [Sweep.Train] trains the cells that have not finished, several at a time. A cell that was interrupted
//     continues bit for bit. A cell that diverges or fails is a result, and the others are still trained.
//  4. [Sweep.Save] writes the table of all cells, as sweep.json and sweep.csv.
//
// Several processes may train cells of one sweep: each run is locked by the process that writes it.
package sweep
