// Package notebooks holds the notebooks to what they promise: its tests compile and
// run every cell, and look at the outputs that are kept in the files. README.md says
// how to install the kernel and open them.
package notebooks
