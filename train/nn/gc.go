package nn

// Gorgonia's tensors look at memory in a way that is right as long as the
// garbage collector does not move objects. This package, which both of them
// import, panics at start on Go releases that its version has not been told
// about. Imported here, its version is a direct requirement of this module, and
// the pin in go.mod is not mistaken for a leftover.
import _ "go4.org/unsafe/assume-no-moving-gc"
